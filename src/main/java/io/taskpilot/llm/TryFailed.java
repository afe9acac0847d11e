package io.taskpilot.llm;

import io.taskpilot.resilience.Failure;
import java.time.Duration;

/** A try that failed before the first byte of an answer, so that another may follow. */
final class TryFailed extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final Failure failure;
    private final Duration atLeast;

    /**
     * @param failure what the call fails with if no other try follows
     * @param atLeast how long the provider asks to be left alone
     */
    TryFailed(Failure failure, Duration atLeast) {
        super(failure.detail(), failure, false, false);
        this.failure = failure;
        this.atLeast = atLeast;
    }

    Failure failure() {
        return failure;
    }

    Duration atLeast() {
        return atLeast;
    }
}
