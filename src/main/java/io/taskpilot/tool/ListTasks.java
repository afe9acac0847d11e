package io.taskpilot.tool;

import io.taskpilot.engine.CallContext;
import io.taskpilot.engine.RunReader;
import io.taskpilot.engine.RunReader.Page;
import io.taskpilot.engine.RunReader.PageRequest;
import io.taskpilot.engine.RunReader.TaskFilter;
import io.taskpilot.engine.RunReader.TaskView;
import io.taskpilot.engine.Tool;
import io.vertx.core.Future;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/** Lists tasks, newest first; without their descriptions, which would crowd a prompt. */
public final class ListTasks implements Tool {
    private static final int DEFAULT_LIMIT = 20;
    static final Spec SPEC = new Spec(
            "list_tasks",
            "Lists tasks, newest first, by status and priority if these are given.",
            TaskFields.schema(
                    Map.of(
                            "status", TaskFields.STATUS,
                            "priority", TaskFields.PRIORITY,
                            "limit", Map.of("type", "integer", "minimum", 1, "maximum", 50, "default", DEFAULT_LIMIT)),
                    List.of()),
            Duration.ofSeconds(10),
            false);

    private final RunReader reader;

    public ListTasks(RunReader reader) {
        this.reader = reader;
    }

    @Override
    public Spec spec() {
        return SPEC;
    }

    @Override
    public Future<Outcome> run(Invocation invocation, CallContext call) {
        var arguments = invocation.arguments();
        return reader.tasks(filter(arguments), new PageRequest(null, limit(arguments)))
                .map(ListTasks::listed);
    }

    static TaskFilter filter(Map<String, Object> arguments) {
        return new TaskFilter((String) arguments.get("status"), (String) arguments.get("priority"), null);
    }

    static int limit(Map<String, Object> arguments) {
        return arguments.get("limit") instanceof Number limit ? limit.intValue() : DEFAULT_LIMIT;
    }

    static Outcome listed(Page<TaskView> page) {
        var tasks = page.items().stream()
                .map(task -> TaskFields.view(task.id(), task.task(), task.status()))
                .toList();
        return new Outcome.Returned(Map.of("tasks", tasks, "more", page.next() != null), List.of());
    }
}
