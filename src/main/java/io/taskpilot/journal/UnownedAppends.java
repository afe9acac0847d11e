package io.taskpilot.journal;

import io.taskpilot.engine.Journal.Appended;
import io.taskpilot.engine.Journal.LostRun;
import io.taskpilot.engine.Journal.Reaction;
import io.taskpilot.journal.DecisionChain.Head;
import io.taskpilot.journal.EventQueries.Line;
import io.taskpilot.resilience.Deadline;
import io.taskpilot.resilience.Failure;
import io.taskpilot.run.Recorded;
import io.taskpilot.run.RunEvent;
import io.taskpilot.run.RunState;
import io.vertx.core.Future;
import io.vertx.sqlclient.Row;
import io.vertx.sqlclient.Tuple;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.Collection;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The appends of those who do not own the run: an answer, an expiry, a cancel. The lock on the run's row picks one of
 * several; each folds what the one before it left. Always the run's row first, then the approval.
 */
final class UnownedAppends {
    private static final Duration LONGEST_WAIT = Duration.ofSeconds(5);

    private static final String LOCK = """
            select fence, last_seq, decisions, decisions_hash,
              exists (select 1 from nodes n where n.id = r.owner and n.state = 'live') as owned
            from runs r where id = $1 for update of r
            """;

    private static final String LOOK = """
            select exists (select 1 from nodes n where n.id = r.owner and n.state = 'live')
              and not exists (select 1 from events e where e.run_id = r.id and e.append_id = $2) as owned
            from runs r where id = $1
            """;

    private final Database database;
    private final AppendStatement statement;
    private final DecisionChain chain;
    private final Consumer<Collection<UUID>> committed;
    private final Witness witness;

    /** An append as it was sent, to be told of once it is known to be committed. */
    private static final class Sent {
        private final UUID id = UUID.randomUUID();
        private @Nullable Append append;
    }

    UnownedAppends(
            Database database,
            AppendStatement statement,
            DecisionChain chain,
            Consumer<Collection<UUID>> committed,
            Witness witness) {
        this.database = database;
        this.statement = statement;
        this.chain = chain;
        this.committed = committed;
        this.witness = witness;
    }

    /** Tries again after a lost race or connection, for five seconds: somebody waits for the answer. */
    Future<RunState> append(UUID runId, Reaction reaction) {
        return attempt(runId, new Sent(), reaction, Deadline.in(LONGEST_WAIT), 0);
    }

    private Future<RunState> attempt(UUID runId, Sent sent, Reaction reaction, Deadline deadline, int failures) {
        return looked(runId, sent.id)
                .compose(unused -> database.shared().transaction(sql -> locked(sql, runId, sent, reaction)))
                .onSuccess(unused -> {
                    committed.accept(List.of(runId));
                    if (sent.append != null) {
                        witness.saw(sent.append);
                    }
                })
                .recover(error -> {
                    if (!isWorthRetrying(error) || deadline.hasPassed()) {
                        return Future.failedFuture(
                                error instanceof Refused refused ? refused.reason : PgErrors.translated(error));
                    }
                    return database.vertx()
                            .timer(Database.pauseMillis(failures), TimeUnit.MILLISECONDS)
                            .compose(unused -> attempt(runId, sent, reaction, deadline, failures + 1));
                });
    }

    /** Without the lock: it would hold up whatever the owner's node appends. */
    private Future<Void> looked(UUID runId, UUID appendId) {
        return database.shared().run(LOOK, Tuple.of(runId, appendId)).compose(rows -> {
            if (rows.size() == 0) {
                return Future.failedFuture(Failure.notFound("run"));
            }
            return rows.iterator().next().getBoolean("owned")
                    ? Future.failedFuture(new LostRun(runId))
                    : Future.succeededFuture();
        });
    }

    private static boolean isWorthRetrying(Throwable error) {
        var meaning = PgErrors.meaning(error);
        return meaning == PgErrors.Meaning.AWAY || meaning == PgErrors.Meaning.RACE;
    }

    /** What the reaction threw is the caller's, whatever its type: it says nothing of the database. */
    private static final class Refused extends RuntimeException {
        private static final long serialVersionUID = 1L;
        private final RuntimeException reason;

        Refused(RuntimeException reason) {
            super(null, reason, false, false);
            this.reason = reason;
        }
    }

    private static List<RunEvent> ask(Reaction reaction, RunState state, Instant now) {
        try {
            return reaction.events(state, now);
        } catch (RuntimeException e) {
            throw new Refused(e);
        }
    }

    private Future<RunState> locked(Sql sql, UUID runId, Sent sent, Reaction reaction) {
        return sql.run(LOCK, Tuple.of(runId)).compose(rows -> {
            if (rows.size() == 0) {
                return Future.failedFuture(Failure.notFound("run"));
            }
            var run = rows.iterator().next();
            var history = EventQueries.lines(sql, runId, 0, Integer.MAX_VALUE);
            var clock = sql.run("select clock_timestamp()");
            return Future.all(history, clock)
                    .compose(unused -> decided(
                            sql,
                            run,
                            history.result(),
                            clock.result()
                                    .iterator()
                                    .next()
                                    .get(OffsetDateTime.class, 0)
                                    .toInstant(),
                            sent,
                            reaction));
        });
    }

    private Future<RunState> decided(Sql sql, Row run, List<Line> history, Instant now, Sent sent, Reaction reaction) {
        var state = RunState.of(history.stream().map(Line::recorded).toList());
        if (history.stream().anyMatch(line -> line.appendId().equals(sent.id))) {
            return Future.succeededFuture(state); // an earlier try was committed, and its answer lost
        }
        sent.append = null;
        if (run.getBoolean("owned")) {
            return Future.failedFuture(new LostRun(state.request().runId()));
        }
        var events = ask(reaction, state, now);
        if (events.isEmpty()) {
            return Future.succeededFuture(state);
        }
        var head = new Head(run.getLong("decisions"), run.getString("decisions_hash"));
        var append = new Append(sent.id, state, run.getLong("fence"), true, events, chain, head);
        sent.append = append;
        return write(sql, append, state);
    }

    private Future<RunState> write(Sql sql, Append append, RunState before) {
        return statement.execute(sql, List.of(append)).compose(done -> {
            var appended = done.get(append.runId);
            return appended == null
                    ? Future.failedFuture(new LostRun(append.runId))
                    : TaskChanges.apply(sql, append).map(unused -> dated(append, before, appended));
        });
    }

    /** The state with the commit's time on the new events. */
    private static RunState dated(Append append, RunState before, Appended appended) {
        var state = before;
        for (var stored : append.events) {
            state = state.apply(new Recorded(state.lastSeq() + 1, appended.at(), stored.event()));
        }
        return state;
    }
}
