package io.taskpilot.journal;

import io.taskpilot.config.Secret;
import io.taskpilot.engine.RunReader;
import io.taskpilot.engine.SealCopies;
import io.taskpilot.engine.TraceArchive;
import io.taskpilot.resilience.Failure;
import io.taskpilot.resilience.Limiter;
import io.taskpilot.run.Ids;
import io.taskpilot.run.Recorded;
import io.vertx.core.Future;
import io.vertx.sqlclient.Row;
import io.vertx.sqlclient.Tuple;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Reads the journal's projections from PostgreSQL. Safe to call from any event loop. */
public final class PgRunReader implements RunReader {
    private static final int VERIFICATIONS = 2; // each reads the whole log

    private final Database database;
    private final DecisionQueries decisions;
    private final Verifier verifier;
    private final Limiter verifications = new Limiter("verify", VERIFICATIONS);
    private final Reports reports;
    private final @Nullable TraceArchive archive;
    private final @Nullable Duration kept;

    /**
     * Reads runs from the archive whose events were dropped here.
     *
     * @param chainKey the key that the decisions were hashed with, or null
     * @param archive null for whoever reads no old runs
     * @param copies of the seals, to compare them with; null compares with nothing
     * @param kept how long runs are kept; null for ever
     */
    public PgRunReader(
            Database database,
            @Nullable Secret chainKey,
            @Nullable TraceArchive archive,
            @Nullable SealCopies copies,
            @Nullable Duration kept) {
        this.database = database;
        this.archive = archive;
        this.kept = kept;
        this.decisions = new DecisionQueries(database);
        this.verifier = new Verifier(database, new DecisionChain(chainKey), new SealHash(chainKey), copies);
        this.reports = new Reports(database);
    }

    /** Without an archive. */
    public PgRunReader(Database database, @Nullable Secret chainKey) {
        this(database, chainKey, null, null, null);
    }

    @Override
    public Future<RunView> run(UUID runId) {
        return ofRun("select " + Rows.RUN + " from runs where id = $1", runId, Rows::run);
    }

    private <T> Future<T> ofRun(String sql, UUID runId, Function<Row, T> view) {
        return one("run", sql, runId, view)
                .recover(cause -> Future.failedFuture(
                        cause instanceof Failure failure && failure.kind() == Failure.Kind.NOT_FOUND
                                ? missing(runId, failure)
                                : cause));
    }

    /** A run's id has its time: what would be past retention is not looked for any longer. */
    private Failure missing(UUID runId, Failure notFound) {
        if (kept == null || runId.version() != 7) {
            return notFound;
        }
        var since = Instant.now().minus(kept);
        return Instant.ofEpochMilli(Ids.unixMillis(runId)).isBefore(since)
                ? Failure.of(
                        Failure.Kind.GONE, "caller-run-expired", "runs are kept for %d days".formatted(kept.toDays()))
                : notFound;
    }

    @Override
    public Future<Page<RunView>> runs(RunFilter filter, PageRequest page) {
        var status = filter.status() == null ? null : filter.status().word();
        return page('r', "select " + Rows.RUN + """
                           from runs
                          where (created_at, id) < ($1, $2) and ($4::text is null or status = $4)
                            and ($5::timestamptz is null or created_at >= $5)
                          order by created_at desc, id desc limit $3
                          """, page, Rows::run, status, time(filter.since()));
    }

    @Override
    public Future<List<Recorded>> events(UUID runId, long after, int limit) {
        return EventQueries.after(database.shared(), runId, after, limit)
                .recover(PgErrors::failed)
                .compose(events -> events.isEmpty() ? absent(runId, after, limit) : Future.succeededFuture(events));
    }

    @Override
    public Future<Map<UUID, Long>> lastSeqs(Collection<UUID> runIds) {
        return database.shared()
                .run(
                        "select id, last_seq from runs where id = any($1)",
                        Tuple.tuple().addArrayOfUUID(runIds.toArray(UUID[]::new)))
                .recover(PgErrors::failed)
                .map(rows -> {
                    var runToSeq = new HashMap<UUID, Long>();
                    rows.forEach(row -> runToSeq.put(row.getUUID(0), row.getLong(1)));
                    return runToSeq;
                });
    }

    /** Nothing past the end of a run, its archive's when it was dropped here, not-found when it is not there. */
    private Future<List<Recorded>> absent(UUID runId, long after, int limit) {
        return ofRun("select last_seq, archive_sha256 from runs where id = $1", runId, row -> row)
                .compose(run -> {
                    var sha256 = run.getString("archive_sha256");
                    return archive == null || sha256 == null || after >= run.getLong("last_seq")
                            ? Future.succeededFuture(List.of())
                            : archive.events(runId, sha256, after, limit);
                });
    }

    @Override
    public Future<ApprovalView> approval(UUID approvalId) {
        return one("approval", "select " + Rows.APPROVAL + " from approvals where id = $1", approvalId, Rows::approval);
    }

    @Override
    public Future<Page<ApprovalView>> approvals(ApprovalFilter filter, PageRequest page) {
        return page('a', "select " + Rows.APPROVAL + """
                           from approvals
                          where (created_at, id) < ($1, $2) and ($4::text is null or status = $4)
                            and ($5::uuid is null or run_id = $5)
                          order by created_at desc, id desc limit $3
                          """, page, Rows::approval, filter.status(), filter.runId());
    }

    @Override
    public Future<TaskView> task(UUID taskId) {
        return one("task", "select " + Rows.TASK + " from tasks where id = $1", taskId, Rows::task);
    }

    @Override
    public Future<Page<TaskView>> tasks(TaskFilter filter, PageRequest page) {
        return page(
                't', "select " + Rows.TASK + """
                           from tasks
                          where (created_at, id) < ($1, $2) and ($4::text is null or status = $4)
                            and ($5::text is null or priority = $5) and ($6::uuid is null or run_id = $6)
                          order by created_at desc, id desc limit $3
                          """, page, Rows::task, filter.status(), filter.priority(), filter.runId());
    }

    @Override
    public Future<Page<DecisionView>> decisions(DecisionFilter filter, PageRequest page) {
        return cursor('d', page).compose(from -> decisions.page(filter, from, page.size()));
    }

    @Override
    public Future<Void> exportDecisions(DecisionFilter filter, Function<List<DecisionView>, Future<Void>> sink) {
        return new DecisionExport(database, filter, sink).run();
    }

    @Override
    public Future<Verification> verifyDecisions(@Nullable UUID runId, Function<Progress, Future<Void>> progress) {
        return verifications.run(() -> runId == null
                ? verifier.verify(null, progress)
                : ofRun("select id from runs where id = $1", runId, row -> row)
                        .compose(unused -> verifier.verify(runId, progress)));
    }

    @Override
    public Future<List<CostLine>> costReport(Instant since, String by) {
        return reports.cost(since, by);
    }

    @Override
    public Future<GoldenSignals> goldenSignals(Instant since) {
        return reports.goldenSignals(since);
    }

    @Override
    public Future<Void> feedback(UUID runId, String principal, boolean correct, String comment) {
        return reports.feedback(runId, principal, correct, comment);
    }

    private <T> Future<T> one(String what, String sql, UUID id, Function<Row, T> view) {
        return database.shared()
                .run(sql, Tuple.of(id))
                .recover(PgErrors::failed)
                .compose(rows -> rows.size() == 0
                        ? Future.failedFuture(Failure.notFound(what))
                        : Future.succeededFuture(view.apply(rows.iterator().next())));
    }

    private <T> Future<Page<T>> page(
            char kind, String sql, PageRequest page, Function<Row, T> view, @Nullable Object... filters) {
        return cursor(kind, page).compose(from -> {
            var tuple = Tuple.of(from.at(), from.id(), page.size() + 1);
            for (var filter : filters) {
                tuple.addValue(filter);
            }
            return database.shared()
                    .run(sql, tuple)
                    .recover(PgErrors::failed)
                    .map(rows -> Cursor.page(kind, page.size(), rows, view));
        });
    }

    private static Future<Cursor> cursor(char kind, PageRequest page) {
        try {
            return Future.succeededFuture(Cursor.of(kind, page));
        } catch (Failure failure) {
            return Future.failedFuture(failure);
        }
    }

    static @Nullable OffsetDateTime time(@Nullable Instant since) {
        return since == null ? null : since.atOffset(ZoneOffset.UTC);
    }
}
