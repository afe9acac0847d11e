package io.taskpilot.engine;

import io.taskpilot.resilience.Failure;
import io.taskpilot.telemetry.DependencyMetrics;
import io.taskpilot.telemetry.HealthRegistry;
import io.vertx.core.Future;
import java.nio.file.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * An object store, and whether it works: what it was asked goes to the health registry and the metrics. That it took or
 * gave something says nothing, as any web server does; who has read back what it stored says so.
 */
public final class WatchedStore {
    private static final Logger log = LoggerFactory.getLogger(WatchedStore.class);
    private static final String NAME = "objects";

    private final ObjectStore store;
    private final HealthRegistry health;
    private final String engine;
    private volatile boolean answers = true;

    /** @param engine names the store, in {@code /health} and beside what it has: another name is another store */
    public WatchedStore(ObjectStore store, HealthRegistry health, DependencyMetrics metrics, String engine) {
        this.store = store;
        this.health = health;
        this.engine = engine;
        metrics.shown(NAME, () -> answers);
    }

    String name() {
        return engine;
    }

    /** Whether the store can be used. Never fails. */
    Future<Boolean> check() {
        return watched(store.check()).onSuccess(unused -> worked()).map(true).otherwise(false);
    }

    Future<Void> put(String key, Path file) {
        return watched(store.put(key, file));
    }

    Future<Void> get(String key, Path file) {
        return watched(store.get(key, file));
    }

    Future<Void> delete(String key) {
        return watched(store.delete(key)).onSuccess(unused -> worked());
    }

    private Future<Void> watched(Future<Void> answer) {
        return answer.onFailure(cause -> {
            if (isAway(cause)) {
                lost(cause);
            }
        });
    }

    /** What it gave is what was stored. */
    void worked() {
        answers = true;
        health.up(NAME, engine);
    }

    /** What was stored can't be read back, or it could not be asked. */
    void lost(Throwable cause) {
        if (answers) {
            log.warn("archive does not take objects cause={} because={}", cause, because(cause));
        }
        answers = false;
        var why = cause instanceof Failure failure ? " (" + failure.detail() + ")" : "";
        health.degraded(NAME, "does not take objects: traces wait in PostgreSQL, and copies of seals do" + why);
    }

    private static String because(Throwable cause) {
        var inner = cause.getCause();
        return inner == null ? "" : inner.getClass().getSimpleName() + ": " + inner.getMessage();
    }

    /** True when the store, or the database, could not be asked, whatever the question. */
    static boolean isAway(Throwable cause) {
        return cause instanceof Failure failure && failure.kind() == Failure.Kind.UNAVAILABLE;
    }
}
