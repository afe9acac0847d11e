package io.taskpilot.engine;

import io.taskpilot.resilience.Failure;
import io.taskpilot.run.ApprovalAnswer;
import io.taskpilot.run.Decision;
import io.taskpilot.run.DecisionResult;
import io.taskpilot.run.PolicyVerdict;
import io.taskpilot.run.RailPhase;
import io.taskpilot.run.RunEvent;
import io.taskpilot.run.RunState;
import io.taskpilot.run.Workflow;
import io.taskpilot.telemetry.Metrics;
import java.time.Duration;
import java.time.Instant;
import java.util.OptionalLong;

/** What runs do, as numbers: events once they are committed, calls once they have ended. */
final class RunMetrics {
    private final Metrics metrics;

    RunMetrics(Metrics metrics) {
        this.metrics = metrics;
    }

    /** @param before the run's state before the event */
    void committed(RunState before, RunEvent event, Instant at) {
        var decision = Decision.of(before, before.lastSeq() + 1, event);
        if (decision != null) {
            metrics.decision(decision.type().word(), decision.result().word(), decision.agent());
        }
        if (event instanceof RunEvent.Started) {
            metrics.workflowStarted(Workflow.NAME);
        } else if (event instanceof RunEvent.Resumed resumed && !resumed.cause().equals("answered")) {
            metrics.takenOver(resumed.cause());
        } else if (event instanceof RunEvent.GuardrailChecked checked && checked.result() == DecisionResult.DENY) {
            metrics.guardrailBlocked(
                    checked.phase().word(),
                    checked.rail(),
                    checked.agent() == null ? "" : checked.agent().title());
        } else if (event instanceof RunEvent.PolicyDecided decided) {
            held(decided);
        } else if (event instanceof RunEvent.Ended ended) {
            var took = Duration.between(before.acceptedAt(), at).minus(before.parked());
            metrics.workflowCompleted(Workflow.NAME, ended.status().word(), took);
        }
    }

    private void held(RunEvent.PolicyDecided decided) {
        var result = decided.verdict().result();
        if (result == DecisionResult.DENY) {
            metrics.toolCall(decided.call().tool(), "denied", Duration.ZERO);
        } else if (result == DecisionResult.REQUIRE_APPROVAL) {
            metrics.toolCall(decided.call().tool(), "awaiting_approval", Duration.ZERO);
        }
    }

    void answered(RunReader.ApprovalView approval, ApprovalAnswer answer) {
        var agent = approval.asked().call().agent().title();
        metrics.decision("human_approval", answer.decision().word(), agent);
        metrics.approvalAnswered(Duration.between(approval.createdAt(), Instant.now()));
    }

    void asked(String agent, long sinceNanos, boolean succeeded) {
        metrics.agent(agent, succeeded ? "success" : "error", since(sinceNanos));
    }

    /** @param firstText when the first of its text came, if it has any */
    void modelAnswered(Agents.Reply reply, long sinceNanos, OptionalLong firstText) {
        firstText.ifPresent(
                at -> metrics.llmFirstToken(reply.provider(), reply.model(), Duration.ofNanos(at - sinceNanos)));
        metrics.llmRequest(reply.provider(), reply.model(), "success", since(sinceNanos));
        metrics.llmTokens(
                reply.provider(), reply.model(), "input", reply.usage().inputTokens());
        metrics.llmTokens(
                reply.provider(), reply.model(), "output", reply.usage().outputTokens());
        metrics.llmCost(reply.provider(), reply.model(), reply.usage().costUsd());
    }

    void modelFailed(Throwable cause, long sinceNanos) {
        var slug = Failure.from(cause).slug();
        var outcome = slug.equals("provider-rate-limited")
                ? "rate_limited"
                : slug.equals("provider-timeout") ? "timeout" : "error";
        metrics.llmRequest("other", "other", outcome, since(sinceNanos));
    }

    void toolEnded(RunEvent event, long sinceNanos) {
        if (event instanceof RunEvent.ToolCompleted completed) {
            metrics.toolCall(completed.tool(), completed.error() ? "error" : "executed", since(sinceNanos));
        } else if (event instanceof RunEvent.ToolOutcomeUnknown unknown) {
            metrics.toolCall(unknown.tool(), "unknown", since(sinceNanos));
        }
    }

    void decided(PolicyVerdict verdict, double ms) {
        metrics.policyEvaluated("tool_call", verdict.result().word(), millis(ms));
    }

    void checked(RunEvent.GuardrailChecked checked) {
        var type = checked.phase() == RailPhase.OUTPUT ? "guardrails_output" : "guardrails_input";
        metrics.guardrailChecked(type, checked.result().word(), millis(checked.latencyMs()));
    }

    void refused(String reason) {
        metrics.admissionRejected(reason);
    }

    void fenceLost() {
        metrics.fenceLost();
    }

    void poisoned() {
        metrics.runPoisoned();
    }

    /** @param runs of this node that nothing in it sees to, as far as it looks like it */
    void stuck(int runs) {
        metrics.runsStuck(runs);
    }

    void handedBack() {
        metrics.runHandedBack();
    }

    private static Duration millis(double ms) {
        return Duration.ofNanos(Math.round(ms * 1e6));
    }

    private static Duration since(long nanos) {
        return Duration.ofNanos(System.nanoTime() - nanos);
    }
}
