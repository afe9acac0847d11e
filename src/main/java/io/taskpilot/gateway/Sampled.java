package io.taskpilot.gateway;

import java.util.function.LongSupplier;

/** Lets so many through a second, and counts the rest. Thread-safe. */
final class Sampled {
    private static final long SECOND = 1_000_000_000;

    private final int most;
    private final LongSupplier nanos;
    private long since;
    private int taken;
    private int skipped;

    /** @param nanos the monotonic clock, as {@link System#nanoTime} */
    Sampled(int most, LongSupplier nanos) {
        this.most = most;
        this.nanos = nanos;
        since = nanos.getAsLong();
    }

    /** How many were skipped since the last one that was not; -1 to skip this one. */
    synchronized int take() {
        var now = nanos.getAsLong();
        if (now - since >= SECOND) {
            since = now;
            taken = 0;
        }
        if (taken == most) {
            skipped++;
            return -1;
        }
        taken++;
        var before = skipped;
        skipped = 0;
        return before;
    }
}
