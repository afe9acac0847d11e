package io.taskpilot.engine;

import io.taskpilot.config.TaskPilotConfig.Guardrails.Streaming;
import io.taskpilot.run.Agent;
import io.taskpilot.run.RunState;
import io.taskpilot.run.Step;
import io.vertx.core.Vertx;
import java.util.function.Consumer;

/** Makes the live text of answers, as {@code guardrails.stream} has it. */
final class LiveAnswers {
    private final Vertx vertx;
    private final RailGate rails;
    private final Streaming streaming;
    private final Consumer<AgentDelta> out;

    LiveAnswers(Vertx vertx, RailGate rails, Streaming streaming, Consumer<AgentDelta> out) {
        this.vertx = vertx;
        this.rails = rails;
        this.streaming = streaming;
        this.out = out;
    }

    /** The planner's answer is its function call: of the text beside it the journal has nothing, and nobody sees it. */
    LiveAnswer of(RunState run, Step.AskAgent step, CallContext call) {
        var window = streaming.mode() == Streaming.StreamMode.WINDOW ? new StreamWindow(streaming.window()) : null;
        var answer = new LiveAnswer(
                vertx,
                run.request().runId(),
                run.lastSeq(),
                step.agent(),
                window,
                part -> rails.mayBeSeen(part, call),
                out);
        if (streaming.mode() == Streaming.StreamMode.BUFFER || step.agent() == Agent.PLANNER) {
            answer.end();
        }
        return answer;
    }
}
