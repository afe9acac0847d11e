package io.taskpilot.journal;

import io.taskpilot.engine.Journal.Appended;
import io.taskpilot.engine.RunReader.DecisionView;
import io.taskpilot.journal.DecisionChain.Head;
import io.taskpilot.journal.DecisionChain.Link;
import io.taskpilot.run.ApprovalAnswer;
import io.taskpilot.run.Decision;
import io.taskpilot.run.EventCodec;
import io.taskpilot.run.Recorded;
import io.taskpilot.run.RunEvent;
import io.taskpilot.run.RunState;
import io.taskpilot.run.TaskChange;
import io.taskpilot.run.TaskMove;
import io.vertx.core.Future;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** What one append writes: the events, and every row that is projected from them. */
final class Append implements GroupCommit.Entry {
    final UUID id;
    final UUID runId;
    final long fence;
    final boolean unowned;
    final long first;
    final RunState after;
    final List<StoredEvent> events = new ArrayList<>();
    final List<Integer> attempts = new ArrayList<>();
    final List<Link> decisions = new ArrayList<>();
    /** JSON rows by approval id and by task id: what is asked and answered in one append is one row. */
    final Map<UUID, Map<String, @Nullable Object>> asked = new LinkedHashMap<>();

    final Map<UUID, Map<String, @Nullable Object>> answered = new LinkedHashMap<>();
    final Map<UUID, Map<String, @Nullable Object>> tasks = new LinkedHashMap<>();
    final Map<UUID, Map<String, @Nullable Object>> moves = new LinkedHashMap<>();
    /** Changes to tasks that other runs may change too. */
    final List<TaskChange> conditional = new ArrayList<>();

    private final DecisionChain chain;
    private final CallerPromise<Appended> promise = new CallerPromise<>();
    private Head head;
    private boolean progress;
    private boolean started;
    private @Nullable String summary;
    private long bytes = 200;

    /**
     * @param id kept on its events, to know it again when the answer to its commit was lost
     * @throws IllegalStateException when the events can't follow
     */
    Append(
            UUID id,
            RunState before,
            long fence,
            boolean unowned,
            List<RunEvent> newEvents,
            DecisionChain chain,
            Head head) {
        this.id = id;
        this.runId = before.request().runId();
        this.fence = fence;
        this.unowned = unowned;
        this.first = before.lastSeq() + 1;
        this.chain = chain;
        this.head = head;
        var state = before;
        for (var event : newEvents) {
            project(state, event);
            state = state.apply(
                    new Recorded(state.lastSeq() + 1, Instant.EPOCH, event)); // the time comes with the commit
            attempts.add(state.attempt());
        }
        this.after = state;
    }

    private void project(RunState before, RunEvent event) {
        var stored = StoredEvent.of(event);
        events.add(stored);
        bytes += stored.weight();
        progress |= !(event instanceof RunEvent.Resumed);
        started |= event instanceof RunEvent.Started;
        var decision = Decision.of(before, before.lastSeq() + 1, event);
        if (decision != null) {
            decide(before, chain.shown().of(decision, before, event));
        }
        TaskMove.of(before, event).forEach(this::move);
        if (event instanceof RunEvent.ToolCompleted completed) {
            completed.changes().forEach(this::change);
        } else if (event instanceof RunEvent.ApprovalRequested requested) {
            ask(requested);
        } else if (event instanceof RunEvent.ApprovalDecided decided) {
            answer(decided.approvalId(), decided);
        } else if (event instanceof RunEvent.Ended ended) {
            summary = JsonText.encode(EventCodec.data(stored.event())); // cut as the event is
            if (before.asked() != null) {
                withdraw(before.asked().approvalId(), ended);
            }
        }
    }

    private void decide(RunState before, Decision decision) {
        var request = before.request();
        var link = chain.link(
                head,
                new DecisionView(
                        DecisionChain.clean(decision),
                        runId,
                        runId,
                        JsonText.clean(request.requestId()),
                        request.traceId(),
                        JsonText.clean(request.tenant()),
                        JsonText.clean(request.principal()),
                        DecisionChain.now(),
                        "",
                        ""));
        decisions.add(link);
        head = link.head();
        bytes += 600 + decision.context().length();
    }

    private void move(TaskMove move) {
        var inserted = move.inserted();
        var made = tasks.get(move.taskId());
        if (inserted != null) {
            insert(move.taskId(), inserted.arguments(), move.status().word());
        } else if (made != null) {
            made.put("status", move.status().word());
            made.merge("version", 1L, (version, one) -> (Long) version + (Long) one);
        } else {
            var row = row(moves, move.taskId());
            row.put("status", move.status().word());
            row.merge("moves", 1L, (count, one) -> (Long) count + (Long) one);
        }
    }

    private void change(TaskChange change) {
        if (change.kind() == TaskChange.Kind.CREATE && change.task() != null) {
            insert(change.taskId(), change.task().arguments(), "executed");
        } else {
            conditional.add(change);
        }
    }

    private void insert(UUID taskId, Map<String, Object> content, String status) {
        var row = row(tasks, taskId);
        row.putAll(content);
        row.put("status", status);
        row.put("version", 1L);
        bytes += content.toString().length();
    }

    private void ask(RunEvent.ApprovalRequested event) {
        var row = row(asked, event.approvalId());
        row.put("asked", EventCodec.data(event));
        row.put("expires_at", event.expiresAt().toString());
        row.put("status", "pending");
        bytes += 500;
    }

    private void answer(UUID approvalId, RunEvent.ApprovalDecided event) {
        var row = asked.containsKey(approvalId) ? row(asked, approvalId) : row(answered, approvalId);
        row.put("status", event.answer() == ApprovalAnswer.EXPIRED ? "expired" : "answered");
        row.put("answer", event.answer().word());
        row.put("answered_by", event.by());
        row.put("reason", event.reason());
    }

    /** The run ended with nobody's answer: the question is not open any more. */
    private void withdraw(UUID approvalId, RunEvent.Ended ended) {
        var row = asked.containsKey(approvalId) ? row(asked, approvalId) : row(answered, approvalId);
        row.put("status", "expired");
        row.put("answer", ApprovalAnswer.EXPIRED.word());
        row.put("answered_by", "run");
        row.put("reason", "the run ended: " + ended.status().word());
    }

    private Map<String, @Nullable Object> row(Map<UUID, Map<String, @Nullable Object>> rows, UUID rowId) {
        return rows.computeIfAbsent(rowId, unused -> {
            var row = new LinkedHashMap<String, @Nullable Object>();
            row.put("run_id", runId.toString());
            row.put("id", rowId.toString());
            return row;
        });
    }

    long last() {
        return after.lastSeq();
    }

    boolean progress() {
        return progress;
    }

    boolean started() {
        return started;
    }

    /** Of the decisions, this append's included. */
    Head head() {
        return head;
    }

    /** Output, problem and unsettled calls, once the run ended. */
    @Nullable
    String summary() {
        return summary;
    }

    Future<Appended> committed() {
        return promise.future();
    }

    void complete(Appended appended) {
        promise.complete(appended);
    }

    @Override
    public void fail(Throwable cause) {
        promise.fail(cause);
    }

    @Override
    public int rows() {
        return events.size() + decisions.size();
    }

    @Override
    public long bytes() {
        return bytes;
    }

    @Override
    public boolean isDropped() {
        return false;
    }

    @Override
    public boolean givesUp(Throwable error) {
        return false; // the run waits for its append, however long the database is away
    }
}
