package io.taskpilot.journal;

import io.vertx.core.Future;
import io.vertx.sqlclient.Tuple;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/** Appends of runs whose row somebody holds on to wait here, rather than hold up all others of their batch. */
final class HeldRows {
    private static final String HELD = """
            with free as materialized (select id from runs where id = any($1) for no key update skip locked)
            select id from runs r where id = any($1) and not exists (select 1 from free where free.id = r.id)
            """;

    private final Database database;
    private final Consumer<Append> writer;
    private volatile boolean closed;

    /** @param writer takes an append again */
    HeldRows(Database database, Consumer<Append> writer) {
        this.database = database;
        this.writer = writer;
    }

    /** Gives back the others; fails as the batch did when no row is held any more. */
    Future<List<Append>> setAside(Sql sql, List<Append> batch, Throwable lockedOut) {
        return held(sql, batch).compose(held -> {
            if (held.isEmpty()) {
                return Future.failedFuture(lockedOut);
            }
            batch.stream().filter(append -> held.contains(append.runId)).forEach(append -> waitFor(append, 0));
            return Future.succeededFuture(batch.stream()
                    .filter(append -> !held.contains(append.runId))
                    .toList());
        });
    }

    private static Future<Set<UUID>> held(Sql sql, List<Append> appends) {
        var ids = appends.stream().map(append -> append.runId).toArray(UUID[]::new);
        return sql.run(HELD, Tuple.of((Object) ids)).map(rows -> {
            var held = new HashSet<UUID>();
            rows.forEach(row -> held.add(row.getUUID(0)));
            return held;
        });
    }

    /** The writer copes with whatever else keeps it from being written. */
    private void waitFor(Append append, int attempt) {
        database.vertx()
                .timer(Database.pauseMillis(attempt), TimeUnit.MILLISECONDS)
                .compose(unused -> held(database.shared(), List.of(append)))
                .onComplete((held, error) -> {
                    if (error != null || held.isEmpty() || closed) {
                        writer.accept(append);
                    } else {
                        waitFor(append, attempt + 1);
                    }
                });
    }

    void close() {
        closed = true;
    }
}
