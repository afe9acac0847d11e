package io.taskpilot.tool;

import io.taskpilot.engine.CallContext;
import io.taskpilot.engine.RunReader;
import io.taskpilot.engine.RunReader.PageRequest;
import io.taskpilot.engine.RunReader.TaskFilter;
import io.taskpilot.engine.Tool;
import io.taskpilot.run.TaskStatus;
import io.vertx.core.Future;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Lists tasks, newest first. */
final class ListTasks implements Tool {
    private static final int LIMIT = 50;
    private static final Spec SPEC = new Spec(
            "list_tasks",
            "Lists tasks, newest first.",
            TaskArguments.schema(Map.of(
                    "status",
                    Map.of(
                            "type",
                            "string",
                            "enum",
                            Arrays.stream(TaskStatus.values())
                                    .map(TaskStatus::word)
                                    .toList()),
                    "priority",
                    TaskArguments.PRIORITY,
                    "limit",
                    Map.of("type", "integer", "minimum", 1, "maximum", LIMIT))),
            Duration.ofSeconds(30),
            false);

    private final RunReader reader;

    ListTasks(RunReader reader) {
        this.reader = reader;
    }

    @Override
    public Spec spec() {
        return SPEC;
    }

    @Override
    public Future<Outcome> run(Invocation invocation, CallContext call) {
        var arguments = invocation.arguments();
        var limit = arguments.get("limit") instanceof Number number ? number.intValue() : LIMIT;
        var filter = new TaskFilter(text(arguments, "status"), text(arguments, "priority"), null);
        return reader.tasks(filter, new PageRequest(null, limit))
                .map(page -> new Outcome.Returned(
                        Map.of(
                                "items",
                                page.items().stream().map(TaskArguments::result).toList()),
                        List.of()));
    }

    private static @Nullable String text(Map<String, Object> arguments, String key) {
        return arguments.get(key) instanceof String text ? text : null;
    }
}
