package io.taskpilot.app;

/** Why a command could not do its work, in words for whoever typed it; exit code 1. */
final class CommandFailure extends RuntimeException {
    private static final long serialVersionUID = 1L;

    CommandFailure(String message) {
        super(message, null, false, false);
    }
}
