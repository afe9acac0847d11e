package io.taskpilot.agent;

import io.taskpilot.engine.ChatModel;
import io.taskpilot.run.StorableText;
import io.taskpilot.run.TaskProposal;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/** The function by which the planner proposes. Not a tool: calling it has no effect. Lengths count code points. */
final class ProposeTask {
    static final String NAME = "propose_task";

    private static final int TITLE_MAX = 500;
    private static final int DESCRIPTION_MAX = 10_000;
    private static final List<String> PRIORITIES = List.of("high", "medium", "low");

    static final ChatModel.Function FUNCTION =
            new ChatModel.Function(NAME, "Proposes the one task that the request asks for.", schema());

    private ProposeTask() {}

    private static Map<String, Object> schema() {
        var properties = new LinkedHashMap<String, Object>();
        properties.put("title", Map.of("type", "string", "minLength", 1, "maxLength", TITLE_MAX));
        properties.put("priority", Map.of("type", "string", "enum", PRIORITIES));
        properties.put("description", Map.of("type", "string", "maxLength", DESCRIPTION_MAX));
        return Map.of(
                "type",
                "object",
                "properties",
                properties,
                "required",
                List.copyOf(properties.keySet()),
                "additionalProperties",
                false);
    }

    /** What is wrong with a call's arguments; empty if nothing is. */
    static List<String> mistakes(Map<String, Object> arguments) {
        var mistakes = new ArrayList<String>();
        text(arguments, "title", 1, TITLE_MAX, mistakes);
        text(arguments, "priority", 1, TITLE_MAX, mistakes);
        if (arguments.get("priority") instanceof String priority && !PRIORITIES.contains(priority)) {
            mistakes.add("priority: not one of high, medium, low");
        }
        text(arguments, "description", 0, DESCRIPTION_MAX, mistakes);
        for (var key : arguments.keySet()) {
            if (!List.of("title", "priority", "description").contains(key)) {
                mistakes.add(StorableText.cut(key, 40) + ": unknown property");
            }
        }
        return mistakes;
    }

    private static void text(Map<String, Object> arguments, String key, int min, int max, List<String> mistakes) {
        if (!arguments.containsKey(key)) {
            mistakes.add(key + ": missing");
        } else if (!(arguments.get(key) instanceof String text)) {
            mistakes.add(key + ": expected a text");
        } else {
            var length = text.codePointCount(0, text.length());
            if (length > max || length < min || (min > 0 && text.isBlank())) {
                var blank = min > 0 ? ", not blank" : "";
                mistakes.add("%s: %d characters (expected: %d..%d%s)".formatted(key, length, min, max, blank));
            }
        }
    }

    /** @param arguments without mistakes */
    static TaskProposal proposal(Map<String, Object> arguments) {
        return new TaskProposal(
                (String) Objects.requireNonNull(arguments.get("title")),
                (String) Objects.requireNonNull(arguments.get("priority")),
                (String) Objects.requireNonNull(arguments.get("description")));
    }
}
