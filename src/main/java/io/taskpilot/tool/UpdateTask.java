package io.taskpilot.tool;

import io.taskpilot.engine.CallContext;
import io.taskpilot.engine.RunReader;
import io.taskpilot.engine.RunReader.TaskView;
import io.taskpilot.engine.Tool;
import io.taskpilot.run.TaskChange;
import io.taskpilot.run.TaskProposal;
import io.vertx.core.Future;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Changes a task, provided that it is still at the version that was read when the change is recorded. */
public final class UpdateTask implements Tool {
    static final Spec SPEC = new Spec(
            "update_task",
            "Changes the title, priority or description of a task; what is left out stays as it is.",
            parameters(),
            Duration.ofSeconds(10),
            false);

    private final RunReader reader;

    public UpdateTask(RunReader reader) {
        this.reader = reader;
    }

    @Override
    public Spec spec() {
        return SPEC;
    }

    @Override
    public Future<Outcome> run(Invocation invocation, CallContext call) {
        var arguments = invocation.arguments();
        return Future.<Void>succeededFuture()
                .compose(unused -> reader.task(TaskFields.taskId(arguments)))
                .map(task -> updated(task, arguments))
                .recover(TaskRead::refusedIfMissing);
    }

    static Outcome updated(TaskView read, Map<String, Object> arguments) {
        var old = read.task();
        var task = new TaskProposal(
                TaskFields.text(arguments, "title", old.title()),
                TaskFields.text(arguments, "priority", old.priority()),
                TaskFields.text(arguments, "description", old.description()));
        var change = new TaskChange(TaskChange.Kind.UPDATE, read.id(), read.version(), task);
        return new Outcome.Returned(TaskFields.view(read.id(), task, read.status()), List.of(change));
    }

    private static Map<String, Object> parameters() {
        var schema = new HashMap<>(TaskFields.schema(
                Map.of(
                        "task_id", TaskFields.TASK_ID,
                        "title", TaskFields.TITLE,
                        "priority", TaskFields.PRIORITY,
                        "description", TaskFields.DESCRIPTION),
                List.of("task_id")));
        schema.put("minProperties", 2); // the id alone changes nothing
        return Map.copyOf(schema);
    }
}
