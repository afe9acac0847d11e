package io.taskpilot.config;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/** Finds what was set and is not read by anything: almost always a misspelt key. */
final class UnknownKeys {
    /** Variables with our prefix that are not settings: the launcher's, the client's, the tests'. */
    private static final Set<String> OTHER_VARIABLES = Set.of(
            "TASKPILOT_HOME",
            "TASKPILOT_SERVER",
            "TASKPILOT_API_KEY",
            "TASKPILOT_API_KEY_FILE",
            "TASKPILOT_REQUIRE_TOOLS");

    private final Set<String> paths;
    private final Set<String> variables = new TreeSet<>(OTHER_VARIABLES);
    private final List<String> found = new ArrayList<>();

    UnknownKeys(Set<String> paths) {
        this.paths = paths;
        paths.forEach(path -> variables.add(Setting.variable(path)));
    }

    /** One line for each. Values are left out: one may be a secret under a misspelt key. */
    List<String> in(Sources sources, JsonNode tree, String file) {
        tree.forEachEntry((key, value) -> walk("", key, value, file));
        for (var flag : new TreeSet<>(sources.flags().keySet())) {
            if (!paths.contains(flag)) {
                found.add("%s: unknown key%s, from a flag".formatted(flag, nearest(flag, paths)));
            }
        }
        for (var name : new TreeSet<>(sources.environment().keySet())) {
            if (name.startsWith(Setting.PREFIX) && !variables.contains(name)) {
                found.add("%s: unknown variable%s%s".formatted(name, nearest(name, variables), hint(name)));
            }
        }
        return found;
    }

    private void walk(String parent, String key, JsonNode value, String file) {
        var path = parent + key;
        if (key.contains(".")) {
            found.add("%s: unknown key (expected: nested mappings, not dots), from %s".formatted(path, file));
        } else if (paths.contains(path)) {
            return; // its reader says what is wrong with it
        } else if (paths.stream().noneMatch(known -> known.startsWith(path + ".")) && !path.equals("tools.webhooks")) {
            found.add("%s: unknown key%s, from %s".formatted(path, nearest(path, paths), file));
        } else if (value.isObject()) {
            value.forEachEntry((name, inner) -> walk(path + ".", name, inner, file));
        } else if (!value.isNull()) {
            found.add("%s: not a mapping (expected: keys under it), from %s".formatted(path, file));
        }
    }

    private static String hint(String name) {
        return name.startsWith(Setting.variable("tools.webhooks."))
                ? " (a variable can't add a webhook: its entry has to be in the file)"
                : "";
    }

    private static String nearest(String unknown, Set<String> known) {
        var best = Spelling.nearest(unknown, known);
        return best == null ? "" : ", did you mean " + best + "?";
    }
}
