package io.taskpilot.engine;

import io.taskpilot.telemetry.Metrics;
import io.vertx.core.Future;
import io.vertx.core.VerticleBase;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Counts now and then what the database alone knows, so that a scrape asks nobody: approvals that wait, and when the last
 * backup was. While the database is away what was counted last stands.
 */
public final class Census extends VerticleBase {
    private static final Logger log = LoggerFactory.getLogger(Census.class);
    private static final double NANOS = 1e9;

    private final Source source;
    private final Duration every;
    private final Metrics metrics;
    private volatile @Nullable Reading last;
    private boolean closing;

    /** Where it is counted. Completes on the caller's context. */
    @FunctionalInterface
    public interface Source {
        Future<Counted> count();
    }

    /**
     * @param approvals without an answer
     * @param oldestSeconds for how long the oldest of them has waited, 0 when there is none
     * @param lastBackup in seconds since 1970, 0 when there was none
     */
    public record Counted(long approvals, double oldestSeconds, double lastBackup) {}

    private record Reading(Counted counted, long nanos) {}

    /** @param every from the end of one count to the next */
    public Census(Source source, Duration every, Metrics metrics) {
        this.source = source;
        this.every = every;
        this.metrics = metrics;
    }

    @Override
    public Future<?> start() {
        metrics.approvals().waiting(this::approvals, this::oldest);
        metrics.stores().lastBackup(this::lastBackup);
        count();
        return Future.succeededFuture();
    }

    private void count() {
        source.count()
                .onSuccess(counted -> last = new Reading(counted, System.nanoTime()))
                .onFailure(cause -> log.debug("nothing counted cause={}", cause.toString()))
                .onComplete(unused -> vertx.setTimer(every.toMillis(), timer -> {
                    if (!closing) {
                        count();
                    }
                }));
    }

    private double approvals() {
        var reading = last;
        return reading == null ? Double.NaN : reading.counted.approvals;
    }

    private double oldest() {
        var reading = last;
        if (reading == null) {
            return Double.NaN;
        }
        return reading.counted.approvals == 0
                ? 0
                : reading.counted.oldestSeconds + (System.nanoTime() - reading.nanos) / NANOS;
    }

    private double lastBackup() {
        var reading = last;
        return reading == null ? Double.NaN : reading.counted.lastBackup;
    }

    @Override
    public Future<?> stop() {
        closing = true;
        return Future.succeededFuture();
    }
}
