package io.taskpilot.journal;

import io.taskpilot.resilience.Failure;
import io.taskpilot.run.RunEvent;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.sqlclient.Tuple;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a database from a backup needs before its runs go on: they may have had effects after the backup was made, of
 * which it knows nothing, so each is marked, and asks a person first.
 */
public final class RestoredRuns {
    private static final Logger log = LoggerFactory.getLogger(RestoredRuns.class);
    private static final UUID FIRST = new UUID(0, 0);

    private static final String LIVE =
            "select count(*) from nodes where state = 'live' and expires_at > clock_timestamp()";

    private static final String DECLARE_ALL_DEAD = "update nodes set state = 'dead'";

    private static final String UNFINISHED = """
            select id from runs where id > $1 and status in ('queued', 'running', 'awaiting_approval')
            order by id limit 100
            """;

    private RestoredRuns() {}

    /**
     * Marks every unfinished run; how many there are. May be repeated: a run is marked once until it was answered for.
     * Fails with {@code caller-servers-running} while a node is alive.
     */
    public static Future<Integer> park(Vertx vertx, PostgresAddress address) {
        var database = Database.open(vertx, address, 2);
        var journal = new PgJournal(
                database, null, unused -> {}, what -> log.error("the backup is older than itself: {}", what));
        return requireNoServer(database)
                .compose(unused -> database.shared().run(DECLARE_ALL_DEAD))
                .compose(unused -> mark(database, journal, FIRST, 0))
                .eventually(() -> {
                    journal.close();
                    return database.close();
                });
    }

    private static Future<Void> requireNoServer(Database database) {
        return database.shared().run(LIVE).compose(rows -> {
            var live = rows.iterator().next().getLong(0);
            return live == 0
                    ? Future.succeededFuture()
                    : Future.failedFuture(Failure.of(
                            Failure.Kind.CONFLICT,
                            "caller-servers-running",
                            "servers on this database: %d (expected: 0; one that was killed counts for 10 s)"
                                    .formatted(live)));
        });
    }

    private static Future<Integer> mark(Database database, PgJournal journal, UUID after, int before) {
        return database.shared().run(UNFINISHED, Tuple.of(after)).compose(rows -> {
            var runIds = new ArrayList<UUID>(rows.size());
            rows.forEach(row -> runIds.add(row.getUUID("id")));
            var marked = Future.<Void>succeededFuture();
            for (var runId : runIds) { // one after the other: nobody waits, and a restore is rare
                marked = marked.compose(unused -> mark(journal, runId));
            }
            return marked.compose(unused -> runIds.isEmpty()
                    ? Future.succeededFuture(before)
                    : mark(database, journal, runIds.get(runIds.size() - 1), before + runIds.size()));
        });
    }

    private static Future<Void> mark(PgJournal journal, UUID runId) {
        return journal.appendUnowned(
                        runId,
                        (run, now) -> run.status().isTerminal() || run.isRestored()
                                ? List.of()
                                : List.of(new RunEvent.Resumed(RunEvent.Resumed.RESTORED)))
                .mapEmpty();
    }
}
