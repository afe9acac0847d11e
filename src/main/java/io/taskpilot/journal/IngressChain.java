package io.taskpilot.journal;

import io.taskpilot.engine.IngressLog;
import io.taskpilot.engine.RunReader.DecisionView;
import io.taskpilot.journal.DecisionChain.Head;
import io.taskpilot.resilience.Failure;
import io.taskpilot.run.Ids;
import io.vertx.core.Future;
import io.vertx.core.json.JsonArray;
import io.vertx.sqlclient.Row;
import io.vertx.sqlclient.RowSet;
import io.vertx.sqlclient.Tuple;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * This node's decisions that belong to no run, chained anew each day (UTC). Nobody else writes to its chains, so the next
 * link needs no question; what may have been committed is sent again with the same links. Callable from any thread.
 */
public final class IngressChain implements IngressLog {
    private static final Logger log = LoggerFactory.getLogger(IngressChain.class);
    private static final int MAX_PENDING = 1_000;

    private static final String INSERT = """
            with b as materialized (
              select * from jsonb_to_recordset($2::jsonb)
                as b(position int8, id uuid, run_id uuid, request_id text, trace_id text, tenant text, principal text,
                  decision_type text, phase text, result text, rule text, reason text, agent text, tool text,
                  policy_revision text, input_sha256 text, context text, latency_ms float8, created_at timestamptz,
                  prev_hash text, hash text)
            ), head as (
              insert into decision_chains as c (chain_id, node, day, decisions, hash)
              select $1::uuid, $3::uuid, $4::date, b.position, b.hash from b order by b.position desc limit 1
              on conflict (chain_id) do update set decisions = excluded.decisions, hash = excluded.hash
                where c.decisions < excluded.decisions
            )
            insert into decisions (chain_id, position, id, run_id, request_id, trace_id, tenant, principal,
              decision_type, phase, result, rule, reason, agent, tool, policy_revision, input_sha256, context,
              latency_ms, created_at, prev_hash, hash)
            select $1::uuid, b.* from b
            on conflict (chain_id, position) do nothing
            """;

    private static final String WHAT_HAPPENED =
            "select id, hash from decisions where chain_id = $1 and position between $2 and $3 order by position";

    private final Database database;
    private final Lane lane;
    private final DecisionChain chain;
    private final Supplier<@Nullable UUID> node;
    /** Stands in for the node's: a process that drives no runs registers none, and denies callers all the same. */
    private final UUID process = Ids.at(System.currentTimeMillis(), ThreadLocalRandom.current());

    private final Consumer<DecisionView> decided;
    private final GroupCommit<PendingDecision> writer;
    private final AtomicInteger pending = new AtomicInteger();
    /** Of the writer's event loop, like the links. */
    private @Nullable Day today;

    private Head head = Head.NONE;

    /** A chain, and what it is for. */
    private record Day(UUID chainId, UUID node, LocalDate date) {}

    /** @param node this process's, null while it has none */
    IngressChain(
            Database database,
            DecisionChain chain,
            Supplier<@Nullable UUID> node,
            BiConsumer<Integer, Duration> measured,
            Consumer<DecisionView> decided) {
        this.decided = decided;
        this.database = database;
        this.lane = database.dedicated("ingress");
        this.chain = chain;
        this.node = node;
        this.writer = new GroupCommit<>(database, measured, this::send);
    }

    @Override
    public Future<Void> record(Entry entry) {
        if (!database.isWell()) {
            return Future.failedFuture(PgErrors.away(new IllegalStateException("known to be away")));
        }
        if (pending.incrementAndGet() > MAX_PENDING) {
            pending.decrementAndGet();
            var detail = "%d decisions wait to be recorded (limit: %d)".formatted(MAX_PENDING, MAX_PENDING);
            return Future.failedFuture(Failure.overloaded("overload-decisions", detail, Duration.ofSeconds(1)));
        }
        var waiting = new PendingDecision(entry, pending::decrementAndGet);
        var timer = database.vertx()
                .setTimer(database.longestWrite().toMillis(), unused -> waiting.abandon(database.longestWrite()));
        writer.add(waiting);
        return waiting.committed()
                .onComplete(unused -> database.vertx().cancelTimer(timer))
                .mapEmpty();
    }

    /** Fails what waits. */
    public void close() {
        writer.close();
    }

    private Future<List<PendingDecision>> send(List<PendingDecision> batch) {
        var rows = batch.stream().filter(PendingDecision::isWanted).toList();
        if (rows.isEmpty()) {
            return Future.succeededFuture(List.of());
        }
        var day = link(rows);
        var last = rows.get(rows.size() - 1).link().head();
        return insert(day, rows)
                .compose(inserted -> inserted.rowCount() == rows.size()
                        ? Future.succeededFuture(true)
                        : areThere(day.chainId(), rows))
                .onFailure(error -> refused(error, rows))
                .map(there -> {
                    if (!there) {
                        return rows;
                    }
                    head = last;
                    rows.forEach(row -> {
                        decided.accept(row.link().view());
                        row.commit();
                    });
                    return List.of();
                });
    }

    private Future<RowSet<Row>> insert(Day day, List<PendingDecision> rows) {
        var json = new JsonArray();
        rows.forEach(row -> json.add(DecisionRow.of(row.link())));
        return lane.run(INSERT, Tuple.of(day.chainId(), json, day.node(), day.date()));
    }

    /** Links what was not sent before; a batch that was, keeps its places. */
    private Day link(List<PendingDecision> rows) {
        var now = DecisionChain.now();
        var day = today;
        if (day == null || !rows.get(0).isLinked()) {
            day = current(now);
            var next = head;
            for (var row : rows) {
                row.link(chain.link(next, row.view(day.chainId(), now)));
                next = row.link().head();
            }
        }
        return day;
    }

    private Day current(Instant now) {
        var date = LocalDate.ofInstant(now, ZoneOffset.UTC);
        var self = Objects.requireNonNullElse(node.get(), process);
        var day = today;
        if (day == null || !day.date().equals(date) || !day.node().equals(self)) {
            day = new Day(Ids.at(now.toEpochMilli(), ThreadLocalRandom.current()), self, date);
            today = day;
            head = Head.NONE;
        }
        return day;
    }

    /**
     * After a batch that found its places taken: by an earlier try, whose answer was lost, or by somebody who writes
     * where nobody else may. Then the rest of the day has a chain of its own, and the audit names the old one.
     */
    private Future<Boolean> areThere(UUID chainId, List<PendingDecision> rows) {
        var first = rows.get(0).link().position();
        return lane.run(WHAT_HAPPENED, Tuple.of(chainId, first, first + rows.size() - 1))
                .map(found -> {
                    var i = 0;
                    for (var row : found) {
                        if (i >= rows.size() || !rows.get(i++).isStoredAs(row)) {
                            log.error("somebody else writes to this node's chain chain_id={}", chainId);
                            forget(rows);
                            return false;
                        }
                    }
                    return i == rows.size();
                });
    }

    /** What the database refused was not committed by an earlier try either: what stands behind it moves up. */
    private static void refused(Throwable error, List<PendingDecision> rows) {
        var meaning = PgErrors.meaning(error);
        if (meaning == PgErrors.Meaning.BAD_ROW || meaning == PgErrors.Meaning.BUG) {
            rows.forEach(PendingDecision::unlink);
        }
    }

    private void forget(List<PendingDecision> rows) {
        today = null;
        rows.forEach(PendingDecision::unlink);
    }
}
