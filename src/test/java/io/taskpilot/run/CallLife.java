package io.taskpilot.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.run.RunEvent.ApprovalDecided;
import io.taskpilot.run.RunEvent.ApprovalRequested;
import io.taskpilot.run.RunEvent.Ended;
import io.taskpilot.run.RunEvent.GuardrailChecked;
import io.taskpilot.run.RunEvent.PolicyDecided;
import io.taskpilot.run.RunEvent.Resumed;
import io.taskpilot.run.RunEvent.ToolCompleted;
import io.taskpilot.run.RunEvent.ToolOutcomeUnknown;
import io.taskpilot.run.RunEvent.ToolStarted;
import java.time.Instant;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Follows one tool call through a history, and objects to what must not happen to it. */
final class CallLife {
    private ToolCall call;
    private final RunState end;
    private @Nullable PolicyDecided verdict;
    private @Nullable ToolStarted started;
    private @Nullable ApprovalRequested asked;
    private @Nullable ApprovalDecided answered;
    private boolean retryAllowed;
    private boolean unknown;
    private boolean resumed;
    private boolean over;
    private boolean unsettled;
    private Set<RailPhase> unseenBy = Set.of();

    CallLife(ToolCall call, RunState end) {
        this.call = call;
        this.end = end;
    }

    String id() {
        return call.id();
    }

    /** Its effect may or may not have happened. */
    boolean isUnsettled() {
        return unsettled;
    }

    void follow(List<Recorded> append) {
        RunEvent before = null;
        var ending = append.get(append.size() - 1).event() instanceof Ended;
        for (var recorded : append) {
            if (recorded.event() instanceof ToolOutcomeUnknown lost && isMine(lost.callId()) && !ending) {
                reported(recorded.at());
            }
            follow(recorded, before);
            before = recorded.event();
        }
    }

    private void follow(Recorded recorded, @Nullable RunEvent before) {
        var event = recorded.event();
        if (event instanceof Resumed) {
            resumed = true;
        } else if (event instanceof PolicyDecided decided
                && isMine(decided.call().id())) {
            decided(decided);
        } else if (event instanceof ApprovalRequested request
                && isMine(request.call().id())) {
            assertThat(request.call()).isEqualTo(call);
            asked = request;
        } else if (event instanceof GuardrailChecked check && isMine(String.valueOf(check.callId()))) {
            checked(check);
        } else if (event instanceof ApprovalDecided answer && isMine(answer)) {
            answered(answer);
        } else if (event instanceof ToolStarted start && isMine(start.callId())) {
            assertThat(before).as("allowed in the same append").isNotNull().isSameAs(verdict);
            started(start, recorded.at());
        } else if (event instanceof ToolOutcomeUnknown lost && isMine(lost.callId())) {
            assertThat(started).isNotNull();
            assertThat(unknown).as("%s is reported once", id()).isFalse();
            unknown = true;
        } else if (event instanceof ToolCompleted completed && isMine(completed.callId())) {
            assertThat(started).isNotNull();
            assertThat(over).isFalse();
            over = true;
            unsettled = false;
        }
    }

    private void checked(GuardrailChecked check) {
        if (check.phase() == RailPhase.TOOL_RESULT) {
            assertThat(over).isTrue();
        } else if (check.passed()) {
            assertThat(unseenBy.remove(check.phase())).isTrue();
        }
    }

    private boolean isMine(String id) {
        return call.id().equals(id);
    }

    private boolean isMine(ApprovalDecided answer) {
        return asked != null && asked.approvalId().equals(answer.approvalId());
    }

    private void decided(PolicyDecided decided) {
        assertThat(over).isFalse();
        assertThat(decided.call()).isEqualTo(call);
        assertThat(verdict == null || verdict.verdict().result() != DecisionResult.DENY)
                .as("a denial is final")
                .isTrue();
        if (answered != null && decided.verdict().result() == DecisionResult.REQUIRE_APPROVAL) {
            assertThat(Roles.anyOf(answered.roles(), decided.verdict().approverRoles()))
                    .as("asked again only for another role")
                    .isFalse();
            assertThat(decided.verdict().approverRoles()).isNotEmpty();
        }
        verdict = decided;
    }

    private void answered(ApprovalDecided answer) {
        answered = answer;
        if (answer.answer() == ApprovalAnswer.EDIT) {
            assertThat(started).as("what may have happened is not edited").isNull();
            call = call.with(Objects.requireNonNull(answer.arguments()));
            unseenBy = EnumSet.of(RailPhase.INPUT, RailPhase.OUTPUT);
        }
        retryAllowed |= answer.answer() == ApprovalAnswer.RETRY;
        if (answer.answer() == ApprovalAnswer.MARK_DONE) {
            unsettled = false;
        }
        over |= answer.answer() == ApprovalAnswer.MARK_DONE || answer.answer().decision() == DecisionResult.DENY;
    }

    private void started(ToolStarted start, Instant at) {
        assertThat(over).as("%s is settled", id()).isFalse();
        assertThat(unseenBy).as("rails that have not seen what was edited").isEmpty();
        assertThat(Objects.requireNonNull(verdict).verdict().result()).isEqualTo(DecisionResult.ALLOW);
        assertThat(start.key()).isEqualTo(call.key(World.RUN));
        if (started != null) {
            startsAgain(started, at);
        }
        var roles = verdict.verdict().approverRoles();
        if (!roles.isEmpty()) {
            assertThat(Roles.anyOf(Objects.requireNonNull(answered).roles(), roles))
                    .as("policy asked for one of %s", roles)
                    .isTrue();
        }
        if (asked != null) {
            approved(asked, Objects.requireNonNull(answered));
        }
        if (end.request().requireApproval() || (call.tool().equals(Workflow.CREATE_TASK) && !isProposed())) {
            assertThat(asked).as("%s needs an approval", id()).isNotNull();
        }
        started = start;
        unsettled = start.external();
        unknown = false;
        resumed = false;
        retryAllowed = false;
    }

    private void startsAgain(ToolStarted first, Instant at) {
        assertThat(resumed || unknown).isTrue();
        if (first.external() && !first.repeatable()) {
            assertThat(unknown && retryAllowed)
                    .as("%s was retried by a person", id())
                    .isTrue();
        }
        if (first.external() && !unknown) {
            assertThat(at).isAfterOrEqualTo(first.deadline().plus(Workflow.DOUBT_MARGIN));
        }
    }

    /** Only the owner that started it knows sooner; a run that is stopped can't wait. */
    private void reported(Instant at) {
        if (resumed) {
            assertThat(at)
                    .isAfterOrEqualTo(Objects.requireNonNull(started).deadline().plus(Workflow.DOUBT_MARGIN));
        }
    }

    private void approved(ApprovalRequested request, ApprovalDecided answer) {
        assertThat(answer.approvalId()).isEqualTo(request.approvalId());
        assertThat(answer.answer()).isIn(ApprovalAnswer.APPROVE, ApprovalAnswer.RETRY, ApprovalAnswer.EDIT);
        assertThat(request.digest()).isEqualTo(request.call().digest(World.RUN));
        if (answer.answer() != ApprovalAnswer.EDIT) {
            assertThat(request.call()).isEqualTo(call);
        }
        assertThat(Roles.anyOf(answer.roles(), request.roles())).isTrue();
    }

    private boolean isProposed() {
        var arguments = new LinkedHashMap<>(call.arguments());
        arguments.putIfAbsent("description", "");
        return arguments.equals(Objects.requireNonNull(end.proposal()).arguments());
    }

    /** Checks what must hold once the history is over. */
    void ends() {
        if (end.status().isTerminal() && unsettled) {
            assertThat(unknown).as("%s is reported", id()).isTrue();
        }
        if (verdict != null && verdict.verdict().result() == DecisionResult.ALLOW) {
            assertThat(started).as("no allow that is not started").isNotNull();
        }
    }
}
