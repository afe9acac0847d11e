package io.taskpilot.tool;

import static io.taskpilot.tool.TaskArguments.ID;

import io.taskpilot.engine.CallContext;
import io.taskpilot.engine.RunReader;
import io.taskpilot.engine.Tool;
import io.taskpilot.run.TaskChange;
import io.vertx.core.Future;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/** Deletes one task. The shipped policy never allows it; another may. */
final class DeleteTask implements Tool {
    private static final Spec SPEC = new Spec(
            "delete_task",
            "Deletes a task.",
            TaskArguments.schema(Map.of("task_id", ID), "task_id"),
            Duration.ofSeconds(30),
            false);

    private final RunReader reader;

    DeleteTask(RunReader reader) {
        this.reader = reader;
    }

    @Override
    public Spec spec() {
        return SPEC;
    }

    @Override
    public Future<Outcome> run(Invocation invocation, CallContext call) {
        return reader.task(TaskArguments.id(invocation.arguments()))
                .map(found -> new Outcome.Returned(
                        TaskArguments.result(found.id(), found.task(), "deleted"),
                        List.of(new TaskChange(TaskChange.Kind.DELETE, found.id(), found.version(), null))));
    }
}
