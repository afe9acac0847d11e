package io.taskpilot.run;

import io.taskpilot.run.CallState.Stage;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * The workflow {@code taskpilot}: what a run needs next, as a pure function of its state. Read {@link #next} from top to
 * bottom and you have read a run's life.
 */
public final class Workflow {
    public static final String NAME = "taskpilot";

    /** A new owner neither repeats nor reports a call that another started, before its deadline and this have passed. */
    public static final Duration DOUBT_MARGIN = Duration.ofSeconds(5);

    public static final String CREATE_TASK = "create_task";
    private static final int REPAIRS = 1;

    private final WorkflowSettings settings;
    private final Rules rules;
    private final Endings endings;

    public Workflow(WorkflowSettings settings) {
        this.settings = settings;
        this.rules = new Rules(settings.tellDenials());
        this.endings = new Endings(rules);
    }

    /** Never fails for a state that was folded from a history this workflow made. */
    public Step next(RunState run) {
        if (run.status().isTerminal()) {
            return new Step.Done();
        }
        if (run.status() == RunStatus.AWAITING_APPROVAL) {
            return new Step.Park();
        }
        if (run.status() == RunStatus.QUEUED) {
            return new Step.Append(new RunEvent.Started());
        }
        var refused = endings.refused(run);
        if (refused != null) {
            return new Step.Append(refused, Instant.MIN);
        }
        if (run.isRestored()) {
            return new Step.Append(askAboutRestore(run));
        }
        if (run.inputCheck() == null) {
            return new Step.CheckText(RailPhase.INPUT, run.request().input(), null);
        }
        if (run.proposal() == null) {
            return plan(run);
        }
        if (run.review() == null) {
            return review(run);
        }
        if (run.review() == ReviewVerdict.REVIEW && run.reviewAnswer() == null) { // a no was a refusal, above
            return new Step.Append(askAboutReview(run, run.proposal()));
        }
        return execute(run);
    }

    private Step plan(RunState run) {
        var turns = run.turns(Agent.PLANNER);
        if (turns.isEmpty()) {
            return ask(run, Agent.PLANNER, 1);
        }
        if (last(turns).answer() instanceof AgentAnswer.Proposal proposal) {
            return new Step.Append(
                    new RunEvent.TaskProposed(Ids.derived(run.request().runId(), "task"), proposal.task()));
        }
        return askAgainOrFail(run, Agent.PLANNER, turns);
    }

    private Step review(RunState run) {
        var turns = run.turns(Agent.REVIEWER);
        if (turns.isEmpty()) {
            return ask(run, Agent.REVIEWER, 1);
        }
        // The parser knows three words; whatever it could not read must not pass for an approval.
        var verdict =
                last(turns).answer() instanceof AgentAnswer.Review answer ? answer.verdict() : ReviewVerdict.REVIEW;
        var completed = new RunEvent.ReviewCompleted(verdict);
        if (verdict != ReviewVerdict.REJECTED) {
            return new Step.Append(completed);
        }
        var problem = new Problem("policy-rejected-by-reviewer", "the reviewer rejected the proposed task");
        return new Step.Append(List.of(completed, Endings.end(run, RunStatus.REJECTED, problem)), Instant.MIN);
    }

    private Step execute(RunState run) {
        var turns = run.turns(Agent.EXECUTOR);
        if (turns.isEmpty()) {
            return ask(run, Agent.EXECUTOR, 1);
        }
        if (run.calls().size() > settings.maxToolCalls()) {
            var detail = "%d tool calls (limit: %d)".formatted(run.calls().size(), settings.maxToolCalls());
            return new Step.Append(
                    Endings.end(run, RunStatus.FAILED, new Problem("provider-too-many-tool-calls", detail)));
        }
        var unfinished =
                run.calls().values().stream().filter(call -> !call.isClosed()).toList();
        if (!unfinished.isEmpty()) {
            return settle(run, unfinished);
        }
        var answer = last(turns).answer();
        if (answer instanceof AgentAnswer.Text text) {
            return new Step.Append(Endings.succeeded(run, text.text()));
        }
        if (answer instanceof AgentAnswer.Calls) {
            return ask(run, Agent.EXECUTOR, turns.size() + 1);
        }
        return askAgainOrFail(run, Agent.EXECUTOR, turns);
    }

    /** What to do for the calls that are not closed: started ones first, then what is in doubt, then what is new. */
    private Step settle(RunState run, List<CallState> unfinished) {
        var started = at(unfinished, Stage.STARTED);
        if (!started.isEmpty()) {
            return new Step.RunTools(started);
        }
        for (var call : at(unfinished, Stage.RETURNED)) {
            return new Step.CheckText(
                    RailPhase.TOOL_RESULT, text(call.result()), call.call().id());
        }
        for (var call : at(unfinished, Stage.EDITED)) {
            return checkArguments(RailPhase.INPUT, call);
        }
        for (var call : at(unfinished, Stage.READ)) {
            return checkArguments(RailPhase.OUTPUT, call);
        }
        for (var call : at(unfinished, Stage.IN_DOUBT)) {
            return outOfDoubt(call);
        }
        var undecided = unfinished.stream()
                .filter(call -> call.stage() == Stage.PROPOSED || call.stage() == Stage.GRANTED)
                .map(CallState::call)
                .toList();
        if (!undecided.isEmpty()) {
            return new Step.Decide(undecided, Instant.MIN);
        }
        for (var call : at(unfinished, Stage.UNKNOWN)) {
            var reason = "the outcome of a started call is unknown";
            return new Step.Append(
                    askAbout(run, ApprovalKind.UNKNOWN_OUTCOME, call.call(), "tool.outcome_unknown", reason, null));
        }
        var held = at(unfinished, Stage.HELD).get(0);
        var verdict = Objects.requireNonNull(held.verdict());
        var reason = String.join("; ", verdict.reasons());
        var kind = held.started() == null ? ApprovalKind.TOOL_CALL : ApprovalKind.REPEATED_CALL;
        return new Step.Append(askAbout(run, kind, held.call(), verdict.rule(), reason, verdict));
    }

    /** As a person wrote them, they are checked like a request; as they are what an agent would do, like its answer. */
    private static Step checkArguments(RailPhase phase, CallState call) {
        return new Step.CheckText(
                phase, CanonicalJson.of(call.call().arguments()), call.call().id());
    }

    private static Step outOfDoubt(CallState call) {
        var started = Objects.requireNonNull(call.started());
        if (!started.external()) {
            // Its effect would have been its tool.completed: there was none.
            return new Step.Decide(List.of(call.call()), Instant.MIN);
        }
        var safe = started.deadline().plus(DOUBT_MARGIN);
        if (started.repeatable()) {
            return new Step.Decide(List.of(call.call()), safe);
        }
        var unknown =
                new RunEvent.ToolOutcomeUnknown(call.call().id(), call.call().tool(), "its node stopped");
        return new Step.Append(List.of(unknown), safe);
    }

    /**
     * Lays the workflow's own rules over policy's answers. A denial ends the run (unless agents are told), so beside it
     * no allow is recorded: the state never holds an allow that is not started. A call in doubt that may not start
     * again is reported first: nobody will learn how it ended.
     */
    public List<RunEvent> decided(RunState run, List<Ruling> rulings) {
        return rules.decided(run, rulings);
    }

    /** True for the one {@code create_task} that equals the reviewed proposal; a second one is another task. */
    public static boolean isReviewed(RunState run, ToolCall call) {
        return Rules.isReviewed(run, call);
    }

    /**
     * Ends a run from outside its steps: a cancel, a time-out, an engine that could not answer.
     *
     * @param status a terminal status other than succeeded
     */
    public List<RunEvent> stop(RunState run, RunStatus status, Problem problem) {
        return Endings.stop(run, status, problem);
    }

    private Step askAgainOrFail(RunState run, Agent agent, List<AgentTurn> turns) {
        var invalid = 0;
        for (var i = turns.size() - 1; i >= 0 && !fits(turns.get(i)); i--) {
            invalid++;
        }
        if (invalid <= REPAIRS) {
            return ask(run, agent, turns.size() + 1);
        }
        var errors = last(turns).answer() instanceof AgentAnswer.Invalid answer ? answer.errors() : List.<String>of();
        var detail = "%s gave no valid answer: %s".formatted(agent.title(), String.join("; ", errors));
        return new Step.Append(Endings.end(run, RunStatus.FAILED, new Problem("provider-invalid-answer", detail)));
    }

    private static boolean fits(AgentTurn turn) {
        return switch (turn.agent()) {
            case PLANNER -> turn.answer() instanceof AgentAnswer.Proposal;
            case REVIEWER -> turn.answer() instanceof AgentAnswer.Review;
            case EXECUTOR -> turn.answer() instanceof AgentAnswer.Calls || turn.answer() instanceof AgentAnswer.Text;
        };
    }

    private static Step ask(RunState run, Agent agent, int turn) {
        var started = new RunEvent.AgentStarted(agent, turn);
        return started.equals(run.openTurn()) ? new Step.AskAgent(agent, turn) : new Step.Append(started);
    }

    private RunEvent askAboutReview(RunState run, TaskProposal proposal) {
        var call = new ToolCall("review", Agent.EXECUTOR, CREATE_TASK, proposal.arguments());
        return askAbout(run, ApprovalKind.REVIEW, call, "reviewer", "the reviewer asks for a person", null);
    }

    private RunEvent askAboutRestore(RunState run) {
        var call = new ToolCall("restored", Agent.EXECUTOR, "continue_run", Map.of());
        var reason = "the database is from a backup: what the run did after it was made is not known";
        return askAbout(run, ApprovalKind.RESTORED, call, "run.restored", reason, null);
    }

    private RunEvent askAbout(
            RunState run,
            ApprovalKind kind,
            ToolCall call,
            String rule,
            String reason,
            @Nullable PolicyVerdict verdict) {
        var roles = verdict == null || verdict.approverRoles().isEmpty()
                ? settings.approverRoles()
                : verdict.approverRoles();
        var ttl = verdict == null || verdict.approvalTtl().isZero() ? settings.approvalTtl() : verdict.approvalTtl();
        var runId = run.request().runId();
        return new RunEvent.ApprovalRequested(
                approvalId(run),
                kind,
                call,
                call.digest(runId),
                rule,
                reason,
                verdict == null ? "" : verdict.revision(),
                roles,
                run.lastAt().plus(ttl));
    }

    private static UUID approvalId(RunState run) {
        return Ids.derived(run.request().runId(), "approval:" + (run.approvals() + 1));
    }

    private static List<CallState> at(List<CallState> calls, Stage stage) {
        return calls.stream().filter(call -> call.stage() == stage).toList();
    }

    /** A tool's result as the text that rails check and agents read. */
    public static String text(@Nullable Object result) {
        return result instanceof String text ? text : CanonicalJson.of(result);
    }

    private static AgentTurn last(List<AgentTurn> turns) {
        return turns.get(turns.size() - 1);
    }
}
