package io.taskpilot.engine;

import io.taskpilot.run.Agent;
import io.taskpilot.run.AgentAnswer;
import io.taskpilot.run.RunState;
import io.taskpilot.run.Usage;
import io.vertx.core.Future;
import java.util.List;
import java.util.function.Consumer;

/** Asks the agents: from a run's state to a prompt, and from a model's answer to an {@link AgentAnswer}. */
@FunctionalInterface
public interface Agents {

    /**
     * One model call. Completes on the caller's context; fails as {@link ChatModel#chat} does.
     *
     * @param offered the tools the executor is offered; ignored for the others
     * @param text told the text of the model's answer as it comes, as {@link ChatModel#chat} does
     */
    Future<Reply> ask(Agent agent, RunState run, List<Tool.Spec> offered, CallContext call, Consumer<String> text);

    /** @param raw the whole answer as the output rail must see it, tool arguments included as JSON */
    record Reply(AgentAnswer answer, String raw, Usage usage, String provider, String model) {}
}
