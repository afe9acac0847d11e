package io.taskpilot.journal;

import io.taskpilot.engine.Seal;
import io.taskpilot.journal.SealHash.SealedHead;
import io.taskpilot.resilience.Loop;
import io.vertx.core.Future;
import io.vertx.sqlclient.Row;
import io.vertx.sqlclient.RowSet;
import java.time.LocalDate;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.UUID;

/**
 * Seals one day: lists the heads of its chains a page at a time, then hashes the list. Each statement is a transaction
 * of its own. A list that was left unfinished is gone on with; once the seal is there its list does not change.
 *
 * <p>In it is each chain that has rows no earlier seal has, and belongs to a run that ended before the day did; or to
 * one that has not ended and was accepted before the day ended; or to no run and was begun before the day ended. It is
 * there with the rows it has now, which may be more than it had at midnight.
 */
final class DaySealing {
    private static final UUID LOWEST = new UUID(0, 0);

    /** How much of a chain is in earlier seals. */
    private static final String SINCE = """
            coalesce((select h.length from seal_heads h where h.chain_id = %s and h.day < $1
                      order by h.day desc limit 1), 0) as since
            """;

    /**
     * Runs whose decisions were dropped in order are only marked. Goes on after the last run: what was marked stays in
     * the index until it is vacuumed, and would be passed over in each page.
     */
    private static final String ENDED = """
            with due as materialized (
              select r.id, r.finished_at, r.decisions, r.decisions_hash, %s
              from runs r where r.sealed_on is null and r.finished_at < $2 and (r.finished_at, r.id) > ($5, $4)
              order by r.finished_at, r.id limit $3
            ), heads as (
              insert into seal_heads (day, chain_id, since, length, hash)
              select $1, id, since, decisions, decisions_hash from due
              where decisions > since
                and not exists (select 1 from retired_months m where due.id >= m.lower and due.id < m.upper)
              on conflict (day, chain_id) do update set length = excluded.length, hash = excluded.hash
            ), marked as (
              update runs r set sealed_on = $1 from due where r.id = due.id
            )
            select id, finished_at from due order by finished_at desc, id desc limit 1
            """.formatted(SINCE.formatted("r.id"));

    private static final String NOT_ENDED = """
            with page as materialized (
              select id, created_at, decisions, decisions_hash from runs
              where sealed_on is null and finished_at is null and id > $4
              order by finished_at, id limit $3
            ), heads as (
              insert into seal_heads (day, chain_id, since, length, hash)
              select $1, id, since, decisions, decisions_hash
              from (select p.*, %s from page p where p.created_at < $2) as begun
              where decisions > since
              on conflict (day, chain_id) do nothing
            )
            select id from page order by id desc limit 1
            """.formatted(SINCE.formatted("p.id"));

    /**
     * From chain to chain by the index: each step skips the rows between. The last row of a chain is the one before
     * whatever follows it; asked for by equality it would be sorted for.
     */
    private static final String OF_NO_RUN = """
            with recursive step as (
              select 0 as n, $4::uuid as chain_id
              union all
              select n + 1, (select d.chain_id from decisions d where d.run_id is null and d.chain_id > step.chain_id
                             and d.chain_id < uuid_at($2) order by d.chain_id limit 1)
              from step where step.chain_id is not null and n < $3
            ), page as materialized (
              select chain_id from step where n > 0 and chain_id is not null
            ), heads as (
              insert into seal_heads (day, chain_id, since, length, hash)
              select $1, chain_id, since, position, hash
              from (select p.chain_id, last.position, last.hash, %s
                    from page p, lateral (select d.position, d.hash from decisions d
                                          where d.run_id is null and d.chain_id <= p.chain_id
                                          order by d.chain_id desc, d.position desc limit 1) as last) as grown
              where position > since
              on conflict (day, chain_id) do nothing
            )
            select chain_id as id from page order by chain_id desc limit 1
            """.formatted(SINCE.formatted("p.chain_id"));

    private static final String HEADS = """
            select chain_id, since, length, hash from seal_heads where day = $1 and chain_id > $2
            order by chain_id limit $3
            """;

    private static final String SEAL = """
            insert into seals (day, chains, rows, root, prev_hash, hash) values ($1, $2, $3, $4, $5, $6)
            """;

    private final LockedSession session;
    private final SealHash hash;
    private final LocalDate day;
    private final OffsetDateTime end;
    private final int page;
    private final SealHash.Root root = new SealHash.Root();
    private UUID after = LOWEST;
    private OffsetDateTime finished = OffsetDateTime.of(1970, 1, 1, 0, 0, 0, 0, ZoneOffset.UTC);

    DaySealing(LockedSession session, SealHash hash, LocalDate day, int page) {
        this.session = session;
        this.hash = hash;
        this.day = day;
        this.end = day.plusDays(1).atStartOfDay().atOffset(ZoneOffset.UTC);
        this.page = page;
    }

    Future<Seal> run() {
        return session.run("select make_seal_partition($1)", day)
                .compose(unused -> Loop.whileTrue(() ->
                        session.run(ENDED, day, end, page, after, finished).map(this::ended)))
                .compose(unused -> pages(NOT_ENDED))
                .compose(unused -> pages(OF_NO_RUN))
                .compose(unused -> hashed())
                .compose(unused -> previous())
                .compose(this::insert);
    }

    private boolean ended(RowSet<Row> last) {
        for (var row : last) {
            finished = row.get(OffsetDateTime.class, "finished_at");
        }
        return step(last);
    }

    private Future<Void> pages(String sql) {
        after = LOWEST;
        return Loop.whileTrue(() -> session.run(sql, day, end, page, after).map(this::step));
    }

    private boolean step(RowSet<Row> last) {
        if (last.size() == 0) {
            return false;
        }
        after = last.iterator().next().getUUID("id");
        return true;
    }

    private Future<Void> hashed() {
        after = LOWEST;
        return Loop.whileTrue(() -> session.run(HEADS, day, after, page).map(rows -> {
            for (var row : rows) {
                var head = SealedHead.of(row);
                root.add(head);
                after = head.chainId();
            }
            return rows.size() == page;
        }));
    }

    private Future<String> previous() {
        return session.run("select hash from seals where day = $1", day.minusDays(1))
                .map(rows -> rows.size() == 0 ? "" : rows.iterator().next().getString("hash"));
    }

    private Future<Seal> insert(String prevHash) {
        var seal = hash.seal(day, root, prevHash);
        return session.run(SEAL, day, seal.chains(), seal.rows(), seal.root(), prevHash, seal.hash())
                .map(seal);
    }
}
