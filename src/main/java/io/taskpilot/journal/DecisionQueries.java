package io.taskpilot.journal;

import io.taskpilot.engine.RunReader.DecisionFilter;
import io.taskpilot.engine.RunReader.DecisionView;
import io.taskpilot.engine.RunReader.Page;
import io.taskpilot.engine.RunReader.PageRequest;
import io.taskpilot.engine.RunReader.Verification;
import io.vertx.core.Future;
import io.vertx.sqlclient.Row;
import io.vertx.sqlclient.RowSet;
import io.vertx.sqlclient.Tuple;
import java.util.List;
import java.util.UUID;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Lists, exports and verifies the decision log; page by page, never in a transaction. */
final class DecisionQueries {
    private static final int EXPORT_PAGE = 200;
    private static final int VERIFY_PAGE = 2_000;
    private static final UUID LOWEST = new UUID(0, 0);

    private static final String PAGE = "select " + Rows.DECISION + """
               from decisions d
              where (created_at, id) < ($1, $2) and ($4::uuid is null or run_id = $4)
                and ($5::text is null or decision_type = $5) and ($6::text is null or result = $6)
                and ($7::text is null or tool = $7) and ($8::text is null or agent = $8)
                and ($9::timestamptz is null or created_at >= $9)
              order by created_at desc, id desc limit $3
              """;

    /** With the account that the run, or else the chain's head, has of it, taken in the same moment. */
    private static final String CHAINS = "select " + Rows.DECISION + """
              , coalesce(r.decisions, h.counted) as counted, coalesce(r.decisions_hash, h.head) as head
               from decisions d
               left join runs r on r.id = d.chain_id
               left join (select chain_id as head_of, decisions as counted, hash as head from decision_chains) h
                 on h.head_of = d.chain_id
              where (chain_id, position) > ($1, $2) and ($4::uuid is null or chain_id = $4)
              order by chain_id, position limit $3
              """;

    private static final String EMPTY_CHAINS = """
            select * from (
              select r.id, r.decisions from runs r
              where r.decisions > 0 and ($1::uuid is null or r.id = $1)
                and not exists (select 1 from decisions d where d.chain_id = r.id)
                and not (r.archived_at is not null
                         and exists (select 1 from retired_months m where r.id >= m.lower and r.id < m.upper))
              union all
              select h.chain_id, h.decisions from decision_chains h
              where $1::uuid is null and not exists (select 1 from decisions d where d.chain_id = h.chain_id)
                and not exists (select 1 from retired_months m where h.chain_id >= m.lower and h.chain_id < m.upper)
            ) as empty
            order by id limit 100
            """;

    private final Database database;
    private final DecisionChain chain;

    DecisionQueries(Database database, DecisionChain chain) {
        this.database = database;
        this.chain = chain;
    }

    Future<Page<DecisionView>> page(DecisionFilter filter, Cursor from, int size) {
        var tuple = Tuple.of(from.at(), from.id(), size + 1)
                .addValue(filter.runId())
                .addValue(filter.type())
                .addValue(filter.result())
                .addValue(filter.tool())
                .addValue(filter.agent())
                .addValue(PgRunReader.time(filter.since()));
        return database.shared()
                .run(PAGE, tuple)
                .recover(PgErrors::failed)
                .map(rows ->
                        Cursor.page('d', size, rows, row -> Rows.decision(row).view()));
    }

    Future<Void> export(DecisionFilter filter, Function<List<DecisionView>, Future<Void>> sink) {
        return export(filter, sink, null);
    }

    private Future<Void> export(
            DecisionFilter filter, Function<List<DecisionView>, Future<Void>> sink, @Nullable String cursor) {
        return page(filter, Cursor.of('d', new PageRequest(cursor, EXPORT_PAGE)), EXPORT_PAGE)
                .compose(page -> sink.apply(page.items())
                        .compose(unused ->
                                page.next() == null ? Future.succeededFuture() : export(filter, sink, page.next())));
    }

    /** @param chainId null for all */
    Future<Verification> verify(@Nullable UUID chainId) {
        var audit = new ChainAudit(chain);
        return walk(audit, chainId, LOWEST, 0)
                .compose(unused -> database.shared()
                        .run(EMPTY_CHAINS, Tuple.tuple().addValue(chainId))
                        .recover(PgErrors::failed))
                .map(rows -> {
                    rows.forEach(row -> audit.empty(row.getUUID("id"), row.getLong("decisions")));
                    return audit.verification();
                });
    }

    private Future<Void> walk(ChainAudit audit, @Nullable UUID chainId, UUID afterChain, long afterPosition) {
        return database.shared()
                .run(CHAINS, Tuple.of(afterChain, afterPosition, VERIFY_PAGE).addValue(chainId))
                .recover(PgErrors::failed)
                .compose(rows -> {
                    rows.forEach(row -> audit.next(Rows.decision(row), counted(row), row.getString("head")));
                    var last = last(rows);
                    if (last == null || rows.size() < VERIFY_PAGE) {
                        audit.end();
                        return Future.succeededFuture();
                    }
                    return walk(audit, chainId, last.getUUID("chain_id"), last.getLong("position"));
                });
    }

    private static @Nullable Long counted(Row row) {
        return row.getLong("counted");
    }

    private static @Nullable Row last(RowSet<Row> rows) {
        @Nullable Row last = null;
        for (var row : rows) {
            last = row;
        }
        return last;
    }
}
