package io.taskpilot.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.taskpilot.run.CallState.Stage;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;

/** Single histories that matter, most of them once went wrong. The generated ones are in {@link WorkflowLawsTest}. */
class WorkflowTest {
    private static final World FINE = new World(new int[1]);
    private static final World UNKNOWN = FINE.but("tool call_1", World.NOTIFY).but("outcome call_1", "unknown");

    private static RunState play(World world) {
        var run = Simulation.of(world, Simulation.NONE);
        Laws.hold(run);
        return run.run();
    }

    private static RunEvent.Ended end(RunState run) {
        return Objects.requireNonNull(run.ended());
    }

    private static String slug(RunState run) {
        return Objects.requireNonNull(end(run).problem()).slug();
    }

    @Test
    void runWhereAllGoesWellExecutesTheReviewedTask() {
        var run = play(FINE);

        assertThat(run.status()).isEqualTo(RunStatus.SUCCEEDED);
        assertThat(run.taskStatus()).isEqualTo(TaskStatus.EXECUTED);
        assertThat(Objects.requireNonNull(end(run).output()).tasks())
                .containsExactly(Objects.requireNonNull(run.taskId()));
        assertThat(run.usage()).isEqualTo(new Usage(40, 20, 1.0));
    }

    @Test
    void reviewerWhoDoesNotSayOneOfTheThreeWordsCallsInAPerson() {
        var run = play(FINE.but("ReviewerAgent 1", "invalid").but("answer review review 0", "never"));

        assertThat(run.status()).isEqualTo(RunStatus.AWAITING_APPROVAL);
        assertThat(Objects.requireNonNull(run.asked()).call().arguments())
                .isEqualTo(Objects.requireNonNull(run.proposal()).arguments());
        assertThat(run.taskStatus()).isEqualTo(TaskStatus.REVIEW);
    }

    @Test
    void approvedReviewDoesNotSatisfyALaterRequireApproval() {
        var run = play(FINE.but("ReviewerAgent 1", "REVIEW")
                .but("policy call_1", "approver")
                .but("answer tool_call call_1 2", "never"));

        assertThat(run.status()).isEqualTo(RunStatus.AWAITING_APPROVAL);
        assertThat(run.approvals()).isEqualTo(2);
    }

    @Test
    void approvalThatExpiresRejectsTheRun() {
        var run = play(FINE.but("policy call_1", "lead").but("answer tool_call call_1 1", "EXPIRED"));

        assertThat(run.status()).isEqualTo(RunStatus.REJECTED);
        assertThat(slug(run)).isEqualTo("policy-approval-expired");
        assertThat(run.taskStatus()).isEqualTo(TaskStatus.FAILED);
    }

    @Test
    void denialWinsOverAnApproval() {
        var run = play(FINE.but("policy call_1", "lead").but("policy call_1 answered", "deny"));

        assertThat(slug(run)).isEqualTo("policy-denied");
    }

    @Test
    void abortedRunNamesTheCallWhoseOutcomeIsUnknown() {
        var run = play(UNKNOWN.but("answer unknown_outcome call_1 1", "ABORT"));

        assertThat(run.status()).isEqualTo(RunStatus.CANCELLED);
        assertThat(end(run).unsettled()).containsExactly("call_1");
    }

    @Test
    void callWhoseRetryPolicyRefusesStaysUnsettled() {
        var run = play(UNKNOWN.but("policy call_1 answered", "deny"));

        assertThat(run.status()).isEqualTo(RunStatus.REJECTED);
        assertThat(end(run).unsettled()).containsExactly("call_1");
    }

    @Test
    void toldDenialOfARetryLeavesASuccessUnsettled() {
        var run = play(UNKNOWN.but("policy call_1 answered", "deny").but("on deny", "tell"));

        assertThat(run.status()).isEqualTo(RunStatus.SUCCEEDED);
        assertThat(end(run).unsettled()).containsExactly("call_1");
    }

    @Test
    void callDoneByHandIsSettled() {
        var run = play(UNKNOWN.but("answer unknown_outcome call_1 1", "MARK_DONE"));

        assertThat(run.status()).isEqualTo(RunStatus.SUCCEEDED);
        assertThat(end(run).unsettled()).isEmpty();
    }

    @Test
    void policyErrorBesideAToldDenialStillFailsTheRun() {
        var run = play(FINE.but("on deny", "tell")
                .but("ExecutorAgent 1", "2")
                .but("policy call_1", "error")
                .but("policy call_2", "deny"));

        assertThat(run.status()).isEqualTo(RunStatus.FAILED);
        assertThat(slug(run)).isEqualTo("policy-unavailable");
    }

    @Test
    void denialBesideAnErrorRejectsTheRunInEitherOrder() {
        var two = FINE.but("ExecutorAgent 1", "2");

        assertThat(slug(play(two.but("policy call_1", "error").but("policy call_2", "deny"))))
                .isEqualTo("policy-denied");
        assertThat(slug(play(two.but("policy call_1", "deny").but("policy call_2", "error"))))
                .isEqualTo("policy-denied");
    }

    @Test
    void onlyOneOfTwoEqualCallsExecutesTheReviewedTask() {
        var run = play(FINE.but("ExecutorAgent 1", "2"));

        assertThat(run.approvals()).as("the second needed a person").isEqualTo(1);
        assertThat(run.taskStatus()).isEqualTo(TaskStatus.EXECUTED);
        assertThat(run.tasks()).hasSize(2);
    }

    @Test
    void taskThatAPersonAllowedDoesNotTakeTheReviewedOnesPlace() {
        var run = play(FINE.but("ExecutorAgent 1", "1")
                .but("tool call_1", "other title")
                .but("ExecutorAgent 2", "1")
                .but("ExecutorAgent 3", "text"));

        assertThat(run.approvals()).isEqualTo(1);
        assertThat(run.taskStatus()).isEqualTo(TaskStatus.EXECUTED);
        assertThat(run.tasks()).hasSize(2).contains(Objects.requireNonNull(run.taskId()));
    }

    @Test
    void outputDoesNotNameTheReviewedTaskWhenAnotherWasMade() {
        var run = play(FINE.but("tool call_1", "other title"));

        assertThat(run.tasks()).hasSize(1).doesNotContain(Objects.requireNonNull(run.taskId()));
        assertThat(run.taskStatus()).isEqualTo(TaskStatus.FAILED);
    }

    @Test
    void answerOfTheWrongKindIsAskedAgainOnce() {
        var run = play(FINE.but("PlannerAgent 1", "wrong kind").but("PlannerAgent 2", "wrong kind"));

        assertThat(slug(run)).isEqualTo("provider-invalid-answer");
        assertThat(run.turns(Agent.PLANNER)).hasSize(2);
        assertThat(play(FINE.but("PlannerAgent 1", "invalid")).status()).isEqualTo(RunStatus.SUCCEEDED);
    }

    @Test
    void repeatableCallThatPolicyHoldsAfterATakeoverIsReportedFirst() {
        var world = FINE.but("tool call_1", "repeatable")
                .but("policy changes", "yes")
                .but("policy call_1 again", "approver")
                .but("answer repeated_call call_1 1", "REJECT");
        var whole = Simulation.of(world, Simulation.NONE);
        var boundary = 1;
        while (Simulation.stateAfter(whole, boundary).calls().values().stream()
                .noneMatch(call -> call.stage() == Stage.STARTED)) {
            boundary++;
        }

        var taken = Simulation.takeOver(world, whole, boundary);

        Laws.hold(taken);
        assertThat(taken.run().status()).isEqualTo(RunStatus.REJECTED);
        assertThat(end(taken.run()).unsettled()).containsExactly("call_1");
    }

    @Test
    void waiverLetsAnErrorPassAndNeverADenial() {
        assertThat(check(DecisionResult.ERROR, true).passed()).isTrue();
        assertThat(check(DecisionResult.ERROR, false).passed()).isFalse();
        assertThat(check(DecisionResult.DENY, true).passed()).isFalse();
        assertThat(check(DecisionResult.REQUIRE_APPROVAL, true).passed()).isFalse();
    }

    private static RunEvent.GuardrailChecked check(DecisionResult result, boolean waived) {
        return new RunEvent.GuardrailChecked(RailPhase.INPUT, result, "", "", null, null, null, waived, "", 0);
    }

    @Test
    void foldRefusesWhatCannotFollow() {
        var accepted = fold(RunState.empty(), new RunEvent.Accepted(FINE.request()));
        var running = fold(accepted, new RunEvent.Started());
        var ended = fold(running, new RunEvent.Ended(RunStatus.FAILED, null, new Problem("a", "b"), List.of()));

        assertRefused(RunState.empty(), new RunEvent.Started());
        assertRefused(accepted, new RunEvent.Accepted(FINE.request()));
        assertRefused(running, new RunEvent.Started());
        assertRefused(ended, new RunEvent.Resumed("node_dead"));
        assertThatThrownBy(() -> running.apply(
                        new Recorded(running.lastSeq() + 2, Instant.EPOCH, new RunEvent.Resumed("released"))))
                .isInstanceOf(IllegalStateException.class);
    }

    @Test
    void foldRefusesACallThatStartsWithoutAllowOrTwice() {
        var call = new ToolCall("call_1", Agent.EXECUTOR, "list_tasks", Map.of());
        var calls = new RunEvent.AgentCompleted(
                Agent.EXECUTOR, 1, new AgentAnswer.Calls("", List.of(call)), Usage.NONE, "offline", "offline");
        var start = new RunEvent.ToolStarted("call_1", "list_tasks", "key", Instant.EPOCH, false, false);
        var asked = fold(
                fold(fold(RunState.empty(), new RunEvent.Accepted(FINE.request())), new RunEvent.Started()), calls);

        assertRefused(asked, start);
        assertRefused(fold(asked, decided(call, DecisionResult.DENY)), start);
        assertRefused(fold(asked, decided(call, DecisionResult.REQUIRE_APPROVAL)), start);
        var started = fold(fold(asked, decided(call, DecisionResult.ALLOW)), start);
        assertRefused(started, start);
        assertRefused(fold(started, new RunEvent.ToolCompleted("call_1", "list_tasks", false, "", List.of())), start);
        assertRefused(started, calls);
    }

    @Test
    void foldRefusesAnAnswerThatDoesNotAnswerTheQuestion() {
        var parked = play(UNKNOWN.but("answer unknown_outcome call_1 1", "never"));
        var asked = Objects.requireNonNull(parked.asked());

        assertRefused(parked, answer(asked, ApprovalAnswer.APPROVE));
        var other = new RunEvent.ApprovalDecided(World.RUN, ApprovalAnswer.RETRY, "key_2", List.of(), "", null);
        assertRefused(parked, other);
        assertThat(fold(parked, answer(asked, ApprovalAnswer.RETRY)).status()).isEqualTo(RunStatus.RUNNING);
    }

    private static RunEvent answer(RunEvent.ApprovalRequested asked, ApprovalAnswer answer) {
        return new RunEvent.ApprovalDecided(asked.approvalId(), answer, "key_2", List.of("approver"), "", null);
    }

    private static RunEvent decided(ToolCall call, DecisionResult result) {
        var verdict = new PolicyVerdict(result, "rule", List.of(), "r1", List.of(), Duration.ZERO);
        return new RunEvent.PolicyDecided(call, verdict, Map.of(), "sha", 0);
    }

    private static RunState fold(RunState run, RunEvent event) {
        return run.apply(new Recorded(run.lastSeq() + 1, run.lastAt().plusSeconds(1), event));
    }

    private static void assertRefused(RunState run, RunEvent event) {
        assertThatThrownBy(() -> fold(run, event)).isInstanceOf(IllegalStateException.class);
    }
}
