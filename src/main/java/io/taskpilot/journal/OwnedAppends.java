package io.taskpilot.journal;

import io.taskpilot.engine.Journal.Appended;
import io.taskpilot.engine.Journal.LostRun;
import io.taskpilot.engine.Journal.NoRoom;
import io.taskpilot.journal.DecisionChain.Head;
import io.taskpilot.resilience.Failure;
import io.taskpilot.run.RunEvent;
import io.taskpilot.run.RunState;
import io.taskpilot.run.RunStatus;
import io.vertx.core.Future;
import io.vertx.sqlclient.Tuple;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/** The appends of those who own the run: all of a node's through one group commit. */
final class OwnedAppends {
    private static final long MAX_PENDING_BYTES = 64L << 20;

    private final Database database;
    private final Lane lane;
    private final AppendStatement statement;
    private final DecisionChain chain;
    private final GroupCommit<Append> writer;
    private final HeldRows heldRows;
    private final AtomicLong pendingBytes = new AtomicLong();
    private final Turns turns = new Turns();
    /** Where the chains of this node's runs end, so that the next link needs no question. */
    private final Map<UUID, Known> heads = new ConcurrentHashMap<>();

    private record Known(long lastSeq, Head head) {}

    OwnedAppends(
            Database database, AppendStatement statement, DecisionChain chain, BiConsumer<Integer, Duration> measured) {
        this.database = database;
        this.lane = database.dedicated("appends");
        this.statement = statement;
        this.chain = chain;
        this.writer = new GroupCommit<>(database, measured, this::send);
        this.heldRows = new HeldRows(database, writer::add);
    }

    Future<Appended> append(UUID runId, long fence, RunState before, List<RunEvent> events) {
        return turns.take(
                runId,
                fence,
                () -> head(runId, before, events)
                        .map(head -> prepared(fence, before, events, head))
                        .compose(this::write));
    }

    private Future<List<Append>> send(List<Append> batch) {
        return statement
                .send(lane, batch)
                .recover(error -> PgErrors.isLockedOut(error)
                        ? heldRows.setAside(lane, batch, error)
                        : Future.failedFuture(error));
    }

    /** The chain of a run is nobody else's business now. */
    void forget(UUID runId) {
        heads.remove(runId);
    }

    void forgetAll() {
        heads.clear();
    }

    int pending() {
        return turns.size();
    }

    void close() {
        heldRows.close();
        writer.close();
    }

    private Append prepared(long fence, RunState before, List<RunEvent> events, Head head) {
        try {
            return new Append(UUID.randomUUID(), before, fence, false, events, chain, head);
        } catch (RuntimeException e) {
            throw Failure.internal("internal-journal", e); // a bug of ours: these events can't follow
        }
    }

    private Future<Appended> write(Append append) {
        if (pendingBytes.addAndGet(append.bytes()) > MAX_PENDING_BYTES) {
            pendingBytes.addAndGet(-append.bytes());
            return Future.failedFuture(new NoRoom());
        }
        var written = append.conditional.isEmpty() ? together(append) : alone(append);
        return written.andThen((appended, error) -> {
            pendingBytes.addAndGet(-append.bytes());
            remember(append, error == null);
        });
    }

    private Future<Appended> together(Append append) {
        writer.add(append);
        return append.committed();
    }

    /** In a transaction of its own, as a lost race for a task takes the whole append back. */
    private Future<Appended> alone(Append append) {
        return database.persist(() -> inTransaction(append))
                .recover(PgErrors::failed)
                .compose(appended -> appended == null ? alone(append) : Future.succeededFuture(appended));
    }

    /** Null when its fate is open. */
    private Future<@Nullable Appended> inTransaction(Append append) {
        return database.shared()
                .transaction(sql -> statement
                        .execute(sql, List.of(append))
                        .compose(done -> done.isEmpty()
                                ? Future.succeededFuture(done)
                                : TaskChanges.apply(sql, append).map(done)))
                .compose(done -> statement.conclude(database.shared(), append, done));
    }

    private void remember(Append append, boolean committed) {
        var status = append.after.status();
        var goesOn = committed && (status == RunStatus.RUNNING || status == RunStatus.QUEUED);
        if (goesOn && append.head().isKnown()) {
            heads.put(append.runId, new Known(append.last(), append.head()));
        } else {
            heads.remove(append.runId);
        }
    }

    private static boolean decides(RunEvent event) {
        return event instanceof RunEvent.GuardrailChecked
                || event instanceof RunEvent.PolicyDecided
                || event instanceof RunEvent.ApprovalDecided;
    }

    private Future<Head> head(UUID runId, RunState before, List<RunEvent> events) {
        var known = heads.get(runId);
        if (known != null && known.lastSeq() == before.lastSeq()) {
            return Future.succeededFuture(known.head());
        }
        if (before.lastSeq() == 1) {
            return Future.succeededFuture(Head.NONE); // nothing can be decided before
        }
        if (events.stream().noneMatch(OwnedAppends::decides)) {
            return Future.succeededFuture(Head.UNKNOWN);
        }
        return database.persist(
                        () -> lane.run("select decisions, decisions_hash from runs where id = $1", Tuple.of(runId)))
                .recover(PgErrors::failed)
                .map(rows -> {
                    var rowsFound = rows.iterator();
                    if (!rowsFound.hasNext()) {
                        throw new LostRun(runId);
                    }
                    var row = rowsFound.next();
                    return new Head(row.getLong(0), row.getString(1));
                });
    }
}
