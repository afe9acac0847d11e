package io.taskpilot.tool;

import io.taskpilot.engine.RunReader.TaskView;
import io.taskpilot.run.TaskProposal;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/** What the task tools' arguments and results look like. */
final class TaskArguments {
    private static final String UUID_PATTERN = "^task_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$";

    static final Map<String, Object> ID = Map.of("type", "string", "pattern", UUID_PATTERN);
    static final Map<String, Object> TITLE = Map.of("type", "string", "minLength", 1, "maxLength", 500);
    static final Map<String, Object> PRIORITY = Map.of("type", "string", "enum", List.of("high", "medium", "low"));
    static final Map<String, Object> DESCRIPTION = Map.of("type", "string", "maxLength", 10_000);

    private TaskArguments() {}

    /** A JSON Schema that knows these properties and no others. */
    static Map<String, Object> schema(Map<String, Object> properties, String... required) {
        return Map.of(
                "type",
                "object",
                "properties",
                properties,
                "required",
                List.of(required),
                "additionalProperties",
                false);
    }

    static UUID id(Map<String, Object> arguments) {
        return UUID.fromString(text(arguments, "task_id", "").substring("task_".length()));
    }

    static String text(Map<String, Object> arguments, String key, String otherwise) {
        return arguments.get(key) instanceof String text ? text : otherwise;
    }

    static TaskProposal task(Map<String, Object> arguments, TaskProposal otherwise) {
        return new TaskProposal(
                text(arguments, "title", otherwise.title()),
                text(arguments, "priority", otherwise.priority()),
                text(arguments, "description", otherwise.description()));
    }

    static Map<String, Object> result(UUID id, TaskProposal task, String status) {
        var result = new LinkedHashMap<String, Object>();
        result.put("task_id", "task_" + id);
        result.putAll(task.arguments());
        result.put("status", status);
        return result;
    }

    static Map<String, Object> result(TaskView view) {
        return result(view.id(), view.task(), view.status());
    }
}
