package io.taskpilot.resilience;

import java.time.Duration;
import java.util.random.RandomGenerator;

/**
 * How often to try, and how long to wait between tries: exponential, with full jitter, so that callers who failed
 * together do not come back together.
 *
 * @param attempts in all, the first one included
 * @param base the first wait is below this, each further one below twice the one before
 * @param cap no wait is above this
 */
public record Retry(int attempts, Duration base, Duration cap) {
    private static final int MOST_DOUBLINGS = 20;

    /** @param failed tries so far, from 1 */
    public Duration pause(int failed, RandomGenerator random) {
        var doublings = Math.min(failed - 1, MOST_DOUBLINGS);
        var bound = Math.min(cap.toNanos(), base.toNanos() << doublings);
        return Duration.ofNanos(bound <= 0 ? 0 : random.nextLong(bound + 1));
    }
}
