package io.taskpilot.telemetry;

import io.vertx.core.Vertx;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** Measures how late timers fire on each event loop, and so whether the loops turn at all. Thread-safe. */
public final class EventLoops {
    private static final long PERIOD_MILLIS = 100;
    private static final Duration BLOCKED = Duration.ofSeconds(1);

    private final LoopMetrics metrics;
    private final Map<Thread, Long> loopToLastTick = new ConcurrentHashMap<>();

    public EventLoops(Metrics metrics) {
        this.metrics = metrics.loops();
    }

    /** Begins to sample the caller's loop; ends with the verticle that called. */
    public void sample(Vertx vertx) {
        var loop = Thread.currentThread();
        loopToLastTick.put(loop, System.nanoTime());
        vertx.setPeriodic(PERIOD_MILLIS, unused -> tick(loop));
    }

    private void tick(Thread loop) {
        var now = System.nanoTime();
        var before = loopToLastTick.put(loop, now);
        if (before != null) {
            var late = Duration.ofNanos(Math.max(0, now - before)).minusMillis(PERIOD_MILLIS);
            metrics.late(late.isNegative() ? Duration.ZERO : late);
            if (late.compareTo(BLOCKED) > 0) {
                metrics.blocked();
            }
        }
    }

    /** False when a sampled loop has not turned for {@code longest}. */
    public boolean areTurning(Duration longest) {
        var now = System.nanoTime();
        return loopToLastTick.values().stream().allMatch(tick -> now - tick < longest.toNanos());
    }

    /** Forgets the caller's loop. */
    public void stop() {
        loopToLastTick.remove(Thread.currentThread());
    }
}
