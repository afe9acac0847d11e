package io.taskpilot.journal;

import io.vertx.core.Future;
import io.vertx.sqlclient.Row;
import io.vertx.sqlclient.RowSet;
import io.vertx.sqlclient.SqlConnection;
import io.vertx.sqlclient.Tuple;

/** Whoever runs a statement: a lane of connections, or one connection in a transaction. */
@FunctionalInterface
interface Sql {
    Future<RowSet<Row>> run(String sql, Tuple parameters);

    default Future<RowSet<Row>> run(String sql) {
        return run(sql, Tuple.tuple());
    }

    static Sql on(SqlConnection connection) {
        return (sql, parameters) -> connection.preparedQuery(sql).execute(parameters);
    }
}
