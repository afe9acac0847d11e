package io.taskpilot.agent;

import io.taskpilot.config.YamlMap;
import io.taskpilot.run.Agent;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * One agent as its file under {@code conf/agents} has it.
 *
 * @param model the provider's name of it
 * @param temperature 0..2
 * @param maxTokens of one answer, 1..200000
 * @param tools what the executor may be offered; empty for the others
 */
public record AgentDefinition(
        Agent agent, String instructions, String model, double temperature, int maxTokens, List<String> tools) {
    private static final int MOST_TOKENS = 200_000;
    private static final int INSTRUCTIONS_CHARS = 20_000;
    private static final int NAME_CHARS = 200;

    public AgentDefinition {
        tools = List.copyOf(tools);
    }

    /**
     * Reads {@code planner.yaml}, {@code reviewer.yaml} and {@code executor.yaml}; blocks. What it returns may not be
     * used if it added to {@code problems}.
     *
     * @param knownTools every tool there can be, configured or not: other names are typos
     */
    public static Map<Agent, AgentDefinition> load(Path directory, Set<String> knownTools, List<String> problems) {
        var definitions = new EnumMap<Agent, AgentDefinition>(Agent.class);
        for (var agent : Agent.values()) {
            var file = YamlMap.read(directory.resolve(agent.name().toLowerCase(Locale.ROOT) + ".yaml"), problems);
            if (file != null) {
                definitions.put(agent, read(agent, file, knownTools));
            }
        }
        return definitions;
    }

    private static AgentDefinition read(Agent agent, YamlMap file, Set<String> knownTools) {
        var definition = new AgentDefinition(
                agent,
                file.text("instructions", INSTRUCTIONS_CHARS),
                file.text("model", NAME_CHARS),
                file.number("temperature", 0, 2),
                file.integer("maxTokens", 1, MOST_TOKENS),
                agent == Agent.EXECUTOR ? tools(file, knownTools) : List.of());
        file.refuseUnread();
        return definition;
    }

    private static List<String> tools(YamlMap file, Set<String> knownTools) {
        var tools = file.texts("tools");
        for (var i = 0; i < tools.size(); i++) {
            if (!knownTools.contains(tools.get(i))) {
                var expected = "one of "
                        + String.join(", ", knownTools.stream().sorted().toList());
                file.wrong("tools[" + i + "]", tools.get(i), expected);
            }
        }
        return tools;
    }
}
