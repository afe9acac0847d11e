package io.taskpilot.journal;

import io.taskpilot.config.Secret;
import io.taskpilot.config.TaskPilotConfig.Decisions;
import io.taskpilot.engine.Journal;
import io.taskpilot.resilience.Deadline;
import io.taskpilot.resilience.Failure;
import io.taskpilot.run.Recorded;
import io.taskpilot.run.RunEvent;
import io.taskpilot.run.RunRequest;
import io.taskpilot.run.RunState;
import io.taskpilot.run.RunStatus;
import io.vertx.core.Future;
import io.vertx.sqlclient.Tuple;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The journal in PostgreSQL. Safe to call from any event loop; what it tells of is committed. Retries whatever a lost
 * connection left open, with the same content, so that nothing is appended twice.
 */
public final class PgJournal implements Journal {
    private static final String REQUEST_CANCEL = """
            with marked as (
              update runs set cancel_requested_at = coalesce(cancel_requested_at, clock_timestamp())
              where id = $1 and status in ('queued', 'running', 'awaiting_approval')
              returning status
            )
            select status from marked
            union all select status from runs where id = $1 and not exists (select 1 from marked)
            """;

    /** In any order: those that can't be expired now, as their run has another format, must not hide others. */
    private static final String EXPIRED_APPROVALS = """
            select run_id from approvals where status = 'pending' and expires_at <= clock_timestamp()
            order by random() limit $1
            """;

    private static final Duration LEAVING = Duration.ofSeconds(4); // a server that closes waits for 5 s

    private final Database database;
    private final Witness witness;
    private final DecisionChain chain;
    private final Creations creations;
    private final OwnedAppends owned;
    private final UnownedAppends unowned;
    private final Nodes nodes;

    /**
     * @param chainKey keys the hashes of decisions; null leaves them unkeyed
     * @param committed told after each commit which runs have new events, once a batch, on any event loop
     * @param historyWentBack told when the database has lost what it had committed: the process must stop
     */
    public PgJournal(
            Database database,
            @Nullable Secret chainKey,
            Consumer<Collection<UUID>> committed,
            Consumer<String> historyWentBack) {
        this(database, Decisions.plain(chainKey), committed, historyWentBack, (rows, took) -> {}, Witness.NONE);
    }

    /**
     * @param decisions the key of their chains, and what they tell of tool calls
     * @param measured told of each batch of appends that was written: its rows, and how long it took
     */
    public PgJournal(
            Database database,
            Decisions decisions,
            Consumer<Collection<UUID>> committed,
            Consumer<String> historyWentBack,
            BiConsumer<Integer, Duration> measured,
            Witness witness) {
        this.database = database;
        this.witness = witness;
        this.chain = new DecisionChain(decisions.chainKey(), new ShownDecision(decisions));
        var statement = new AppendStatement(committed, witness, historyWentBack);
        this.nodes = new Nodes(database.shared(), database.heartbeats(), Nodes.LONGEST_STATEMENT);
        this.creations = new Creations(database, committed);
        this.owned = new OwnedAppends(database, statement, chain, measured);
        this.unowned = new UnownedAppends(database, statement, chain, committed, witness);
    }

    @Override
    public Future<Creation> create(RunRequest request, @Nullable IdempotencyKey key, boolean own) {
        var owner = own ? nodes.self() : null;
        if (own && owner == null) {
            return Future.failedFuture(new IllegalStateException("create before register"));
        }
        return creations.create(request, key, owner);
    }

    @Override
    public Future<Appended> append(UUID runId, long fence, RunState before, List<RunEvent> events) {
        return owned.append(runId, fence, before, events);
    }

    @Override
    public Future<RunState> appendUnowned(UUID runId, Reaction reaction) {
        return unowned.append(runId, reaction);
    }

    @Override
    public Future<List<Recorded>> history(UUID runId) {
        return EventQueries.after(database.shared(), runId, 0, Integer.MAX_VALUE)
                .recover(PgErrors::failed)
                .compose(events -> events.isEmpty()
                        ? Future.failedFuture(Failure.notFound("run"))
                        : Future.succeededFuture(events));
    }

    @Override
    public Future<RunStatus> requestCancel(UUID runId) {
        return database.shared()
                .run(REQUEST_CANCEL, Tuple.of(runId))
                .recover(PgErrors::failed)
                .compose(rows -> rows.size() == 0
                        ? Future.failedFuture(Failure.notFound("run"))
                        : Future.succeededFuture(
                                RunStatus.of(rows.iterator().next().getString(0))));
    }

    @Override
    public Future<List<Claim>> claim(int max) {
        return nodes.claim(max).recover(PgErrors::failed);
    }

    @Override
    public Future<Boolean> release(UUID runId, long fence) {
        owned.forget(runId);
        return nodes.release(runId, fence).recover(PgErrors::failed);
    }

    @Override
    public Future<Integer> waiting(int max) {
        return nodes.waiting(max).recover(PgErrors::failed);
    }

    @Override
    public Future<List<UUID>> overdue(int max) {
        return nodes.overdue(max).recover(PgErrors::failed);
    }

    @Override
    public Future<List<Stray>> strays(Collection<Holding> known, int max) {
        var all = new ArrayList<>(known);
        all.addAll(creations.unsettled());
        return nodes.strays(all, max).recover(PgErrors::failed);
    }

    @Override
    public Future<List<UUID>> expiredApprovals(int max) {
        return database.shared()
                .run(EXPIRED_APPROVALS, Tuple.of(max))
                .recover(PgErrors::failed)
                .map(rows -> {
                    var runs = new ArrayList<UUID>(rows.size());
                    rows.forEach(row -> runs.add(row.getUUID(0)));
                    return runs;
                });
    }

    /** Also makes the partitions of the months to come. */
    @Override
    public Future<Void> cleanUp() {
        return new CleanUp(database.shared(), nodes).run().recover(PgErrors::failed);
    }

    @Override
    public Future<Heartbeat> register() {
        owned.forgetAll();
        return nodes.register().recover(PgErrors::failed);
    }

    @Override
    public Future<@Nullable Heartbeat> heartbeat(UUID nodeId) {
        return nodes.heartbeat(nodeId)
                .onFailure(error -> {
                    if (PgErrors.meaning(error) == PgErrors.Meaning.AWAY) {
                        database.lost(error); // an idle node would not notice else
                    }
                })
                .recover(PgErrors::failed);
    }

    @Override
    public Future<Integer> declareDead(UUID nodeId, boolean allOthers) {
        return nodes.declareDead(nodeId, allOthers).recover(PgErrors::failed);
    }

    @Override
    public Future<Void> deregister(UUID nodeId) {
        return leave(nodeId, Deadline.in(LEAVING), 0).recover(PgErrors::failed);
    }

    /** Again after a lost race or connection: else others wait for the node's expiry before they take its runs. */
    private Future<Void> leave(UUID nodeId, Deadline deadline, int failures) {
        return nodes.deregister(nodeId).recover(error -> {
            var meaning = PgErrors.meaning(error);
            var passes = meaning == PgErrors.Meaning.AWAY || meaning == PgErrors.Meaning.RACE;
            return passes && !deadline.hasPassed()
                    ? database.vertx()
                            .timer(Database.pauseMillis(failures), TimeUnit.MILLISECONDS)
                            .compose(unused -> leave(nodeId, deadline, failures + 1))
                    : Future.failedFuture(error);
        });
    }

    /**
     * The chain of this node's decisions that belong to no run; to be closed by the caller.
     *
     * @param measured told of each batch that was written: its rows, and how long it took
     */
    public IngressChain ingressChain(BiConsumer<Integer, Duration> measured) {
        return new IngressChain(database, chain, nodes::self, measured, witness.decided());
    }

    /** Appends that wait for their commit, on this node. */
    public int pendingAppends() {
        return owned.pending();
    }

    /** Fails what still waits for its commit; to be called once nothing drives runs any more. */
    public void close() {
        creations.close();
        owned.close();
    }
}
