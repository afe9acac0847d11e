package io.taskpilot.tool;

import io.taskpilot.engine.Tool.Outcome;
import io.taskpilot.resilience.Failure;
import io.vertx.core.Future;

/** What it means to a tool that a task could not be read. */
final class TaskRead {
    private TaskRead() {}

    static Future<Outcome> refusedIfMissing(Throwable cause) {
        var refused = cause instanceof Failure failure
                && (failure.kind() == Failure.Kind.NOT_FOUND || failure.kind() == Failure.Kind.INVALID);
        return refused ? Future.succeededFuture(new Outcome.Refused("no such task")) : Future.failedFuture(cause);
    }
}
