package io.taskpilot.tool;

import io.taskpilot.engine.CallContext;
import io.taskpilot.engine.RunReader;
import io.taskpilot.engine.RunReader.TaskView;
import io.taskpilot.engine.Tool;
import io.taskpilot.run.TaskChange;
import io.vertx.core.Future;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/** Deletes a task, one at a time. The shipped policy never allows it. */
public final class DeleteTask implements Tool {
    static final Spec SPEC = new Spec(
            "delete_task",
            "Deletes one task.",
            TaskFields.schema(Map.of("task_id", TaskFields.TASK_ID), List.of("task_id")),
            Duration.ofSeconds(10),
            false);

    private final RunReader reader;

    public DeleteTask(RunReader reader) {
        this.reader = reader;
    }

    @Override
    public Spec spec() {
        return SPEC;
    }

    @Override
    public Future<Outcome> run(Invocation invocation, CallContext call) {
        return Future.<Void>succeededFuture()
                .compose(unused -> reader.task(TaskFields.taskId(invocation.arguments())))
                .map(DeleteTask::deleted)
                .recover(TaskRead::refusedIfMissing);
    }

    static Outcome deleted(TaskView read) {
        var change = new TaskChange(TaskChange.Kind.DELETE, read.id(), read.version(), null);
        return new Outcome.Returned(TaskFields.view(read.id(), read.task(), "deleted"), List.of(change));
    }
}
