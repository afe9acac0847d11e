package io.taskpilot.journal;

import io.taskpilot.engine.Journal.Appended;
import io.taskpilot.engine.Journal.LostRun;
import io.vertx.core.Future;
import io.vertx.sqlclient.Row;
import io.vertx.sqlclient.Tuple;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The one statement that appends. The update of {@code runs} locks each run and checks that it is still this owner's
 * and still where the owner thinks; everything else is inserted for exactly the runs it returned.
 */
final class AppendStatement {
    private static final Logger log = LoggerFactory.getLogger(AppendStatement.class);

    private static final String APPEND = """
            with clock as materialized (select clock_timestamp() as at),
            b as materialized (
              select * from unnest($1::uuid[], $2::int8[], $3::int8[], $4::int8[], $5::bool[], $6::text[], $7::int4[],
                $8::bool[], $9::bool[], $10::int8[], $11::int8[], $12::float8[], $13::text[], $14::uuid[], $15::int8[],
                $16::text[])
              as b(id, fence, first, last, unowned, status, attempt, started, progress, input_tokens, output_tokens,
                cost_usd, summary, pending, decisions, hash)
            ), moved as (
              update runs r set
                last_seq = b.last,
                status = b.status,
                attempt = b.attempt,
                fence = r.fence + b.unowned::int,
                owner = case when not b.unowned and b.status in ('queued', 'running') then r.owner end,
                unowned_cause = case when b.unowned then 'answered' else r.unowned_cause end,
                stalls = case when b.progress then 0 else r.stalls end,
                pending_approval = b.pending,
                started_at = coalesce(r.started_at, case when b.started then clock.at end),
                finished_at = case when b.status not in ('queued', 'running', 'awaiting_approval') then clock.at end,
                parked_at = case when b.status = 'awaiting_approval' then coalesce(r.parked_at, clock.at) end,
                parked_ms = r.parked_ms + case when b.status <> 'awaiting_approval' and r.parked_at is not null
                  then (extract(epoch from clock.at - r.parked_at) * 1000)::int8 else 0 end,
                input_tokens = b.input_tokens,
                output_tokens = b.output_tokens,
                cost_usd = b.cost_usd,
                summary = b.summary::jsonb,
                decisions = r.decisions + b.decisions,
                decisions_hash = coalesce(b.hash, r.decisions_hash)
              from b, clock
              where r.id = b.id and r.fence = b.fence and r.last_seq = b.first - 1
                and (b.unowned or r.owner is not null)
              returning r.id, r.cancel_requested_at is not null as cancel, clock.at
            ), new_events as (
              insert into events (run_id, seq, append_id, type, at, attempt, data, artifacts)
              select e.run_id, e.seq, e.append_id, e.type, m.at, e.attempt, e.data::jsonb, e.artifacts
              from unnest($17::uuid[], $18::int8[], $19::uuid[], $20::text[], $21::int4[], $22::text[], $23::int4[])
                as e(run_id, seq, append_id, type, attempt, data, artifacts)
              join moved m on m.id = e.run_id
            ), new_artifacts as (
              insert into artifacts (run_id, seq, n, path, json, content)
              select a.run_id, a.seq, a.n, a.path, a.json, a.content
              from jsonb_to_recordset($24::jsonb)
                as a(run_id uuid, seq int8, n int, path jsonb, json bool, content text)
              join moved m on m.id = a.run_id
            ), new_decisions as (
              insert into decisions (chain_id, position, id, run_id, request_id, trace_id, tenant, principal,
                decision_type, phase, result, rule, reason, agent, tool, policy_revision, input_sha256, context,
                latency_ms, created_at, prev_hash, hash)
              select d.run_id, d.position, d.id, d.run_id, d.request_id, d.trace_id, d.tenant, d.principal,
                d.decision_type, d.phase, d.result, d.rule, d.reason, d.agent, d.tool, d.policy_revision,
                d.input_sha256, d.context, d.latency_ms, d.created_at, d.prev_hash, d.hash
              from jsonb_to_recordset($25::jsonb)
                as d(position int8, id uuid, run_id uuid, request_id text, trace_id text, tenant text, principal text,
                  decision_type text, phase text, result text, rule text, reason text, agent text, tool text,
                  policy_revision text, input_sha256 text, context text, latency_ms float8, created_at timestamptz,
                  prev_hash text, hash text)
              join moved m on m.id = d.run_id
            ), new_approvals as (
              insert into approvals (id, run_id, asked, status, created_at, expires_at, answer, answered_by, reason,
                answered_at)
              select a.id, a.run_id, a.asked, a.status, m.at, a.expires_at, a.answer, a.answered_by, a.reason,
                case when a.status <> 'pending' then m.at end
              from jsonb_to_recordset($26::jsonb)
                as a(id uuid, run_id uuid, asked jsonb, status text, expires_at timestamptz, answer text,
                  answered_by text, reason text)
              join moved m on m.id = a.run_id
            ), answers as (
              update approvals a set status = x.status, answer = x.answer, answered_by = x.answered_by,
                reason = x.reason, answered_at = m.at
              from jsonb_to_recordset($27::jsonb)
                as x(id uuid, run_id uuid, status text, answer text, answered_by text, reason text)
              join moved m on m.id = x.run_id
              where a.id = x.id and a.status = 'pending'
            ), new_tasks as (
              insert into tasks (id, run_id, title, priority, description, status, version, created_at, updated_at)
              select t.id, t.run_id, t.title, t.priority, t.description, t.status, t.version, m.at, m.at
              from jsonb_to_recordset($28::jsonb)
                as t(id uuid, run_id uuid, title text, priority text, description text, status text, version int8)
              join moved m on m.id = t.run_id
            ), task_moves as (
              update tasks t set status = x.status, version = t.version + x.moves, updated_at = m.at
              from jsonb_to_recordset($29::jsonb) as x(id uuid, run_id uuid, status text, moves int8)
              join moved m on m.id = x.run_id
              where t.id = x.id
            )
            select id, cancel, at from moved
            """;

    private static final String WHAT_HAPPENED = """
            select b.id, r.fence, r.last_seq, r.owner, r.cancel_requested_at is not null as cancel, e.append_id, e.at
            from unnest($1::uuid[], $2::int8[]) as b(id, first)
            left join runs r on r.id = b.id
            left join events e on e.run_id = b.id and e.seq = b.first
            """;

    private final Consumer<Collection<UUID>> committed;
    private final Witness witness;
    private final Consumer<String> historyWentBack;

    AppendStatement(Consumer<Collection<UUID>> committed, Witness witness, Consumer<String> historyWentBack) {
        this.committed = committed;
        this.witness = witness;
        this.historyWentBack = historyWentBack;
    }

    /**
     * Writes the batch and settles its appends; gives back those whose fate is open. A run's row that did not come back
     * was lost to another owner, unless its append is there: then an earlier try, whose answer was lost, committed it.
     */
    Future<List<Append>> send(Sql sql, List<Append> batch) {
        return execute(sql, batch).compose(done -> {
            var missing = batch.stream()
                    .filter(append -> !done.containsKey(append.runId))
                    .toList();
            return missing.isEmpty()
                    ? Future.succeededFuture(settled(batch, done, List.of()))
                    : whatHappened(sql, missing, done).map(open -> settled(batch, done, open));
        });
    }

    /** Only the statement: the appends that went in, by run. */
    Future<Map<UUID, Appended>> execute(Sql sql, List<Append> batch) {
        return sql.run(APPEND, AppendParameters.of(batch)).map(rows -> {
            var done = new HashMap<UUID, Appended>();
            for (var row : rows) {
                done.put(row.getUUID("id"), appended(row));
            }
            return done;
        });
    }

    private List<Append> settled(List<Append> batch, Map<UUID, Appended> done, List<Append> open) {
        if (!done.isEmpty()) {
            committed.accept(List.copyOf(done.keySet()));
        }
        for (var append : batch) {
            var appended = done.get(append.runId);
            if (appended != null) {
                witness.saw(append);
                append.complete(appended);
            }
        }
        return open;
    }

    /** The same for one append after its transaction; null when its fate is open. */
    Future<@Nullable Appended> conclude(Sql sql, Append append, Map<UUID, Appended> done) {
        var open = done.isEmpty() ? whatHappened(sql, List.of(append), done) : Future.succeededFuture(List.of());
        return open.compose(left -> {
            settled(List.of(append), done, List.of());
            return left.isEmpty() ? append.committed() : Future.succeededFuture();
        });
    }

    /** Adds to {@code done} what an earlier try committed, fails what is lost, and gives back the rest. */
    private Future<List<Append>> whatHappened(Sql sql, List<Append> missing, Map<UUID, Appended> done) {
        var ids = missing.stream().map(append -> append.runId).toArray(UUID[]::new);
        var firsts = missing.stream().map(append -> append.first).toArray(Long[]::new);
        return sql.run(WHAT_HAPPENED, Tuple.tuple().addValue(ids).addValue(firsts))
                .map(rows -> {
                    var byRun = new HashMap<UUID, Row>();
                    rows.forEach(row -> byRun.put(row.getUUID("id"), row));
                    var open = new ArrayList<Append>();
                    for (var append : missing) {
                        var row = Objects.requireNonNull(byRun.get(append.runId));
                        if (append.id.equals(row.getUUID("append_id"))) {
                            done.put(append.runId, appended(row));
                        } else if (isOpen(append, row)) {
                            open.add(append);
                        } else {
                            lost(append, row.getLong("last_seq"));
                        }
                    }
                    return open;
                });
    }

    /** It went back to what the append asks for between the two statements. */
    private static boolean isOpen(Append append, Row row) {
        return Long.valueOf(append.fence).equals(row.getLong("fence"))
                && Long.valueOf(append.first - 1).equals(row.getLong("last_seq"))
                && (append.unowned || row.getUUID("owner") != null);
    }

    private void lost(Append append, @Nullable Long lastSeq) {
        if (lastSeq == null || lastSeq < append.first - 1) {
            var what = "run %s is at seq %s, and %d was committed: the database lost commits"
                    .formatted(append.runId, lastSeq, append.first - 1);
            log.error("history went back: {}", what);
            historyWentBack.accept(what);
        }
        append.fail(new LostRun(append.runId));
    }

    private static Appended appended(Row row) {
        return new Appended(row.get(OffsetDateTime.class, "at").toInstant(), row.getBoolean("cancel"));
    }
}
