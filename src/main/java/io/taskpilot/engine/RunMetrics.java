package io.taskpilot.engine;

import io.taskpilot.run.DecisionResult;
import io.taskpilot.run.RailPhase;
import io.taskpilot.run.RunEvent;
import io.taskpilot.run.RunState;
import io.taskpilot.run.Workflow;
import io.taskpilot.telemetry.AdmissionMetrics;
import io.taskpilot.telemetry.ApprovalMetrics;
import io.taskpilot.telemetry.GovernanceMetrics;
import io.taskpilot.telemetry.Metrics;
import io.taskpilot.telemetry.WorkflowMetrics;
import java.time.Duration;
import java.time.Instant;

/** What runs do, as numbers: events once they are committed, calls once they have ended. */
public final class RunMetrics {
    private final WorkflowMetrics workflows;
    private final GovernanceMetrics governance;
    private final ApprovalMetrics approvals;
    private final AdmissionMetrics admission;

    RunMetrics(Metrics metrics) {
        workflows = metrics.workflows();
        governance = metrics.governance();
        approvals = metrics.approvals();
        admission = metrics.admission();
    }

    /**
     * Counts a run that ended; to be called by whoever committed its terminal event, which need not have driven it: a
     * parked run is cancelled by anybody.
     */
    public static void ended(WorkflowMetrics workflows, Lease lease, RunState run) {
        var took = Duration.between(run.acceptedAt(), lease.now()).minus(run.parked());
        workflows.completed(Workflow.NAME, run.status().word(), took.isNegative() ? Duration.ZERO : took);
    }

    /**
     * Counts a row of the decision log; to be called by whoever committed it, which need not be a run's driver: an
     * approval expires by itself, and a request that was not let in belongs to no run.
     */
    public static void recorded(GovernanceMetrics governance, RunReader.DecisionView row) {
        var decision = row.decision();
        governance.decided(decision.type().word(), decision.result().word(), decision.agent());
    }

    void committed(RunEvent event) {
        if (event instanceof RunEvent.Started) {
            workflows.started(Workflow.NAME);
        } else if (event instanceof RunEvent.Resumed resumed && !resumed.cause().equals("answered")) {
            workflows.takenOver(resumed.cause());
        } else if (event instanceof RunEvent.GuardrailChecked checked && checked.result() == DecisionResult.DENY) {
            governance.guardrailBlocked(
                    checked.phase().word(),
                    checked.rail(),
                    checked.agent() == null ? "" : checked.agent().title());
        } else if (event instanceof RunEvent.PolicyDecided decided) {
            held(decided);
        } else if (event instanceof RunEvent.ToolOutcomeUnknown unknown) {
            workflows.toolSettled(
                    unknown.tool(), "unknown"); // most were not seen to end: their node died, or was told to stop
        }
    }

    private void held(RunEvent.PolicyDecided decided) {
        var result = decided.verdict().result();
        if (result == DecisionResult.DENY) {
            workflows.toolSettled(decided.call().tool(), "denied");
        } else if (result == DecisionResult.REQUIRE_APPROVAL) {
            workflows.toolSettled(decided.call().tool(), "awaiting_approval");
        }
    }

    void answered(RunReader.ApprovalView approval) {
        approvals.answered(Duration.between(approval.createdAt(), Instant.now()));
    }

    void asked(String agent, long sinceNanos, boolean succeeded) {
        workflows.agent(agent, succeeded ? "success" : "error", since(sinceNanos));
    }

    /** @param late it was broken off at its deadline */
    void toolEnded(RunEvent event, boolean late, long sinceNanos) {
        if (event instanceof RunEvent.ToolCompleted completed) {
            var outcome = late ? "timeout" : completed.error() ? "error" : "executed";
            workflows.toolCalled(completed.tool(), outcome, since(sinceNanos));
        } else if (event instanceof RunEvent.ToolOutcomeUnknown unknown) {
            workflows.toolTook(unknown.tool(), "unknown", since(sinceNanos));
        }
    }

    /** It was allowed, and never begun. */
    void toolRefused(String tool) {
        workflows.toolSettled(tool, "error");
    }

    void evaluated(DecisionResult result, double ms) {
        governance.policyEvaluated("tool_call", result.word(), millis(ms));
    }

    void checked(RunEvent.GuardrailChecked checked) {
        governance.guardrailChecked(type(checked.phase()), checked.result().word(), millis(checked.latencyMs()));
    }

    /** There was no verdict, and the rails are asked again. */
    void unchecked(RailPhase phase, long nanos) {
        governance.guardrailChecked(type(phase), DecisionResult.ERROR.word(), Duration.ofNanos(nanos));
    }

    private static String type(RailPhase phase) {
        return phase == RailPhase.OUTPUT ? "guardrails_output" : "guardrails_input";
    }

    void refused(String reason) {
        admission.rejected(reason);
    }

    void fenceLost() {
        workflows.fenceLost();
    }

    void poisoned() {
        workflows.poisoned();
    }

    /** @param runs of this node that nothing in it sees to, as far as it looks like it */
    void stuck(int runs) {
        workflows.stuck(runs);
    }

    void handedBack() {
        workflows.handedBack();
    }

    private static Duration millis(double ms) {
        return Duration.ofNanos(Math.round(ms * 1e6));
    }

    private static Duration since(long nanos) {
        return Duration.ofNanos(System.nanoTime() - nanos);
    }
}
