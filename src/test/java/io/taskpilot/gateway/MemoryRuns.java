package io.taskpilot.gateway;

import io.taskpilot.engine.AgentDelta;
import io.taskpilot.engine.Journal.IdempotencyKey;
import io.taskpilot.engine.LocalSignals;
import io.taskpilot.engine.RunReader;
import io.taskpilot.engine.RunWatch;
import io.taskpilot.engine.Runs;
import io.taskpilot.engine.SlowPoll;
import io.taskpilot.resilience.Failure;
import io.taskpilot.run.ApprovalAnswer;
import io.taskpilot.run.Decision;
import io.taskpilot.run.Ids;
import io.taskpilot.run.Problem;
import io.taskpilot.run.Recorded;
import io.taskpilot.run.Roles;
import io.taskpilot.run.RunEvent;
import io.taskpilot.run.RunRequest;
import io.taskpilot.run.RunState;
import io.taskpilot.run.RunStatus;
import io.taskpilot.run.TaskProposal;
import io.taskpilot.run.Usage;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** The engine's ports in memory: runs go where a test pushes them. Thread-safe by one lock. */
final class MemoryRuns implements Runs, RunReader {
    static final UUID TASK = UUID.fromString("01900000-0000-7000-8000-00000000aaaa");

    private final Vertx vertx;
    private final LocalSignals signals;
    private final SlowPoll poll;
    private final Map<UUID, List<Recorded>> idToEvents = new LinkedHashMap<>();
    private final Map<IdempotencyKey, UUID> keyToRun = new HashMap<>();
    private final Map<UUID, RunEvent.ApprovalDecided> answers = new HashMap<>();
    private final Map<UUID, Boolean> feedback = new ConcurrentHashMap<>();

    /** What follows {@code run.accepted} at once. */
    volatile Function<RunRequest, List<RunEvent>> script = request -> List.of();

    /** While set, everything fails with it: the database is away. */
    volatile @Nullable Failure outage;

    /** No submission is answered before it completes. */
    volatile Future<Void> commit = Future.succeededFuture();

    MemoryRuns(Vertx vertx) {
        this.vertx = vertx;
        this.signals = new LocalSignals(vertx);
        this.poll = new SlowPoll(vertx, this, signals);
    }

    synchronized void append(UUID runId, RunEvent... events) {
        var history = idToEvents.computeIfAbsent(runId, id -> new ArrayList<>());
        for (var event : events) {
            var recorded = new Recorded(history.size() + 1, Instant.now(), event);
            var longer = new ArrayList<>(history);
            longer.add(recorded);
            RunState.of(longer); // refuses what no run could have done
            history.add(recorded);
        }
        signals.changed(List.of(runId));
    }

    /** Many events without folding them: for long histories. */
    synchronized void appendRaw(UUID runId, List<RunEvent> events) {
        var history = history(runId);
        events.forEach(event -> history.add(new Recorded(history.size() + 1, Instant.now(), event)));
        signals.changed(List.of(runId));
    }

    /** A run of somebody else, past every limit. */
    UUID accept(String principal) {
        var id = Ids.at(System.currentTimeMillis(), ThreadLocalRandom.current());
        append(
                id,
                new RunEvent.Accepted(new RunRequest(
                        id, "default", principal, List.of(), "r", "go", Map.of(), Duration.ofMinutes(5), false)));
        return id;
    }

    synchronized List<UUID> all() {
        return List.copyOf(idToEvents.keySet());
    }

    Map<UUID, Boolean> feedbacks() {
        return feedback;
    }

    private <T> Future<T> answered(Supplier<T> call) {
        var context = vertx.getOrCreateContext();
        return Future.<Void>future(promise -> context.runOnContext(unused -> promise.complete()))
                .map(unused -> {
                    var away = outage;
                    if (away != null) {
                        throw away;
                    }
                    synchronized (this) {
                        return call.get();
                    }
                });
    }

    @Override
    public Future<Submission> submit(RunRequest request, @Nullable IdempotencyKey key) {
        return answered(() -> accept(request, key)).compose(accepted -> commit.map(accepted));
    }

    private Submission accept(RunRequest request, @Nullable IdempotencyKey key) {
        if (key != null) {
            for (var known : keyToRun.entrySet()) {
                var other = known.getKey();
                if (other.key().equals(key.key()) && other.principal().equals(key.principal())) {
                    if (!other.bodySha256().equals(key.bodySha256())) {
                        throw Failure.of(
                                Failure.Kind.UNPROCESSABLE,
                                "caller-idempotency-key-reused",
                                "the key was used for another body");
                    }
                    return new Submission(known.getValue(), null);
                }
            }
            keyToRun.put(key, request.runId());
        }
        append(request.runId(), new RunEvent.Accepted(request));
        append(request.runId(), script.apply(request).toArray(RunEvent[]::new));
        var at = history(request.runId()).get(0).at();
        return new Submission(request.runId(), RunView.accepted(request, at));
    }

    @Override
    public synchronized int inFlight(String principal) {
        return (int) idToEvents.values().stream()
                .map(RunState::of)
                .filter(run -> run.request().principal().equals(principal))
                .filter(run -> !run.status().isTerminal())
                .count();
    }

    private List<Recorded> history(UUID runId) {
        var history = idToEvents.get(runId);
        if (history == null) {
            throw Failure.notFound("run");
        }
        return history;
    }

    @Override
    public Future<RunStatus> cancel(UUID runId, String principal) {
        return answered(() -> {
            var run = RunState.of(history(runId));
            if (!run.status().isTerminal()) {
                var problem = new Problem("caller-cancelled", "cancelled by " + principal);
                append(runId, new RunEvent.Ended(RunStatus.CANCELLED, null, problem, List.of()));
            }
            return RunState.of(history(runId)).status();
        });
    }

    @Override
    public Future<Void> answer(UUID approvalId, Answer answer) {
        return answered(() -> {
            var runId = runOf(approvalId);
            var run = RunState.of(history(runId));
            var asked = requested(approvalId);
            if (answers.containsKey(approvalId)) {
                throw Failure.of(Failure.Kind.CONFLICT, "caller-approval-answered", "answered before");
            }
            if (!answer.mayAnswerOwn() && run.request().principal().equals(answer.principal())) {
                throw Failure.of(Failure.Kind.DENIED, "caller-own-request", "your own request");
            }
            if (!Roles.anyOf(answer.roles(), asked.roles())) {
                throw Failure.of(Failure.Kind.DENIED, "caller-role-missing", "needs one of " + asked.roles());
            }
            if (!asked.kind().answers().contains(answer.answer())) {
                throw Failure.invalid("/answer", "not offered (expected: one of those in the approval)");
            }
            var decided = new RunEvent.ApprovalDecided(
                    approvalId, answer.answer(), answer.principal(), answer.roles(), answer.reason(), answer.result());
            append(runId, decided);
            answers.put(approvalId, decided);
            return null;
        });
    }

    private UUID runOf(UUID approvalId) {
        return idToEvents.entrySet().stream()
                .filter(entry -> asks(entry.getValue())
                        .anyMatch(asked -> asked.approvalId().equals(approvalId)))
                .map(Map.Entry::getKey)
                .findFirst()
                .orElseThrow(() -> Failure.notFound("approval"));
    }

    private RunEvent.ApprovalRequested requested(UUID approvalId) {
        return idToEvents.values().stream()
                .flatMap(MemoryRuns::asks)
                .filter(asked -> asked.approvalId().equals(approvalId))
                .findFirst()
                .orElseThrow(() -> Failure.notFound("approval"));
    }

    private static Stream<RunEvent.ApprovalRequested> asks(List<Recorded> history) {
        return history.stream()
                .filter(recorded -> recorded.event() instanceof RunEvent.ApprovalRequested)
                .map(recorded -> (RunEvent.ApprovalRequested) recorded.event());
    }

    @Override
    public Future<RunWatch> watch(UUID runId, long after) {
        return RunWatch.open(vertx, this, signals, poll, runId, after);
    }

    @Override
    public Future<RunWatch> watch(UUID runId, long after, Consumer<AgentDelta> live) {
        return RunWatch.open(vertx, this, signals, poll, runId, after, live);
    }

    void say(AgentDelta delta) {
        signals.said(delta);
    }

    @Override
    public Future<RunView> run(UUID runId) {
        return answered(() -> view(history(runId)));
    }

    private RunView view(List<Recorded> history) {
        var first = ((RunEvent.Accepted) history.get(0).event()).request();
        var last = history.get(history.size() - 1);
        var ended = last.event() instanceof RunEvent.Ended end ? end : null;
        var waiting = last.event() instanceof RunEvent.ApprovalRequested asked ? asked : null;
        var attempts = history.stream()
                .filter(recorded -> recorded.event() instanceof RunEvent.Resumed resumed
                        && resumed.cause().equals("node_dead"))
                .count();
        var status = history.size() == 1 ? RunStatus.QUEUED : RunStatus.RUNNING;
        if (ended != null) {
            status = ended.status();
        } else if (waiting != null) {
            status = RunStatus.AWAITING_APPROVAL;
        }
        return new RunView(
                first.runId(),
                first.tenant(),
                first.principal(),
                first.requestId(),
                status,
                first.input(),
                first.metadata(),
                first.timeout(),
                first.requireApproval(),
                ended == null ? null : ended.output(),
                ended == null ? null : ended.problem(),
                ended == null ? List.of() : ended.unsettled(),
                Usage.NONE,
                1 + (int) attempts,
                history.size(),
                status == RunStatus.CANCELLED,
                waiting == null ? null : waiting.approvalId(),
                history.get(0).at(),
                history.size() > 1 ? history.get(1).at() : null,
                ended == null ? null : last.at(),
                Duration.ZERO);
    }

    @Override
    public Future<Page<RunView>> runs(RunFilter filter, PageRequest page) {
        return answered(() -> page(
                idToEvents.values().stream()
                        .map(this::view)
                        .filter(run -> filter.status() == null || run.status() == filter.status())
                        .sorted(Comparator.comparing((RunView run) -> run.id().toString())
                                .reversed())
                        .toList(),
                page));
    }

    private static <T> Page<T> page(List<T> all, PageRequest page) {
        var from = page.cursor() == null ? 0 : offset(page.cursor());
        var to = Math.min(all.size(), from + page.size());
        return new Page<>(all.subList(Math.min(from, to), to), to < all.size() ? String.valueOf(to) : null);
    }

    private static int offset(String cursor) {
        try {
            return Integer.parseInt(cursor);
        } catch (NumberFormatException e) {
            throw Failure.invalid("#cursor", "not a cursor of this list");
        }
    }

    @Override
    public Future<List<Recorded>> events(UUID runId, long after, int limit) {
        return answered(() -> {
            var history = history(runId);
            var from = (int) Math.min(after, history.size());
            return List.copyOf(history.subList(from, Math.min(history.size(), from + limit)));
        });
    }

    @Override
    public Future<Map<UUID, Long>> lastSeqs(Collection<UUID> runIds) {
        return answered(() -> {
            var runToSeq = new HashMap<UUID, Long>();
            runIds.forEach(runId -> runToSeq.put(runId, (long) history(runId).size()));
            return runToSeq;
        });
    }

    @Override
    public Future<ApprovalView> approval(UUID approvalId) {
        return answered(() -> approval(runOf(approvalId), requested(approvalId)));
    }

    private ApprovalView approval(UUID runId, RunEvent.ApprovalRequested asked) {
        var decided = answers.get(asked.approvalId());
        var answer =
                decided == null ? null : new Answered(decided.answer(), decided.by(), decided.reason(), Instant.EPOCH);
        var status = answer == null ? "pending" : "answered";
        if (answer != null && answer.answer() == ApprovalAnswer.EXPIRED) {
            status = "expired";
        }
        return new ApprovalView(runId, asked, status, Instant.EPOCH, answer, List.of());
    }

    @Override
    public Future<Page<ApprovalView>> approvals(ApprovalFilter filter, PageRequest page) {
        return answered(() -> {
            var all = new ArrayList<ApprovalView>();
            idToEvents.forEach((runId, history) -> asks(history).forEach(asked -> all.add(approval(runId, asked))));
            all.removeIf(
                    approval -> filter.status() != null && !approval.status().equals(filter.status()));
            return page(all, page);
        });
    }

    @Override
    public Future<TaskView> task(UUID taskId) {
        return answered(() -> {
            if (!taskId.equals(TASK)) {
                throw Failure.notFound("task");
            }
            return task();
        });
    }

    private static TaskView task() {
        var proposal = new TaskProposal("Prepare the board deck", "high", "");
        return new TaskView(TASK, TASK, proposal, "executed", 2, Instant.EPOCH, Instant.EPOCH);
    }

    @Override
    public Future<Page<TaskView>> tasks(TaskFilter filter, PageRequest page) {
        return answered(() -> page(
                Stream.of(task())
                        .filter(task ->
                                filter.status() == null || filter.status().equals(task.status()))
                        .toList(),
                page));
    }

    private List<DecisionView> decisions() {
        var found = new ArrayList<DecisionView>();
        idToEvents.forEach((runId, history) -> {
            var state = RunState.empty();
            for (var recorded : history) {
                var decision = Decision.of(state, recorded.seq(), recorded.event());
                state = state.apply(recorded);
                if (decision != null) {
                    found.add(new DecisionView(
                            decision, runId, runId, "r", "", "default", "local", recorded.at(), "", "ab"));
                }
            }
        });
        return found;
    }

    @Override
    public Future<Page<DecisionView>> decisions(DecisionFilter filter, PageRequest page) {
        return answered(() -> page(decisions(), page));
    }

    @Override
    public Future<Void> exportDecisions(DecisionFilter filter, Function<List<DecisionView>, Future<Void>> sink) {
        return answered(this::decisions).compose(all -> {
            var done = Future.<Void>succeededFuture();
            for (var from = 0; from < all.size(); from += 100) {
                var part = all.subList(from, Math.min(all.size(), from + 100));
                done = done.compose(unused -> sink.apply(part));
            }
            return done;
        });
    }

    @Override
    public Future<Verification> verifyDecisions(@Nullable UUID runId, Function<Progress, Future<Void>> progress) {
        return answered(() -> new Progress(idToEvents.size(), decisions().size(), 0))
                .compose(all -> progress.apply(all).map(new Verification(all, null, 0, 0, 0, List.of())));
    }

    @Override
    public Future<List<CostLine>> costReport(Instant since, String by) {
        return answered(() -> List.of(
                new CostLine("PlannerAgent", 3, new Usage(100, 20, 0.0012)), new CostLine("=cmd()", 1, Usage.NONE)));
    }

    @Override
    public Future<GoldenSignals> goldenSignals(Instant since) {
        return answered(() -> new GoldenSignals(2, 0.5, 1.25, null, null, 1.0));
    }

    @Override
    public Future<Void> feedback(UUID runId, String principal, boolean correct, String comment) {
        return answered(() -> {
            history(runId);
            feedback.put(runId, correct);
            return null;
        });
    }

    /** An id that no run has. */
    static UUID unknown() {
        return Ids.derived(TASK, "unknown");
    }
}
