package io.taskpilot.run;

import io.taskpilot.run.CallState.Stage;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** How runs end. */
final class Endings {
    private final Rules rules;

    Endings(Rules rules) {
        this.rules = rules;
    }

    /** The end that a refusal means, or null when nothing refused. */
    @Nullable
    List<RunEvent> refused(RunState run) {
        var refusal = run.refusal();
        if (refusal instanceof RunEvent.GuardrailChecked check) {
            return check.result() == DecisionResult.ERROR
                    ? stop(run, RunStatus.FAILED, new Problem("guardrails-unavailable", check.reason()))
                    : stop(
                            run,
                            RunStatus.BLOCKED,
                            new Problem("guardrails-blocked", check.rail() + ": " + check.reason()));
        }
        if (refusal instanceof RunEvent.PolicyDecided) {
            var verdict = stopping(run);
            if (verdict == null) {
                return null;
            }
            var reason = verdict.rule() + ": " + String.join("; ", verdict.reasons());
            return verdict.result() == DecisionResult.ERROR
                    ? stop(run, RunStatus.FAILED, new Problem("policy-unavailable", reason))
                    : stop(run, RunStatus.REJECTED, new Problem("policy-denied", reason));
        }
        if (refusal instanceof RunEvent.ApprovalDecided decided) {
            return switch (decided.answer()) {
                case ABORT -> stop(run, RunStatus.CANCELLED, new Problem("caller-aborted", decided.reason()));
                case EXPIRED ->
                    stop(run, RunStatus.REJECTED, new Problem("policy-approval-expired", "nobody answered in time"));
                default -> stop(run, RunStatus.REJECTED, new Problem("policy-rejected-by-approver", decided.reason()));
            };
        }
        return null;
    }

    /** The verdict that ends the run, if one does. A denial is a verdict, an error the lack of one: it goes second. */
    private @Nullable PolicyVerdict stopping(RunState run) {
        return run.calls().values().stream()
                .filter(call -> call.stage() == Stage.REFUSED)
                .map(call -> Objects.requireNonNull(call.verdict()))
                .filter(rules::stops)
                .min(Comparator.comparing(verdict -> verdict.result() == DecisionResult.ERROR))
                .orElse(null);
    }

    static List<RunEvent> stop(RunState run, RunStatus status, Problem problem) {
        var events = new ArrayList<RunEvent>();
        for (var call : run.calls().values()) {
            if (call.isUnanswered() && call.isUnsettled()) {
                events.add(new RunEvent.ToolOutcomeUnknown(
                        call.call().id(), call.call().tool(), problem.detail()));
            }
        }
        events.add(end(run, status, problem));
        return events;
    }

    static RunEvent succeeded(RunState run, String text) {
        var output = new RunOutput(text, run.tasks(), denied(run));
        return new RunEvent.Ended(RunStatus.SUCCEEDED, output, null, unsettled(run));
    }

    static RunEvent end(RunState run, RunStatus status, Problem problem) {
        return new RunEvent.Ended(status, null, problem, unsettled(run));
    }

    private static List<String> unsettled(RunState run) {
        return run.calls().values().stream()
                .filter(CallState::isUnsettled)
                .map(call -> call.call().id())
                .toList();
    }

    private static List<String> denied(RunState run) {
        return run.calls().values().stream()
                .filter(call -> call.stage() == Stage.REFUSED)
                .map(call -> call.call().tool())
                .toList();
    }
}
