package io.taskpilot.resilience;

import java.time.Duration;

/**
 * The moment by which something must be answered, on the monotonic clock of this process. Calls made for it get what is
 * left, not a fresh timeout each.
 */
public final class Deadline {
    private final long atNanos;

    private Deadline(long atNanos) {
        this.atNanos = atNanos;
    }

    public static Deadline in(Duration budget) {
        return new Deadline(System.nanoTime() + budget.toNanos());
    }

    /** The earlier of this and a fresh budget. */
    public Deadline within(Duration budget) {
        var other = in(budget);
        return other.atNanos - atNanos < 0 ? other : this;
    }

    public boolean hasPassed() {
        return atNanos - System.nanoTime() <= 0;
    }

    /** At least a millisecond, as Vert.x reads a timeout of 0 as none. */
    public Duration remaining() {
        var left = Duration.ofNanos(atNanos - System.nanoTime());
        return left.toMillis() > 0 ? left : Duration.ofMillis(1);
    }

    /** {@link #remaining} in milliseconds, 1 or more. */
    public long remainingMillis() {
        return remaining().toMillis();
    }
}
