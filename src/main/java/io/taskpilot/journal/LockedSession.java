package io.taskpilot.journal;

import io.vertx.core.Future;
import io.vertx.sqlclient.Row;
import io.vertx.sqlclient.RowSet;
import io.vertx.sqlclient.Tuple;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A connection that has an advisory lock and is used for nothing else: no pool keeps it, and the server ends it when its
 * node stands still.
 */
final class LockedSession {
    private static final long LONGEST_MILLIS = 15_000; // over statement_timeout: a dead connection

    private static final String LOCK = """
            select pg_try_advisory_lock(hashtext($1)), set_config('idle_session_timeout', '5min', false)
            """;

    private final Database.Session connection;

    private LockedSession(Database.Session connection) {
        this.connection = connection;
    }

    /** Null while somebody else has the lock. */
    static Future<@Nullable LockedSession> open(Database database, String lock) {
        return database.session().compose(connection -> {
            var session = new LockedSession(connection);
            return session.run(LOCK, lock)
                    .compose(rows -> rows.iterator().next().getBoolean(0)
                            ? Future.succeededFuture(session)
                            : session.end().map((LockedSession) null))
                    .onFailure(cause -> connection.close());
        });
    }

    Future<RowSet<Row>> run(String sql, @Nullable Object... parameters) {
        var tuple = Tuple.tuple();
        for (var parameter : parameters) {
            tuple.addValue(parameter);
        }
        return asked(sql, tuple).recover(PgErrors::failed);
    }

    /** Fails as the driver does. */
    Future<RowSet<Row>> asked(String sql, Tuple parameters) {
        return Sql.on(connection.connection()).run(sql, parameters).timeout(LONGEST_MILLIS, TimeUnit.MILLISECONDS);
    }

    static <T> Function<RowSet<Row>, List<T>> all(Function<Row, T> view) {
        return rows -> {
            var items = new ArrayList<T>(rows.size());
            rows.forEach(row -> items.add(view.apply(row)));
            return items;
        };
    }

    Future<Void> end() {
        return connection.close();
    }
}
