package io.taskpilot.journal;

import io.taskpilot.engine.RunReader.DecisionFilter;
import io.taskpilot.engine.RunReader.DecisionView;
import io.taskpilot.engine.RunReader.PageRequest;
import io.taskpilot.resilience.Loop;
import io.vertx.core.Future;
import io.vertx.sqlclient.Row;
import io.vertx.sqlclient.RowSet;
import io.vertx.sqlclient.Tuple;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/**
 * Reads all decisions that match, newest first, a page by key at a time and never in a transaction. A statement looks
 * at so many rows at most, so that one which finds few of them ends in time as well.
 */
final class DecisionExport {
    private static final int PAGE = 200;
    private static final int LOOKED_AT = 2_000;

    /** The last row that was looked at, beside each row that matches; one row without a match where none does. */
    private static final String SCAN = """
            with scanned as materialized (
              select * from decisions where (created_at, id) < ($1, $2)%s order by created_at desc, id desc limit $3
            ), edge as (
              select created_at as edge_at, id as edge_id from scanned order by created_at, id limit 1
            )
            select edge.*, found.* from edge left join lateral (
              select %s from scanned d where true%s order by created_at desc, id desc limit $4
            ) as found on true
            order by found.created_at desc, found.id desc
            """;

    private final Database database;
    private final DecisionFilter filter;
    private final Function<List<DecisionView>, Future<Void>> sink;
    private Cursor from = Cursor.of('d', new PageRequest(null, PAGE));

    DecisionExport(Database database, DecisionFilter filter, Function<List<DecisionView>, Future<Void>> sink) {
        this.database = database;
        this.filter = filter;
        this.sink = sink;
    }

    Future<Void> run() {
        return Loop.whileTrue(this::page);
    }

    private Future<Boolean> page() {
        var looksAt = DecisionQueries.hasValues(filter) ? LOOKED_AT : PAGE; // else each row matches
        var parameters = Tuple.of(from.at(), from.id(), looksAt, PAGE);
        var range = DecisionQueries.range(filter, parameters);
        var values = DecisionQueries.values(filter, parameters);
        return database.shared()
                .run(SCAN.formatted(range, Rows.DECISION, values), parameters)
                .recover(PgErrors::failed)
                .compose(rows -> rows.size() == 0
                        ? Future.succeededFuture(false)
                        : sink.apply(taken(rows)).map(true));
    }

    private List<DecisionView> taken(RowSet<Row> rows) {
        var found = new ArrayList<DecisionView>(rows.size());
        for (var row : rows) {
            from = new Cursor('d', row.get(OffsetDateTime.class, "edge_at"), row.getUUID("edge_id"));
            if (row.getUUID("id") != null) {
                found.add(Rows.decision(row).view());
            }
        }
        if (found.size() == PAGE) { // there may be more before the edge
            var last = found.get(PAGE - 1);
            from = new Cursor(
                    'd',
                    last.createdAt().atOffset(ZoneOffset.UTC),
                    last.decision().id());
        }
        return found;
    }
}
