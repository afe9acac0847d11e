package io.taskpilot.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.run.RunEvent.AgentCompleted;
import io.taskpilot.run.RunEvent.AgentStarted;
import io.taskpilot.run.RunEvent.ApprovalDecided;
import io.taskpilot.run.RunEvent.ApprovalRequested;
import io.taskpilot.run.RunEvent.Ended;
import io.taskpilot.run.RunEvent.GuardrailChecked;
import io.taskpilot.run.RunEvent.PolicyDecided;
import io.taskpilot.run.RunEvent.Resumed;
import io.taskpilot.run.RunEvent.ReviewCompleted;
import io.taskpilot.run.RunEvent.ToolCompleted;
import io.taskpilot.run.RunEvent.ToolStarted;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** What must hold of every history, said without the help of {@link Workflow}. */
final class Laws {
    private final List<List<Recorded>> appends;
    private final List<RunEvent> events;
    private final WorkflowSettings settings;
    private final RunState end;
    private final Map<String, CallLife> lives = new LinkedHashMap<>();

    private Laws(List<List<Recorded>> appends, WorkflowSettings settings, RunState end) {
        this.appends = appends;
        this.events =
                appends.stream().flatMap(List::stream).map(Recorded::event).toList();
        this.settings = settings;
        this.end = end;
        all(AgentCompleted.class).forEach(completed -> {
            if (completed.answer() instanceof AgentAnswer.Calls answer) {
                answer.calls().forEach(call -> lives.put(call.id(), new CallLife(call, end)));
            }
        });
        lives.values().forEach(life -> appends.forEach(life::follow));
    }

    static void hold(Simulation run) {
        var laws = new Laws(run.appends(), run.settings(), run.run());
        laws.foldsAtEveryPrefix();
        laws.endsOnceAndLast();
        laws.endIsWhatItsCauseSays();
        laws.railsComeFirst();
        laws.modelCallsAreBracketed();
        laws.parksWhileAPersonIsAsked();
        laws.lives.values().forEach(CallLife::ends);
        laws.refusalsAreFinal();
        laws.restoredRunsAskFirst();
        laws.limitOfCallsHolds();
        laws.everyVerdictIsOneDecision();
        laws.taskFollowsItsTable();
    }

    private <T extends RunEvent> Stream<T> all(Class<T> type) {
        return events.stream().filter(type::isInstance).map(type::cast);
    }

    private int first(Predicate<RunEvent> wanted, int from) {
        for (var i = from; i < events.size(); i++) {
            if (wanted.test(events.get(i))) {
                return i;
            }
        }
        return events.size();
    }

    private void foldsAtEveryPrefix() {
        var state = RunState.empty();
        var attempt = 1;
        var parked = Duration.ZERO;
        var backedUp = Duration.ZERO;
        Instant since = null;
        for (var recorded : appends.stream().flatMap(List::stream).toList()) {
            var before = state;
            var seq = before.lastSeq();
            state = state.apply(recorded);
            assertThat(before.lastSeq()).isEqualTo(seq);
            attempt += recorded.event() instanceof Resumed resumed
                            && resumed.cause().equals("node_dead")
                    ? 1
                    : 0;
            if (since != null && (recorded.event() instanceof ApprovalDecided || recorded.event() instanceof Ended)) {
                parked = parked.plus(Duration.between(since, recorded.at()));
                since = null;
            }
            since = recorded.event() instanceof ApprovalRequested ? recorded.at() : since;
            if (since == null && isRestore(recorded.event())) {
                backedUp = backedUp.plus(Duration.between(before.lastAt(), recorded.at()));
            }
            assertThat(state.attempt()).isEqualTo(attempt);
            assertThat(state.parked()).isEqualTo(parked);
            assertThat(state.deadline())
                    .isEqualTo(state.acceptedAt()
                            .plus(state.request().timeout())
                            .plus(parked)
                            .plus(backedUp));
        }
        var workflow = new Workflow(settings);
        assertThat(workflow.next(state)).isEqualTo(workflow.next(end));
        assertThat(state.calls()).isEqualTo(end.calls());
    }

    private void endsOnceAndLast() {
        var terminal = all(Ended.class).toList();
        if (end.status() == RunStatus.AWAITING_APPROVAL) {
            assertThat(terminal).isEmpty();
        } else {
            assertThat(terminal).containsExactly((Ended) events.get(events.size() - 1));
            assertThat(end.status()).isEqualTo(terminal.get(0).status());
            assertThat(terminal.get(0).unsettled())
                    .isEqualTo(lives.values().stream()
                            .filter(CallLife::isUnsettled)
                            .map(CallLife::id)
                            .toList());
        }
    }

    /** {@code rejected} and {@code blocked} come from verdicts only, and a lack of one never passes for success. */
    private void endIsWhatItsCauseSays() {
        var ended = end.ended();
        if (ended == null) {
            return;
        }
        var problem = ended.problem();
        var stopped = problem != null && problem.slug().equals("caller-cancelled");
        var blocked = all(GuardrailChecked.class).anyMatch(check -> check.result() == DecisionResult.DENY);
        var unchecked = all(GuardrailChecked.class)
                .anyMatch(check -> check.result() == DecisionResult.ERROR && !check.waived());
        var denied = !settings.tellDenials() && all(PolicyDecided.class).anyMatch(Laws::isDenial);
        var undecided =
                all(PolicyDecided.class).anyMatch(decided -> decided.verdict().result() == DecisionResult.ERROR);
        var rejected = all(ReviewCompleted.class).anyMatch(review -> review.verdict() == ReviewVerdict.REJECTED);
        var refused = all(ApprovalDecided.class)
                .filter(decided -> decided.answer().decision() == DecisionResult.DENY)
                .findFirst()
                .orElse(null);
        assertThat((problem == null)).isEqualTo(ended.status() == RunStatus.SUCCEEDED);
        assertThat((ended.output() != null)).isEqualTo(ended.status() == RunStatus.SUCCEEDED);
        if (stopped) {
            return;
        }
        if (blocked) {
            assertThat(ended.status()).isEqualTo(RunStatus.BLOCKED);
        } else if (unchecked) {
            assertThat(ended.status()).isEqualTo(RunStatus.FAILED);
        } else if (denied) {
            assertThat(ended.status()).isEqualTo(RunStatus.REJECTED);
        } else if (undecided) {
            assertThat(ended.status()).isEqualTo(RunStatus.FAILED);
        } else if (refused != null) {
            assertThat(ended.status())
                    .isEqualTo(refused.answer() == ApprovalAnswer.ABORT ? RunStatus.CANCELLED : RunStatus.REJECTED);
        } else if (rejected) {
            assertThat(ended.status()).isEqualTo(RunStatus.REJECTED);
        } else {
            assertThat(ended.status()).isIn(RunStatus.SUCCEEDED, RunStatus.FAILED);
        }
    }

    private static boolean isDenial(PolicyDecided decided) {
        return decided.verdict().result() == DecisionResult.DENY;
    }

    private void railsComeFirst() {
        var asked = first(AgentStarted.class::isInstance, 0);
        var checked = first(event -> event instanceof GuardrailChecked check && check.phase() == RailPhase.INPUT, 0);
        if (asked < events.size()) {
            assertThat(checked).isLessThan(asked);
            assertThat(((GuardrailChecked) events.get(checked)).passed()).isTrue();
        }
        for (var append : appends) {
            for (var i = 0; i < append.size(); i++) {
                if (append.get(i).event() instanceof AgentCompleted completed) {
                    assertThat(append.get(i + 1).event()).isInstanceOfSatisfying(GuardrailChecked.class, check -> {
                        assertThat(check.phase()).isEqualTo(RailPhase.OUTPUT);
                        assertThat(check.passed()).isNotEqualTo(completed.answer() instanceof AgentAnswer.Withheld);
                    });
                }
            }
        }
    }

    private void modelCallsAreBracketed() {
        AgentStarted open = null;
        for (var event : events) {
            if (event instanceof AgentStarted started) {
                open = started;
            } else if (event instanceof Resumed) {
                open = null; // the call died with its node
            } else if (event instanceof AgentCompleted completed) {
                assertThat(open).isEqualTo(new AgentStarted(completed.agent(), completed.turn()));
                open = null;
            }
        }
    }

    private void parksWhileAPersonIsAsked() {
        var state = RunState.empty();
        for (var append : appends) {
            for (var recorded : append) {
                state = state.apply(recorded);
            }
            var last = append.get(append.size() - 1).event();
            var parks = last instanceof ApprovalRequested;
            assertThat(state.status() == RunStatus.AWAITING_APPROVAL)
                    .isEqualTo(parks || (isRestore(last) && state.asked() != null));
            for (var recorded : append) {
                if (recorded.event() instanceof ApprovalRequested asked) {
                    assertThat(recorded.event()).isSameAs(last);
                    assertThat(asked.digest()).isEqualTo(asked.call().digest(World.RUN));
                    assertThat(asked.expiresAt()).isAfter(recorded.at());
                }
            }
        }
    }

    private void refusalsAreFinal() {
        for (var i = 0; i < events.size(); i++) {
            var event = events.get(i);
            if (isRefusal(event)) {
                assertThat(events.subList(i + 1, events.size()))
                        .noneMatch(later -> later instanceof AgentStarted
                                || later instanceof ToolStarted
                                || later instanceof ApprovalRequested);
            }
        }
    }

    private boolean isRefusal(RunEvent event) {
        if (event instanceof PolicyDecided decided) {
            return decided.verdict().result() == DecisionResult.ERROR || (isDenial(decided) && !settings.tellDenials());
        }
        if (event instanceof GuardrailChecked check) {
            return !check.passed();
        }
        return event instanceof ApprovalDecided answer && answer.answer().decision() == DecisionResult.DENY;
    }

    /** Nothing begins between a restore and the answer of a person, though a question from before may be answered. */
    private void restoredRunsAskFirst() {
        var restored = false;
        for (var event : events) {
            restored |= isRestore(event);
            if (event instanceof ApprovalRequested request) {
                assertThat(request.kind() == ApprovalKind.RESTORED).isEqualTo(restored);
            } else if (event instanceof ApprovalDecided answer && answer.answer() == ApprovalAnswer.CONTINUE) {
                restored = false;
            } else if (restored) {
                assertThat(event).isNotInstanceOfAny(AgentStarted.class, ToolStarted.class, PolicyDecided.class);
            }
        }
    }

    private static boolean isRestore(RunEvent event) {
        return event instanceof Resumed resumed && resumed.cause().equals(Resumed.RESTORED);
    }

    private void limitOfCallsHolds() {
        var started = new HashSet<String>();
        all(ToolStarted.class).forEach(start -> started.add(start.callId()));
        assertThat(started.size()).isLessThanOrEqualTo(settings.maxToolCalls());
        if (lives.size() > settings.maxToolCalls() && end.ended() != null) {
            assertThat(end.status()).isNotEqualTo(RunStatus.SUCCEEDED);
        }
    }

    private void everyVerdictIsOneDecision() {
        var ids = new HashSet<>();
        var state = RunState.empty();
        for (var recorded : appends.stream().flatMap(List::stream).toList()) {
            var event = recorded.event();
            var decision = state.lastSeq() == 0 ? null : Decision.of(state, recorded.seq(), event);
            var expected = result(event);
            assertThat(decision == null ? null : decision.result()).isEqualTo(expected);
            if (decision != null) {
                assertThat(ids.add(decision.id())).isTrue();
                assertThat(decision.id())
                        .isEqualTo(Objects.requireNonNull(Decision.of(state, recorded.seq(), event))
                                .id());
            }
            state = state.apply(recorded);
        }
    }

    private static @Nullable DecisionResult result(RunEvent event) {
        if (event instanceof GuardrailChecked check) {
            return check.result();
        }
        if (event instanceof PolicyDecided decided) {
            return decided.verdict().result();
        }
        return event instanceof ApprovalDecided decided ? decided.answer().decision() : null;
    }

    private void taskFollowsItsTable() {
        var state = RunState.empty();
        var statuses = new ArrayList<TaskStatus>();
        for (var recorded : appends.stream().flatMap(List::stream).toList()) {
            for (var move : TaskMove.of(state, recorded.event())) {
                assertThat(move.inserted() != null).isEqualTo(statuses.isEmpty());
                if (!statuses.isEmpty()) {
                    assertThat(statuses.get(statuses.size() - 1).next()).contains(move.status());
                }
                statuses.add(move.status());
                assertThat(move.taskId())
                        .isEqualTo(
                                recorded.event() instanceof RunEvent.TaskProposed proposed
                                        ? proposed.taskId()
                                        : state.taskId());
            }
            state = state.apply(recorded);
            assertThat(state.taskStatus()).isEqualTo(statuses.isEmpty() ? null : statuses.get(statuses.size() - 1));
        }
        var executions =
                all(ToolCompleted.class).filter(this::executesTheProposal).count();
        assertThat(executions).isLessThanOrEqualTo(1);
        if (statuses.isEmpty() || end.ended() == null) {
            return;
        }
        var last = statuses.get(statuses.size() - 1);
        if (executions == 1) {
            assertThat(last).isEqualTo(TaskStatus.EXECUTED);
        } else if (end.review() == ReviewVerdict.REJECTED || isReviewRefused()) {
            assertThat(last).isEqualTo(TaskStatus.REJECTED);
        } else {
            assertThat(last).isEqualTo(TaskStatus.FAILED);
        }
        outputNamesWhatWasMade(executions);
    }

    private void outputNamesWhatWasMade(long executions) {
        var output = Objects.requireNonNull(end.ended()).output();
        if (output != null) {
            var made = all(ToolCompleted.class)
                    .mapToLong(completed -> completed.changes().size())
                    .sum();
            assertThat(output.tasks()).hasSize((int) (executions + made)).doesNotHaveDuplicates();
            assertThat(output.tasks().contains(Objects.requireNonNull(end.taskId())))
                    .isEqualTo(executions == 1);
            assertThat(output.denied()).hasSize((int)
                    all(PolicyDecided.class).filter(Laws::isDenial).count());
        }
    }

    /** The tools of the simulated world make a new task for every {@code create_task} but the reviewed one. */
    private boolean executesTheProposal(ToolCompleted completed) {
        return completed.tool().equals(Workflow.CREATE_TASK)
                && !completed.error()
                && completed.changes().isEmpty();
    }

    private boolean isReviewRefused() {
        var answer = end.reviewAnswer();
        return answer != null && answer.answer() != ApprovalAnswer.APPROVE;
    }
}
