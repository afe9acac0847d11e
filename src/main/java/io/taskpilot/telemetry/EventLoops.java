package io.taskpilot.telemetry;

import io.vertx.core.Vertx;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/** Measures how late timers fire on each event loop, and so whether the loops turn at all. Thread-safe. */
public final class EventLoops {
    private static final long PERIOD_MILLIS = 100;
    private static final long PERIOD_NANOS = PERIOD_MILLIS * 1_000_000;
    private static final long BLOCKED_NANOS = 1_000_000_000;

    private final LoopMetrics metrics;
    private final Map<Thread, Long> loopToLastTick = new ConcurrentHashMap<>();
    private final AtomicLong blockedAt = new AtomicLong(System.nanoTime() - BLOCKED_NANOS);

    EventLoops(LoopMetrics metrics) {
        this.metrics = metrics;
    }

    /** Begins to sample the caller's loop, unless another verticle there does; ends with the verticle that called. */
    public void sample(Vertx vertx) {
        var loop = Thread.currentThread();
        if (loopToLastTick.putIfAbsent(loop, System.nanoTime()) == null) {
            vertx.setPeriodic(PERIOD_MILLIS, unused -> tick(loop));
        }
    }

    private void tick(Thread loop) {
        var now = System.nanoTime();
        var before = loopToLastTick.put(loop, now);
        if (before != null) {
            late(Math.max(0, now - before - PERIOD_NANOS));
        }
    }

    void late(long nanos) {
        metrics.late(Duration.ofNanos(nanos));
        var now = System.nanoTime();
        var before = blockedAt.get();
        // What stops the whole process stops every loop, and counts once.
        if (nanos >= BLOCKED_NANOS && now - before >= BLOCKED_NANOS && blockedAt.compareAndSet(before, now)) {
            metrics.blocked();
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
