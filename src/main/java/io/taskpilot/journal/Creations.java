package io.taskpilot.journal;

import io.taskpilot.engine.Journal;
import io.taskpilot.engine.Journal.Creation;
import io.taskpilot.engine.Journal.Holding;
import io.taskpilot.engine.Journal.IdempotencyKey;
import io.taskpilot.resilience.Failure;
import io.taskpilot.run.EventCodec;
import io.taskpilot.run.RunRequest;
import io.vertx.core.Future;
import io.vertx.sqlclient.Row;
import io.vertx.sqlclient.RowSet;
import io.vertx.sqlclient.Tuple;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Writes new runs: the run, its first event and its idempotency row stand or fall together. Whoever asks waits
 * two seconds at most ({@link Database#longestWrite}). A run that is found to be committed after that is taken back, as nobody was told of it; one with an
 * idempotency key is left to whoever claims it, as a retry may have been told.
 */
final class Creations {
    private static final String CREATE = """
            with clock as materialized (select clock_timestamp() as at),
            b as materialized (
              select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                $8::int8[], $9::bool[], $10::uuid[], $11::text[], $12::uuid[], $13::text[], $14::text[], $15::text[],
                $17::text[], $18::text[])
              as b(id, tenant, principal, roles, request_id, input, metadata, timeout_s, require_approval, owner, data,
                append_id, key_route, key, key_body, key_principal, trace_context)
            ), keys as (
              insert into idempotency_keys (principal, route, key, run_id, body_sha256, created_at)
              select b.key_principal, b.key_route, b.key, b.id, b.key_body, clock.at from b, clock where b.key is not null
              on conflict do nothing
              returning run_id
            ), created as (
              insert into runs (id, tenant, principal, roles, request_id, trace_context, input, metadata, timeout_s,
                require_approval, format, owner, fence, unowned_cause, status, last_seq, created_at)
              select b.id, b.tenant, b.principal, b.roles::jsonb, b.request_id, b.trace_context, b.input, b.metadata::jsonb, b.timeout_s,
                b.require_approval, $16, b.owner, 1, 'new', 'queued', 1, clock.at
              from b, clock
              where b.key is null or b.id in (select run_id from keys)
              on conflict (id) do nothing
              returning id, created_at
            ), first_events as (
              insert into events (run_id, seq, append_id, type, at, attempt, data)
              select b.id, 1, b.append_id, 'run.accepted', created.created_at, 1, b.data::jsonb
              from b join created using (id)
            )
            select id, created_at as at from created
            """;

    /** What became of those that did not come back: an earlier try's run, or another run with the key. */
    private static final String WHAT_HAPPENED = """
            select b.id, e.append_id, e.at, k.run_id, k.body_sha256, r.created_at as replayed_at, r.fence,
              k.created_at < clock_timestamp() - interval '24 hours' as expired
            from unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) as b(id, principal, route, key)
            left join events e on e.run_id = b.id and e.seq = 1
            left join idempotency_keys k on k.principal = b.principal and k.route = b.route and k.key = b.key
            left join runs r on r.id = k.run_id
            """;

    private static final String FORGET_EXPIRED = """
            delete from idempotency_keys k using unnest($1::text[], $2::text[], $3::text[]) as b(principal, route, key)
            where k.principal = b.principal and k.route = b.route and k.key = b.key
              and k.created_at < clock_timestamp() - interval '24 hours'
            """;

    private static final String TAKE_BACK = """
            with b as materialized (
              select * from unnest($1::uuid[], $2::uuid[], $3::bool[]) as b(id, owner, keyed)
            ), left_to_others as (
              update runs r set owner = null from b
              where b.keyed and r.id = b.id and r.last_seq = 1 and r.fence = 1 and r.owner = b.owner
            ), gone as (
              delete from runs r using b
              where not b.keyed and r.id = b.id and r.last_seq = 1 and r.fence = 1
                and r.owner is not distinct from b.owner
              returning r.id
            )
            delete from events where run_id in (select id from gone)
            """;

    private final Database database;
    private final Lane lane;
    private final Consumer<Collection<UUID>> committed;
    private final GroupCommit<Submitted> writer;
    /** Sent, and not known to be committed, refused or taken back. */
    private final Set<UUID> unsettled = ConcurrentHashMap.newKeySet();

    Creations(Database database, Consumer<Collection<UUID>> committed) {
        this.database = database;
        this.lane = database.dedicated("creations");
        this.committed = committed;
        this.writer = new GroupCommit<>(database, (rows, took) -> {}, this::send);
    }

    /** @param owner who drives it; null leaves it to whoever claims it */
    Future<Creation> create(RunRequest request, @Nullable IdempotencyKey key, @Nullable UUID owner) {
        if (!database.isWell()) {
            return Future.failedFuture(PgErrors.away(new IllegalStateException("known to be away")));
        }
        var submitted = new Submitted(request, key, owner, unsettled::remove);
        var timer = database.vertx()
                .setTimer(database.longestWrite().toMillis(), unused -> submitted.abandon(database.longestWrite()));
        writer.add(submitted);
        return submitted.promise.future().onComplete(unused -> database.vertx().cancelTimer(timer));
    }

    /** Runs that may be in the database and that somebody here will still accept, or take back. */
    List<Holding> unsettled() {
        return unsettled.stream()
                .map(runId -> new Holding(runId, Journal.FIRST_FENCE))
                .toList();
    }

    void close() {
        writer.close();
    }

    private Future<List<Submitted>> send(List<Submitted> batch) {
        batch.forEach(one -> unsettled.add(one.runId));
        return create(batch).onSuccess(open -> batch.forEach(one -> unsettled.remove(one.runId)));
    }

    private Future<List<Submitted>> create(List<Submitted> batch) {
        return lane.run(CREATE, parameters(batch)).compose(rows -> {
            var done = new HashMap<UUID, Creation>();
            for (var row : rows) {
                done.put(row.getUUID("id"), new Creation(row.getUUID("id"), false, Journal.FIRST_FENCE, at(row, "at")));
            }
            var missing =
                    batch.stream().filter(one -> !done.containsKey(one.runId)).toList();
            batch.stream().filter(one -> done.containsKey(one.runId)).forEach(Submitted::isThere);
            return missing.isEmpty()
                    ? settle(batch, done, List.of())
                    : whatHappened(missing, done).compose(open -> settle(batch, done, open));
        });
    }

    private Future<List<Submitted>> whatHappened(List<Submitted> missing, Map<UUID, Creation> done) {
        var tuple = Tuple.tuple()
                .addValue(column(missing, UUID[]::new, one -> one.runId))
                .addValue(column(missing, String[]::new, one -> one.key == null ? null : one.key.principal()))
                .addValue(column(missing, String[]::new, one -> one.key == null ? null : one.key.route()))
                .addValue(column(missing, String[]::new, one -> one.key == null ? null : one.key.key()));
        return lane.run(WHAT_HAPPENED, tuple).compose(rows -> {
            var open = new ArrayList<Submitted>();
            var expired = new ArrayList<Submitted>();
            var byRun = byRun(rows);
            for (var one : missing) {
                var row = Objects.requireNonNull(byRun.get(one.runId));
                if (one.appendId.equals(row.getUUID("append_id"))) {
                    done.put(one.runId, new Creation(one.runId, false, Journal.FIRST_FENCE, at(row, "at")));
                } else if (row.getUUID("append_id") != null) {
                    one.fail(Failure.internal(
                            "internal-journal", new IllegalStateException("run id taken: " + one.runId)));
                } else if (Boolean.TRUE.equals(row.getBoolean("expired"))) {
                    expired.add(one);
                    open.add(one);
                } else if (row.getUUID("run_id") == null || row.getValue("replayed_at") == null) {
                    open.add(one); // the twin was not committed after all
                } else {
                    one.replay(row);
                }
            }
            return expired.isEmpty()
                    ? Future.succeededFuture(open)
                    : forget(expired).map(open);
        });
    }

    private static Map<UUID, Row> byRun(RowSet<Row> rows) {
        var byRun = new HashMap<UUID, Row>();
        rows.forEach(row -> byRun.put(row.getUUID("id"), row));
        return byRun;
    }

    private Future<Void> forget(List<Submitted> expired) {
        var tuple = Tuple.tuple()
                .addValue(column(expired, String[]::new, one -> one.key == null ? null : one.key.principal()))
                .addValue(column(expired, String[]::new, one -> one.key == null ? null : one.key.route()))
                .addValue(column(expired, String[]::new, one -> one.key == null ? null : one.key.key()));
        return lane.run(FORGET_EXPIRED, tuple).mapEmpty();
    }

    private Future<List<Submitted>> settle(List<Submitted> batch, Map<UUID, Creation> done, List<Submitted> open) {
        var unwanted = new ArrayList<Submitted>();
        var wanted = new ArrayList<UUID>();
        for (var one : batch) {
            var creation = done.get(one.runId);
            if (creation != null && one.isHeldOn()) {
                wanted.add(one.runId);
            } else if (creation != null) {
                unwanted.add(one);
            }
        }
        if (!wanted.isEmpty()) {
            committed.accept(wanted);
        }
        return takeBack(unwanted).map(unused -> {
            for (var one : batch) {
                var creation = done.get(one.runId);
                if (creation != null) {
                    one.promise.complete(creation); // an abandoned one has failed already
                }
            }
            return open.stream().filter(one -> !one.isDropped()).toList();
        });
    }

    private Future<Void> takeBack(List<Submitted> unwanted) {
        if (unwanted.isEmpty()) {
            return Future.succeededFuture();
        }
        var tuple = Tuple.tuple()
                .addValue(column(unwanted, UUID[]::new, one -> one.runId))
                .addValue(column(unwanted, UUID[]::new, one -> one.owner))
                .addValue(column(unwanted, Boolean[]::new, one -> one.key != null));
        return lane.run(TAKE_BACK, tuple).mapEmpty();
    }

    static Instant at(Row row, String column) {
        return row.get(OffsetDateTime.class, column).toInstant();
    }

    private static Tuple parameters(List<Submitted> batch) {
        return Tuple.tuple()
                .addValue(column(batch, UUID[]::new, one -> one.runId))
                .addValue(column(batch, String[]::new, one -> JsonText.clean(one.request.tenant())))
                .addValue(column(batch, String[]::new, one -> JsonText.clean(one.request.principal())))
                .addValue(column(batch, String[]::new, one -> JsonText.encode(one.request.roles())))
                .addValue(column(batch, String[]::new, one -> JsonText.clean(one.request.requestId())))
                .addValue(column(batch, String[]::new, one -> JsonText.clean(one.request.input())))
                .addValue(column(batch, String[]::new, one -> JsonText.encode(one.request.metadata())))
                .addValue(
                        column(batch, Long[]::new, one -> one.request.timeout().toSeconds()))
                .addValue(column(batch, Boolean[]::new, one -> one.request.requireApproval()))
                .addValue(column(batch, UUID[]::new, one -> one.owner))
                .addValue(column(batch, String[]::new, one -> one.data))
                .addValue(column(batch, UUID[]::new, one -> one.appendId))
                .addValue(column(batch, String[]::new, one -> one.key == null ? null : one.key.route()))
                .addValue(column(batch, String[]::new, one -> one.key == null ? null : one.key.key()))
                .addValue(column(batch, String[]::new, one -> one.key == null ? null : one.key.bodySha256()))
                .addValue(EventCodec.FORMAT)
                .addValue(column(batch, String[]::new, one -> one.key == null ? null : one.key.principal()))
                .addValue(column(batch, String[]::new, one -> one.request.traceparent()));
    }

    private static <T> T[] column(
            List<Submitted> batch, Function<Integer, T[]> array, Function<Submitted, @Nullable T> value) {
        var column = array.apply(batch.size());
        for (var i = 0; i < column.length; i++) {
            column[i] = value.apply(batch.get(i));
        }
        return column;
    }
}
