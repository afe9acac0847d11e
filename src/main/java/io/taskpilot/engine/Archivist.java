package io.taskpilot.engine;

import io.taskpilot.engine.Retention.Turn;
import io.taskpilot.telemetry.StoreMetrics;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.VerticleBase;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Archives finished runs, drops the months of which everything is archived, and removes what is past its time; one node
 * at a time. Everything here may be done twice: a run counts as archived only once its trace was read back.
 */
public final class Archivist extends VerticleBase {
    private static final Logger log = LoggerFactory.getLogger(Archivist.class);
    private static final int PAGE = 100;
    private static final int DISOWNED = 1_000; // at once: its statement ends in time

    private final Retention retention;
    private final RunReader reader;
    private final TraceArchive archive;
    private final Settings settings;
    private final StoreMetrics metrics;
    private volatile double headroomDays = Double.NaN;
    private @Nullable Future<Void> pass;
    private boolean closing;

    /**
     * @param settled how long after its end a run is archived
     * @param every between two looks for work
     * @param journal how long events stay in PostgreSQL, at least
     * @param archive how long runs and their traces are kept
     * @param lasting the store is not this node's alone; else nothing is dropped, as its copy would be the only one
     */
    public record Settings(Duration settled, Duration every, Duration journal, Duration archive, boolean lasting) {}

    public Archivist(
            Retention retention, RunReader reader, TraceArchive archive, Settings settings, StoreMetrics metrics) {
        this.retention = retention;
        this.reader = reader;
        this.archive = archive;
        this.settings = settings;
        this.metrics = metrics;
    }

    @Override
    public Future<?> start() {
        metrics.partitionHeadroom(() -> headroomDays);
        look();
        return Future.succeededFuture();
    }

    private void look() {
        pass = archive.check()
                .compose(this::work)
                .onFailure(cause -> log.warn("archiving failed cause={}", cause.toString()))
                .onComplete(unused -> vertx.setTimer(settings.every().toMillis(), timer -> {
                    if (!closing) {
                        look();
                    }
                }));
    }

    /** Nothing is tried on a store that is away: an upload might hang for minutes, and its end be looked for no sooner. */
    private Future<Void> work(boolean usable) {
        return retention
                .headroomDays()
                .onSuccess(days -> headroomDays = days)
                .compose(unused -> usable ? turn() : Future.succeededFuture());
    }

    private Future<Void> turn() {
        return retention.turn().compose(turn -> turn == null ? Future.succeededFuture() : work(turn));
    }

    private Future<Void> work(Turn turn) {
        return disown(turn)
                .compose(unused ->
                        each(after -> turn.unarchived(settings.settled(), after, PAGE), runId -> archive(turn, runId)))
                .compose(unused -> settings.lasting() ? retire(turn) : Future.succeededFuture())
                .transform((unused, cause) -> turn.end()
                        .transform(ended -> cause == null ? Future.succeededFuture() : Future.failedFuture(cause)));
    }

    /** Not for a store that is this node's alone: the next node would archive everything once more. */
    private Future<Void> disown(Turn turn) {
        return !settings.lasting() || closing
                ? Future.succeededFuture()
                : turn.disown(archive.name(), DISOWNED)
                        .compose(count -> count < DISOWNED ? Future.succeededFuture() : disown(turn));
    }

    private Future<Void> retire(Turn turn) {
        return turn.oldMonths(settings.journal())
                .compose(months -> drop(turn, months, 0))
                .compose(unused ->
                        each(after -> turn.expired(settings.archive(), after, PAGE), runId -> expire(turn, runId)));
    }

    /** Goes through pages of runs, one run after the other, until there are no more or this node stops. */
    private Future<Void> each(Function<@Nullable UUID, Future<List<UUID>>> page, Function<UUID, Future<Void>> work) {
        var done = Promise.<Void>promise();
        each(page, work, null, List.of(), 0, done);
        return done.future();
    }

    // not a chain of futures: one that grows by a link a run would live as long as the backlog
    private void each(
            Function<@Nullable UUID, Future<List<UUID>>> page,
            Function<UUID, Future<Void>> work,
            @Nullable UUID last,
            List<UUID> runs,
            int next,
            Promise<Void> done) {
        if (closing) {
            done.complete();
        } else if (next < runs.size()) {
            work.apply(runs.get(next))
                    .onSuccess(unused -> each(page, work, runs.get(next), runs, next + 1, done))
                    .onFailure(done::fail);
        } else if (next > 0 && next < PAGE) {
            done.complete();
        } else {
            page.apply(last)
                    .onSuccess(more -> {
                        if (more.isEmpty()) {
                            done.complete();
                        } else {
                            each(page, work, last, more, 0, done);
                        }
                    })
                    .onFailure(done::fail);
        }
    }

    /** Goes on with the next run when this one's trace is at fault, and not when the store is. */
    private Future<Void> archive(Turn turn, UUID runId) {
        var decisions = turn.decisions(runId)
                .map(views -> views.stream().map(Archivist::line).toList());
        return archive.store(runId, reader, decisions)
                .recover(cause -> {
                    metrics.trace("failed");
                    if (WatchedStore.isAway(cause)) {
                        return Future.failedFuture(cause);
                    }
                    log.error("run can't be archived run_id={}", runId, cause);
                    return Future.succeededFuture("");
                })
                .compose(sha256 -> sha256.isEmpty()
                        ? Future.succeededFuture()
                        : turn.archived(runId, sha256, archive.name()).onSuccess(unused -> metrics.trace("archived")));
    }

    private static Map<String, Object> line(RunReader.DecisionView view) {
        return Map.of("decision", TraceJson.decision(view));
    }

    private Future<Void> drop(Turn turn, List<String> months, int next) {
        if (closing || next == months.size()) {
            return Future.succeededFuture();
        }
        var month = months.get(next);
        return turn.drop(month).compose(dropped -> {
            if (dropped) {
                log.info("month dropped month={}", month);
            }
            return drop(turn, months, next + 1);
        });
    }

    private Future<Void> expire(Turn turn, UUID runId) {
        return archive.delete(runId)
                .compose(unused -> turn.forget(runId, settings.archive()))
                .onSuccess(unused -> metrics.trace("expired"));
    }

    /** Completes when the run at hand is done with. */
    @Override
    public Future<?> stop() {
        closing = true;
        return pass == null ? Future.succeededFuture() : pass.transform(unused -> Future.succeededFuture());
    }
}
