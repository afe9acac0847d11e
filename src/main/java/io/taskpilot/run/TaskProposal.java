package io.taskpilot.run;

import java.util.LinkedHashMap;
import java.util.Map;

/** The one task the planner proposes, and what {@code create_task} must be called with. */
public record TaskProposal(String title, String priority, String description) {

    /** As the arguments of {@code create_task}. */
    public Map<String, Object> arguments() {
        var arguments = new LinkedHashMap<String, Object>();
        arguments.put("title", title);
        arguments.put("priority", priority);
        arguments.put("description", description);
        return arguments;
    }

    /** True when {@code create_task} with these arguments makes exactly this; the description may be left out. */
    boolean equalsArguments(Map<String, Object> given) {
        return title.equals(given.get("title"))
                && priority.equals(given.get("priority"))
                && description.equals(given.getOrDefault("description", ""))
                && arguments().keySet().containsAll(given.keySet());
    }
}
