package io.taskpilot.run;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** What a run's events add up to. Immutable: {@link #apply} gives a new one. */
public final class RunState {
    private long lastSeq;
    private Instant lastAt = Instant.EPOCH;
    private Instant acceptedAt = Instant.EPOCH;
    private @Nullable RunRequest request;
    private Standing standing = Standing.QUEUED;
    private int attempt = 1;
    private RunEvent.@Nullable GuardrailChecked inputCheck;
    private RunEvent.@Nullable AgentStarted openTurn;
    private List<AgentTurn> turns = List.of();
    private RunEvent.@Nullable TaskProposed proposed;
    private @Nullable TaskStatus taskStatus;
    private @Nullable ReviewVerdict review;
    private Questions questions = Questions.NONE;
    private Duration outOfTime = Duration.ZERO;
    private ToolCalls calls = ToolCalls.NONE;
    private @Nullable RunEvent refusal;
    private Usage usage = Usage.NONE;
    private RunEvent.@Nullable Ended ended;

    private RunState() {}

    /** The state before any event; only {@code run.accepted} applies to it. */
    public static RunState empty() {
        return new RunState();
    }

    /** Folds a history that starts at {@code run.accepted}. */
    public static RunState of(List<Recorded> history) {
        var state = empty();
        for (var recorded : history) {
            state = state.apply(recorded);
        }
        return state;
    }

    /**
     * @throws IllegalStateException when the event can't follow: a gap in {@code seq}, an event after the terminal one,
     *     a status change that {@link RunStatus} does not have
     */
    public RunState apply(Recorded recorded) {
        if (recorded.seq() != lastSeq + 1) {
            throw new IllegalStateException("seq %d after %d".formatted(recorded.seq(), lastSeq));
        }
        if (ended != null) {
            throw new IllegalStateException("an event after the terminal one at seq " + recorded.seq());
        }
        if ((lastSeq == 0) != (recorded.event() instanceof RunEvent.Accepted)) {
            throw new IllegalStateException("run.accepted must be the first event and no other");
        }
        var next = copy();
        next.lastSeq = recorded.seq();
        next.lastAt = recorded.at();
        for (var move : TaskMove.of(this, recorded.event())) {
            next.taskStatus = move.status();
        }
        if (recorded.event() instanceof RunEvent.Resumed resumed && resumed.isRestore() && questions.open() == null) {
            next.outOfTime = outOfTime.plus(Duration.between(lastAt, recorded.at()));
        }
        next.fold(recorded.event(), recorded.at());
        return next;
    }

    private void fold(RunEvent event, Instant at) {
        if (event instanceof RunEvent.Accepted accepted) {
            request = accepted.request();
            acceptedAt = at;
        } else if (event instanceof RunEvent.Started) {
            become(RunStatus.RUNNING, at);
        } else if (event instanceof RunEvent.Resumed resumed) {
            resumed(resumed);
        } else if (event instanceof RunEvent.GuardrailChecked checked) {
            checked(checked);
        } else if (event instanceof RunEvent.AgentStarted started) {
            openTurn = started;
        } else if (event instanceof RunEvent.AgentCompleted completed) {
            completed(completed);
        } else if (event instanceof RunEvent.TaskProposed made) {
            proposed = made;
        } else if (event instanceof RunEvent.ReviewCompleted completed) {
            review = completed.verdict();
        } else if (event instanceof RunEvent.PolicyDecided decided) {
            decided(decided);
        } else if (event instanceof RunEvent.ApprovalRequested requested) {
            asked(requested, at);
        } else if (event instanceof RunEvent.ApprovalDecided decided) {
            answered(decided, at);
        } else if (event instanceof RunEvent.ToolStarted started) {
            started(started);
        } else if (event instanceof RunEvent.ToolCompleted completed) {
            calls = calls.returned(completed, taskId());
        } else if (event instanceof RunEvent.ToolOutcomeUnknown unknown) {
            calls = calls.with(unknown.callId(), call -> call.at(CallState.Stage.UNKNOWN));
        } else if (event instanceof RunEvent.Ended end) {
            become(end.status(), at);
            ended = end;
        } else {
            throw new IllegalStateException("no fold for " + event.getClass().getSimpleName());
        }
    }

    private void become(RunStatus next, Instant at) {
        standing = standing.become(next, at);
    }

    private void resumed(RunEvent.Resumed event) {
        if (event.cause().equals("node_dead")) {
            attempt++;
        }
        if (event.isRestore()) {
            questions = questions.restored();
        }
        openTurn = null;
        calls = calls.inDoubt();
    }

    private void checked(RunEvent.GuardrailChecked event) {
        if (event.phase() == RailPhase.INPUT && event.callId() == null) {
            inputCheck = event;
        }
        if (event.callId() != null && event.passed()) {
            calls = calls.with(event.callId(), call -> call.checked(event.phase(), event.text()));
        }
        if (!event.passed()) {
            refusal = event;
        }
    }

    private void completed(RunEvent.AgentCompleted event) {
        openTurn = null;
        usage = usage.plus(event.usage());
        var longer = new ArrayList<>(turns);
        longer.add(new AgentTurn(event.agent(), event.turn(), event.answer()));
        turns = List.copyOf(longer);
        if (event.agent() == Agent.EXECUTOR && event.answer() instanceof AgentAnswer.Calls answer) {
            calls = calls.proposed(answer.calls());
        }
    }

    private void decided(RunEvent.PolicyDecided event) {
        calls = calls.with(event.call().id(), call -> call.decided(event.verdict()));
        var result = event.verdict().result();
        if (result == DecisionResult.DENY || result == DecisionResult.ERROR) {
            refusal = event;
        }
    }

    private void asked(RunEvent.ApprovalRequested event, Instant at) {
        become(RunStatus.AWAITING_APPROVAL, at);
        questions = questions.ask(event);
        if (event.kind().isOfACall()) {
            calls = calls.with(event.call().id(), call -> call.at(CallState.Stage.ASKED));
        }
    }

    private void answered(RunEvent.ApprovalDecided event, Instant at) {
        var question = questions.question();
        questions = questions.answer(event);
        become(RunStatus.RUNNING, at);
        if (question.kind().isOfACall()) {
            calls = calls.with(question.call().id(), call -> call.answered(event));
        }
        if (event.answer().decision() == DecisionResult.DENY) {
            refusal = event;
        }
    }

    private void started(RunEvent.ToolStarted event) {
        calls = calls.with(event.callId(), call -> call.started(event));
        var call = Objects.requireNonNull(calls.byId().get(event.callId())).call();
        if (proposed != null && Workflow.isReviewed(this, call)) {
            calls = calls.reviewed(event.callId());
        }
    }

    private RunState copy() {
        var copy = new RunState();
        copy.lastSeq = lastSeq;
        copy.lastAt = lastAt;
        copy.acceptedAt = acceptedAt;
        copy.request = request;
        copy.standing = standing;
        copy.attempt = attempt;
        copy.inputCheck = inputCheck;
        copy.openTurn = openTurn;
        copy.turns = turns;
        copy.proposed = proposed;
        copy.taskStatus = taskStatus;
        copy.review = review;
        copy.questions = questions;
        copy.outOfTime = outOfTime;
        copy.calls = calls;
        copy.refusal = refusal;
        copy.usage = usage;
        copy.ended = ended;
        return copy;
    }

    public long lastSeq() {
        return lastSeq;
    }

    /** The database's time at the last event. */
    public Instant lastAt() {
        return lastAt;
    }

    public Instant acceptedAt() {
        return acceptedAt;
    }

    /** @throws NullPointerException before {@code run.accepted} */
    public RunRequest request() {
        return Objects.requireNonNull(request, "no run.accepted yet");
    }

    public RunStatus status() {
        return standing.status();
    }

    /** Starts at 1 and counts takeovers from dead nodes: what people are shown. */
    public int attempt() {
        return attempt;
    }

    /** Time spent waiting for people, closed waits only. */
    public Duration parked() {
        return standing.parked();
    }

    /** When the run times out: accepted, plus its timeout, plus the time it was parked, or lay in a backup. */
    public Instant deadline() {
        return acceptedAt.plus(request().timeout()).plus(parked()).plus(outOfTime);
    }

    public RunEvent.@Nullable GuardrailChecked inputCheck() {
        return inputCheck;
    }

    /** The request's text as the agents may see it: as an input rail modified it, if one did. */
    public String input() {
        return inputCheck != null && inputCheck.text() != null
                ? inputCheck.text()
                : request().input();
    }

    /** The model call that is under way, if one is. */
    public RunEvent.@Nullable AgentStarted openTurn() {
        return openTurn;
    }

    /** Whole answers so far, oldest first. */
    public List<AgentTurn> turns() {
        return turns;
    }

    /** Whole answers of one agent, oldest first. */
    public List<AgentTurn> turns(Agent agent) {
        return turns.stream().filter(turn -> turn.agent() == agent).toList();
    }

    public @Nullable UUID taskId() {
        return proposed == null ? null : proposed.taskId();
    }

    public @Nullable TaskProposal proposal() {
        return proposed == null ? null : proposed.task();
    }

    /** Null before the task is proposed. */
    public @Nullable TaskStatus taskStatus() {
        return taskStatus;
    }

    public @Nullable ReviewVerdict review() {
        return review;
    }

    /** The answer of the person whom the reviewer's REVIEW called in. */
    public RunEvent.@Nullable ApprovalDecided reviewAnswer() {
        return questions.review();
    }

    /** The question that waits for an answer, if one does. */
    public RunEvent.@Nullable ApprovalRequested asked() {
        return questions.open();
    }

    /** How many times people were asked. */
    public int approvals() {
        return questions.count();
    }

    /** True from the restore of its database until a person says that the run may go on. */
    public boolean isRestored() {
        return questions.isRestored();
    }

    /** By call id, in the order they were asked for. */
    public Map<String, CallState> calls() {
        return calls.byId();
    }

    /** The call that carries out the reviewed proposal, once one has started and did not fail. */
    @Nullable
    String reviewedCall() {
        return calls.reviewed();
    }

    /** Tasks this run executed or made so far. */
    public List<UUID> tasks() {
        return calls.tasks();
    }

    /** The last verdict that did not let something pass: a rail's, policy's or a person's. */
    public @Nullable RunEvent refusal() {
        return refusal;
    }

    public Usage usage() {
        return usage;
    }

    public RunEvent.@Nullable Ended ended() {
        return ended;
    }
}
