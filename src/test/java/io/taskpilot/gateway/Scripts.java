package io.taskpilot.gateway;

import io.taskpilot.run.Agent;
import io.taskpilot.run.ApprovalKind;
import io.taskpilot.run.DecisionResult;
import io.taskpilot.run.Ids;
import io.taskpilot.run.PolicyVerdict;
import io.taskpilot.run.Problem;
import io.taskpilot.run.RailPhase;
import io.taskpilot.run.RunEvent;
import io.taskpilot.run.RunOutput;
import io.taskpilot.run.RunRequest;
import io.taskpilot.run.RunStatus;
import io.taskpilot.run.ToolCall;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Ends and middles of runs. */
final class Scripts {
    private Scripts() {}

    static RunEvent succeeded() {
        return new RunEvent.Ended(RunStatus.SUCCEEDED, new RunOutput("done", List.of(), List.of()), null, List.of());
    }

    static RunEvent failed(String slug) {
        return new RunEvent.Ended(RunStatus.FAILED, null, new Problem(slug, "no verdict"), List.of());
    }

    static RunEvent checked(String reason) {
        return new RunEvent.GuardrailChecked(
                RailPhase.INPUT, DecisionResult.ALLOW, "", reason, null, null, null, false, "00", 0.5);
    }

    static RunEvent padded(int bytes) {
        return checked("x".repeat(bytes));
    }

    static ToolCall call() {
        return new ToolCall("call_1", Agent.EXECUTOR, "create_task", Map.of("title", "Sensitive", "priority", "high"));
    }

    static RunEvent decided(DecisionResult result, @Nullable String reason) {
        var reasons = reason == null ? List.<String>of() : List.of(reason);
        var verdict = new PolicyVerdict(result, "create_task", reasons, "r1", List.of("approver"), Duration.ofHours(1));
        return new RunEvent.PolicyDecided(call(), verdict, Map.of("tool_name", "create_task"), "00", 1.5);
    }

    static RunEvent asked(RunRequest request) {
        return new RunEvent.ApprovalRequested(
                approval(request.runId()),
                ApprovalKind.REVIEW,
                call(),
                call().digest(request.runId()),
                "review",
                "the reviewer wants a person to look",
                "r1",
                List.of("approver"),
                Instant.now().plusSeconds(3_600));
    }

    static UUID approval(UUID runId) {
        return Ids.derived(runId, "approval:1");
    }

    static List<RunEvent> toTheEnd(RunRequest request) {
        return List.of(new RunEvent.Started(), checked("fine"), succeeded());
    }

    static List<RunEvent> toAnApproval(RunRequest request) {
        return List.of(new RunEvent.Started(), checked("fine"), asked(request));
    }
}
