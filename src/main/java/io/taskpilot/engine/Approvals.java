package io.taskpilot.engine;

import io.taskpilot.engine.Journal.Reaction;
import io.taskpilot.engine.Runs.Answer;
import io.taskpilot.resilience.Failure;
import io.taskpilot.resilience.Failure.Kind;
import io.taskpilot.resilience.Failure.Violation;
import io.taskpilot.run.ApprovalAnswer;
import io.taskpilot.run.Roles;
import io.taskpilot.run.RunEvent;
import io.taskpilot.run.RunState;
import io.taskpilot.run.ToolCall;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import java.util.function.Function;

/** Who may answer what, and when: the decisions of the parked append. Pure. */
final class Approvals {
    private Approvals() {}

    /**
     * Records an answer, or throws the {@link Failure} that says why it may not be given.
     *
     * @param mistakes what is wrong with a call's arguments
     */
    static Reaction answer(UUID approvalId, Answer answer, Function<ToolCall, List<Violation>> mistakes) {
        return (run, now) -> {
            var asked = pending(run, approvalId);
            if (!now.isBefore(asked.expiresAt())) {
                throw Failure.of(Kind.GONE, "caller-approval-expired", "expired at " + asked.expiresAt());
            }
            if (run.request().principal().equals(answer.principal()) && !answer.mayAnswerOwn()) {
                throw Failure.of(Kind.DENIED, "caller-own-request", "who asked for a run cannot answer for it");
            }
            if (!Roles.anyOf(answer.roles(), asked.roles())) {
                throw Failure.of(Kind.DENIED, "caller-role-missing", "one of these roles is needed: " + asked.roles());
            }
            if (!asked.kind().answers().contains(answer.answer())) {
                var possible = asked.kind().answers().stream()
                        .map(ApprovalAnswer::word)
                        .toList();
                throw Failure.invalid(
                        "/answer",
                        "%s (expected: one of %s)".formatted(answer.answer().word(), possible));
            }
            if (answer.arguments() != null) {
                refuse(mistakes.apply(asked.call().with(answer.arguments())));
            }
            return List.of(new RunEvent.ApprovalDecided(
                    approvalId,
                    answer.answer(),
                    answer.principal(),
                    answer.roles(),
                    answer.reason(),
                    answer.result(),
                    answer.arguments(),
                    answer.traceparent()));
        };
    }

    private static void refuse(List<Violation> mistakes) {
        if (!mistakes.isEmpty()) {
            throw Failure.invalid(mistakes.stream()
                    .map(mistake -> new Violation("/arguments" + mistake.pointer(), mistake.detail()))
                    .toList());
        }
    }

    /** Records that nobody answered in time; does nothing if somebody did. */
    static List<RunEvent> expire(RunState run, Instant now) {
        var asked = run.asked();
        if (asked == null || run.status().isTerminal() || now.isBefore(asked.expiresAt())) {
            return List.of();
        }
        return List.of(new RunEvent.ApprovalDecided(
                asked.approvalId(), ApprovalAnswer.EXPIRED, "keeper", List.of(), "expired", null));
    }

    /** The 409 of a second answer. */
    static Failure alreadyAnswered(String first) {
        return Failure.of(Kind.CONFLICT, "caller-approval-answered", "already answered: " + first);
    }

    private static RunEvent.ApprovalRequested pending(RunState run, UUID approvalId) {
        if (run.status().isTerminal()) { // a cancel came first
            throw Failure.of(
                    Kind.GONE,
                    "caller-approval-expired",
                    "the run has ended: " + run.status().word());
        }
        var asked = run.asked();
        if (asked == null || !asked.approvalId().equals(approvalId)) {
            throw alreadyAnswered("see the approval");
        }
        return asked;
    }
}
