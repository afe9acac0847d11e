package io.taskpilot.resilience;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

class RetryTest {
    private static final Retry RETRY = new Retry(4, Duration.ofMillis(500), Duration.ofSeconds(8));

    @Property
    void pauseIsBelowItsDoublingBoundAndTheCap(@ForAll @IntRange(min = 1, max = 1000) int failed, @ForAll long seed) {
        var pause = RETRY.pause(failed, new SplittableRandom(seed));

        var bound = Math.min(8000, 500 * Math.pow(2, failed - 1));
        assertThat(pause).isBetween(Duration.ZERO, Duration.ofMillis((long) bound));
    }
}
