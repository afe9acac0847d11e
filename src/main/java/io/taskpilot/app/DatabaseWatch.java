package io.taskpilot.app;

import io.taskpilot.journal.Database;
import io.taskpilot.telemetry.HealthRegistry;
import io.vertx.core.Vertx;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Keeps what probes say of PostgreSQL up to date, so that they need not ask it. */
final class DatabaseWatch {
    private static final Logger log = LoggerFactory.getLogger(DatabaseWatch.class);
    private static final String NAME = "postgres";
    private static final long LEVEL_MILLIS = 500;

    /** A reload or a fail-over may change them. */
    private static final long STANDBYS_MILLIS = 5_000;

    private final Vertx vertx;
    private final Database database;
    private final HealthRegistry health;
    private final AtomicBoolean asking = new AtomicBoolean();

    DatabaseWatch(Vertx vertx, Database database, HealthRegistry health) {
        this.vertx = vertx;
        this.database = database;
        this.health = health;
    }

    /** Until Vert.x is closed. */
    void start() {
        look();
        vertx.setPeriodic(LEVEL_MILLIS, unused -> look());
        vertx.setPeriodic(1, STANDBYS_MILLIS, unused -> askForStandbys());
    }

    private void look() {
        if (database.isWell()) {
            health.up(NAME, "answers");
        } else {
            health.down(NAME, "does not answer, or takes no writes: runs wait, new ones are refused");
        }
    }

    /** One question at a time: the answer of a database in trouble may take longer than a period. */
    private void askForStandbys() {
        if (!asking.compareAndSet(false, true)) {
            return;
        }
        database.synchronousStandbys()
                .onSuccess(names -> health.setting(NAME, "synchronous_standby_names", names))
                .onFailure(cause -> log.debug("standbys are not known", cause)) // what was known stands
                .onComplete(done -> asking.set(false));
    }
}
