package io.taskpilot.tool;

import io.taskpilot.resilience.Failure;
import io.taskpilot.run.TaskProposal;
import io.taskpilot.run.TaskStatus;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/** The fields of a task as agents see them: JSON Schemas of arguments, and results. */
final class TaskFields {
    static final Map<String, Object> TASK_ID = Map.of(
            "type", "string",
            "pattern", "^task_[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
            "maxLength", 41, // "$" alone lets a line feed follow
            "description", "As in a result of create_task or list_tasks");
    static final Map<String, Object> TITLE = Map.of("type", "string", "minLength", 1, "maxLength", 500);
    static final Map<String, Object> PRIORITY = Map.of("type", "string", "enum", List.of("high", "medium", "low"));
    static final Map<String, Object> DESCRIPTION = Map.of("type", "string", "maxLength", 10_000);
    static final Map<String, Object> STATUS = Map.of(
            "type",
            "string",
            "enum",
            Arrays.stream(TaskStatus.values()).map(TaskStatus::word).toList());

    private static final String PREFIX = "task_";

    private TaskFields() {}

    static Map<String, Object> schema(Map<String, Object> properties, List<String> required) {
        return Map.of("type", "object", "properties", properties, "required", required, "additionalProperties", false);
    }

    /** @throws Failure when the text, which the schema has let pass, is no id after all */
    static UUID taskId(Map<String, Object> arguments) {
        var text = String.valueOf(arguments.get("task_id"));
        try {
            return UUID.fromString(text.substring(Math.min(PREFIX.length(), text.length())));
        } catch (IllegalArgumentException e) {
            throw Failure.of(Failure.Kind.INVALID, "caller-invalid", "task_id: not an id", e);
        }
    }

    static Map<String, Object> view(UUID id, TaskProposal task, String status) {
        var view = new LinkedHashMap<String, Object>();
        view.put("task_id", PREFIX + id);
        view.put("title", task.title());
        view.put("priority", task.priority());
        view.put("status", status);
        return view;
    }

    static String text(Map<String, Object> arguments, String field, String otherwise) {
        return arguments.get(field) instanceof String text ? text : otherwise;
    }
}
