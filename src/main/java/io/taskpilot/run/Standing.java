package io.taskpilot.run;

import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A run's status, and the time it has spent parked.
 *
 * @param parkedSince set while the run awaits an approval
 * @param parked closed waits only
 */
record Standing(RunStatus status, @Nullable Instant parkedSince, Duration parked) {
    static final Standing QUEUED = new Standing(RunStatus.QUEUED, null, Duration.ZERO);

    /** @throws IllegalStateException for a change that {@link RunStatus#next} does not have */
    Standing become(RunStatus next, Instant at) {
        if (!status.next().contains(next)) {
            throw new IllegalStateException("%s cannot become %s".formatted(status.word(), next.word()));
        }
        var waited = parkedSince == null ? parked : parked.plus(Duration.between(parkedSince, at));
        return new Standing(next, next == RunStatus.AWAITING_APPROVAL ? at : null, waited);
    }
}
