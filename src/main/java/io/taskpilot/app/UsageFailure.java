package io.taskpilot.app;

/** What was typed does not make sense; exit code 2. */
final class UsageFailure extends RuntimeException {
    private static final long serialVersionUID = 1L;

    UsageFailure(String message) {
        super(message, null, false, false);
    }
}
