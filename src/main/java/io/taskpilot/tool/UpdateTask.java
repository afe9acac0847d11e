package io.taskpilot.tool;

import static io.taskpilot.tool.TaskArguments.DESCRIPTION;
import static io.taskpilot.tool.TaskArguments.ID;
import static io.taskpilot.tool.TaskArguments.PRIORITY;
import static io.taskpilot.tool.TaskArguments.TITLE;

import io.taskpilot.engine.CallContext;
import io.taskpilot.engine.RunReader;
import io.taskpilot.engine.Tool;
import io.taskpilot.run.TaskChange;
import io.vertx.core.Future;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/** Changes a task's content. What is not given stays. */
final class UpdateTask implements Tool {
    private static final Spec SPEC = new Spec(
            "update_task",
            "Changes the title, priority or description of a task.",
            TaskArguments.schema(
                    Map.of("task_id", ID, "title", TITLE, "priority", PRIORITY, "description", DESCRIPTION), "task_id"),
            Duration.ofSeconds(30),
            false);

    private final RunReader reader;

    UpdateTask(RunReader reader) {
        this.reader = reader;
    }

    @Override
    public Spec spec() {
        return SPEC;
    }

    @Override
    public Future<Outcome> run(Invocation invocation, CallContext call) {
        return reader.task(TaskArguments.id(invocation.arguments())).map(found -> {
            var task = TaskArguments.task(invocation.arguments(), found.task());
            return new Outcome.Returned(
                    TaskArguments.result(found.id(), task, found.status()),
                    List.of(new TaskChange(TaskChange.Kind.UPDATE, found.id(), found.version(), task)));
        });
    }
}
