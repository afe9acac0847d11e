package io.taskpilot.app;

import io.taskpilot.run.RunStatus;

/** What the process says to the shell that started it. */
final class ExitCode {
    static final int OK = 0;
    static final int FAILURE = 1;
    /** Wrong usage or a wrong configuration. */
    static final int USAGE = 2;
    /** Of {@code policy backtest} and {@code decisions verify}: it did its work, and what it compared differs. */
    static final int DIFFERENT = 3;
    /** The database lost what it had committed, so the server stopped at once; {@code TaskPilotHistoryLost} looks for it. */
    static final int HISTORY_LOST = 70;

    private ExitCode() {}

    /** Of {@code run}, by how the run ended; a run that has not ended waits for an approval. */
    static int of(RunStatus status) {
        return switch (status) {
            case SUCCEEDED -> OK;
            case REJECTED -> 10;
            case BLOCKED -> 11;
            case FAILED -> 12;
            case TIMED_OUT -> 13;
            case CANCELLED -> 14;
            case AWAITING_APPROVAL -> 15;
            case QUEUED, RUNNING -> FAILURE;
        };
    }
}
