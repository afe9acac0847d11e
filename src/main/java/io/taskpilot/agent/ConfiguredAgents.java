package io.taskpilot.agent;

import io.taskpilot.engine.Agents;
import io.taskpilot.engine.CallContext;
import io.taskpilot.engine.ChatModel;
import io.taskpilot.engine.Tool;
import io.taskpilot.run.Agent;
import io.taskpilot.run.RunState;
import io.vertx.core.Future;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** The three agents as {@code conf/agents} defines them, on one model client. Stateless. */
public final class ConfiguredAgents implements Agents {
    private final Map<Agent, AgentDefinition> definitions;
    private final ChatModel model;
    private final @Nullable String modelName;

    /**
     * @param definitions of all three agents
     * @param modelName replaces the model of every agent's file
     */
    public ConfiguredAgents(Map<Agent, AgentDefinition> definitions, ChatModel model, @Nullable String modelName) {
        this.definitions = Map.copyOf(definitions);
        this.model = model;
        this.modelName = modelName;
    }

    @Override
    public Future<Reply> ask(
            Agent agent, RunState run, List<Tool.Spec> offered, CallContext call, Consumer<String> text) {
        var definition = Objects.requireNonNull(definitions.get(agent), "no definition of an agent");
        var tools = offered.stream()
                .filter(tool -> definition.tools().contains(tool.name()))
                .map(tool -> new ChatModel.Function(tool.name(), tool.description(), tool.parameters()))
                .toList();
        var planning = agent == Agent.PLANNER;
        var request = new ChatModel.Request(
                modelName == null ? definition.model() : modelName,
                new Prompt(definition, run).messages(),
                planning ? List.of(ProposeTask.FUNCTION) : tools,
                planning ? ProposeTask.NAME : null,
                definition.temperature(),
                definition.maxTokens());
        return model.chat(request, call, text).map(answer -> reply(agent, run, answer));
    }

    private static Reply reply(Agent agent, RunState run, ChatModel.Answer answer) {
        var parser = new AnswerParser(answer);
        var parsed = switch (agent) {
            case PLANNER -> parser.planner();
            case REVIEWER -> parser.reviewer();
            case EXECUTOR -> parser.executor(run.calls().size());
        };
        return new Reply(parsed, parser.raw(), answer.usage(), answer.provider(), answer.model());
    }
}
