package io.taskpilot.journal;

import io.taskpilot.engine.Census;
import io.vertx.core.Future;

/** Counts in PostgreSQL, in one statement. */
public final class PgCensus implements Census.Source {
    private static final String COUNT = """
            select count(*), coalesce(extract(epoch from clock_timestamp() - min(created_at)), 0)::float8,
              (select coalesce(extract(epoch from max(finished_at)), 0)::float8 from backups)
            from approvals where status = 'pending'
            """;

    private final Database database;

    public PgCensus(Database database) {
        this.database = database;
    }

    @Override
    public Future<Census.Counted> count() {
        return database.shared().run(COUNT).recover(PgErrors::failed).map(rows -> {
            var row = rows.iterator().next();
            return new Census.Counted(row.getLong(0), row.getDouble(1), row.getDouble(2));
        });
    }
}
