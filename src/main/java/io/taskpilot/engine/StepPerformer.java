package io.taskpilot.engine;

import io.taskpilot.resilience.Failure;
import io.taskpilot.run.Agent;
import io.taskpilot.run.AgentAnswer;
import io.taskpilot.run.CallState;
import io.taskpilot.run.CanonicalJson;
import io.taskpilot.run.DecisionResult;
import io.taskpilot.run.RailPhase;
import io.taskpilot.run.RunEvent;
import io.taskpilot.run.RunState;
import io.taskpilot.run.Step;
import io.taskpilot.run.Workflow;
import io.vertx.core.Future;
import java.util.List;

/**
 * Does what a step asks, and gives the events that tell how it went. Fails when a call was aborted, or with the {@link
 * Failure} that ends the run.
 */
final class StepPerformer {
    private final Workflow workflow;
    private final Agents agents;
    private final RailGate rails;
    private final Dispatcher dispatcher;
    private final EngineSettings settings;
    private final RunMetrics metrics;
    private final LiveAnswers live;

    StepPerformer(
            Workflow workflow,
            Agents agents,
            RailGate rails,
            Dispatcher dispatcher,
            EngineSettings settings,
            RunMetrics metrics,
            LiveAnswers live) {
        this.workflow = workflow;
        this.agents = agents;
        this.rails = rails;
        this.dispatcher = dispatcher;
        this.settings = settings;
        this.metrics = metrics;
        this.live = live;
    }

    /** True for what the lease guards: it bills, or it has an effect. */
    static boolean isEffect(Step step) {
        return step instanceof Step.AskAgent || step instanceof Step.RunTools;
    }

    Future<List<RunEvent>> check(Step.CheckText step, CallContext call) {
        return rails.check(step.phase(), null, step.callId(), step.text(), call).map(checked -> {
            var ofArguments = step.callId() != null && step.phase() != RailPhase.TOOL_RESULT;
            return List.of(
                    ofArguments && checked.result() == DecisionResult.MODIFIED
                            ? structuredAnswerChanged(checked)
                            : checked);
        });
    }

    Future<List<RunEvent>> decide(RunState run, Step.Decide step, CallContext call) {
        return dispatcher.decide(run, step.calls(), call).map(rulings -> workflow.decided(run, rulings));
    }

    /** The model's answer and the output rail's verdict are one append: no event leaves before the rail passed. */
    Future<List<RunEvent>> ask(RunState run, Step.AskAgent step, CallContext call) {
        var answer = live.of(run, step, call);
        var offered = step.agent() == Agent.EXECUTOR
                ? dispatcher.offered(run, call)
                : Future.succeededFuture(List.<Tool.Spec>of());
        var began = System.nanoTime();
        return offered.compose(tools -> model(run, step, tools, call, answer))
                .compose(reply -> judged(step, reply, call, answer))
                .onComplete(events -> {
                    answer.end();
                    if (events.succeeded() || !call.isAborted()) { // what was broken off says nothing of the agent
                        metrics.asked(step.agent().title(), began, events.succeeded());
                    }
                });
    }

    private Future<Agents.Reply> model(
            RunState run, Step.AskAgent step, List<Tool.Spec> tools, CallContext call, LiveAnswer answer) {
        return call.within(settings.modelTimeout(), limited -> agents.ask(step.agent(), run, tools, limited, answer));
    }

    /** Whatever was seen of it: this verdict on the whole answer decides. */
    private Future<List<RunEvent>> judged(Step.AskAgent step, Agents.Reply reply, CallContext call, LiveAnswer answer) {
        answer.written();
        return rails.check(RailPhase.OUTPUT, step.agent(), null, reply.raw(), call)
                .map(checked -> {
                    if (checked.passed() && checked.result() != DecisionResult.MODIFIED) {
                        answer.passed();
                    }
                    return answered(step, reply, checked);
                });
    }

    private static List<RunEvent> answered(Step.AskAgent step, Agents.Reply reply, RunEvent.GuardrailChecked checked) {
        var verdict = checked;
        var answer = reply.answer();
        if (checked.result() == DecisionResult.MODIFIED && checked.text() != null) {
            if (answer instanceof AgentAnswer.Text) {
                answer = new AgentAnswer.Text(checked.text());
            } else {
                verdict = structuredAnswerChanged(checked);
            }
        }
        if (!verdict.passed()) {
            answer = new AgentAnswer.Withheld(CanonicalJson.sha256Text(reply.raw()));
        }
        var completed = new RunEvent.AgentCompleted(
                step.agent(), step.turn(), answer, reply.usage(), reply.provider(), reply.model());
        return List.of(completed, verdict);
    }

    /** A changed function call is no longer what the model asked for; running it would be a guess. */
    private static RunEvent.GuardrailChecked structuredAnswerChanged(RunEvent.GuardrailChecked checked) {
        return new RunEvent.GuardrailChecked(
                checked.phase(),
                DecisionResult.DENY,
                checked.rail(),
                "the rail changed a structured answer",
                checked.agent(),
                checked.callId(),
                null,
                false,
                checked.inputSha256(),
                checked.latencyMs());
    }

    Future<RunEvent> runTool(RunState run, CallState state, CallContext call) {
        return dispatcher.run(run, state, call);
    }
}
