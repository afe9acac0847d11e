package io.taskpilot.journal;

import io.taskpilot.engine.Journal.TaskConflict;
import io.taskpilot.run.TaskChange;
import io.vertx.core.Future;
import io.vertx.sqlclient.Tuple;

/** Changes to tasks that were there before, which other runs may change too: each holds only for the version it knew. */
final class TaskChanges {
    private static final String UPDATE = """
            update tasks set title = $3, priority = $4, description = $5, version = version + 1,
              updated_at = clock_timestamp()
            where id = $1 and version = $2
            """;

    private static final String DELETE = "delete from tasks where id = $1 and version = $2";

    private TaskChanges() {}

    /** In the append's transaction, in order; fails with {@link TaskConflict}, and the transaction with it. */
    static Future<Void> apply(Sql sql, Append append) {
        var done = Future.<Void>succeededFuture();
        for (var change : append.conditional) {
            done = done.compose(unused -> apply(sql, change));
        }
        return done;
    }

    private static Future<Void> apply(Sql sql, TaskChange change) {
        var task = change.task();
        var statement = task == null
                ? sql.run(DELETE, Tuple.of(change.taskId(), change.version()))
                : sql.run(
                        UPDATE,
                        Tuple.of(
                                change.taskId(),
                                change.version(),
                                JsonText.clean(task.title()),
                                JsonText.clean(task.priority()),
                                JsonText.clean(task.description())));
        return statement.compose(rows -> rows.rowCount() == 1
                ? Future.succeededFuture()
                : Future.failedFuture(new TaskConflict(change.taskId())));
    }
}
