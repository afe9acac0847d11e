package io.taskpilot.journal;

import io.taskpilot.engine.RunReader.DecisionFilter;
import io.taskpilot.engine.RunReader.DecisionView;
import io.taskpilot.engine.RunReader.Page;
import io.vertx.core.Future;
import io.vertx.sqlclient.Tuple;
import org.jspecify.annotations.Nullable;

/** Lists the decision log, newest first. */
final class DecisionQueries {
    private static final String PAGE = "select " + Rows.DECISION + """
               from decisions d
              where (created_at, id) < ($1, $2)%s
              order by created_at desc, id desc limit $3
              """;

    private final Database database;

    DecisionQueries(Database database) {
        this.database = database;
    }

    Future<Page<DecisionView>> page(DecisionFilter filter, Cursor from, int size) {
        var parameters = Tuple.of(from.at(), from.id(), size + 1);
        var sql = PAGE.formatted(range(filter, parameters) + values(filter, parameters));
        return database.shared()
                .run(sql, parameters)
                .recover(PgErrors::failed)
                .map(rows ->
                        Cursor.page('d', size, rows, row -> Rows.decision(row).view()));
    }

    /**
     * What an index finds. Only what is asked for is in the statement: with {@code $n is null or} around it the plan
     * that is made once for all parameters would read the whole log for one run.
     */
    static String range(DecisionFilter filter, Tuple parameters) {
        var sql = new StringBuilder();
        add(sql, parameters, "chain_id = $%1$d and run_id = $%1$d", filter.runId());
        add(sql, parameters, "created_at >= $%d", PgRunReader.time(filter.since()));
        return sql.toString();
    }

    /** What rows have to be looked at for. */
    static String values(DecisionFilter filter, Tuple parameters) {
        var sql = new StringBuilder();
        add(sql, parameters, "decision_type = $%d", filter.type());
        add(sql, parameters, "result = $%d", filter.result());
        add(sql, parameters, "tool = $%d", filter.tool());
        add(sql, parameters, "agent = $%d", filter.agent());
        return sql.toString();
    }

    static boolean hasValues(DecisionFilter filter) {
        return filter.type() != null || filter.result() != null || filter.tool() != null || filter.agent() != null;
    }

    private static void add(StringBuilder sql, Tuple parameters, String condition, @Nullable Object value) {
        if (value != null) {
            parameters.addValue(value);
            sql.append(" and ").append(condition.formatted(parameters.size()));
        }
    }
}
