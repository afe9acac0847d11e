package io.taskpilot.engine;

import io.taskpilot.engine.SealCopies.Match;
import io.taskpilot.engine.Seals.State;
import io.taskpilot.engine.Seals.Turn;
import io.taskpilot.resilience.Loop;
import io.taskpilot.telemetry.HealthRegistry;
import io.taskpilot.telemetry.StoreMetrics;
import io.vertx.core.Future;
import io.vertx.core.VerticleBase;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Seals the days of the decision log that are over, in order and one node at a time, and copies the seals to the object
 * store. While the store is away seals are made all the same.
 */
public final class Sealer extends VerticleBase {
    private static final Logger log = LoggerFactory.getLogger(Sealer.class);
    private static final String NAME = "seals";
    private static final int PAGE = 100;

    private final Seals seals;
    private final SealCopies copies;
    private final Settings settings;
    private final HealthRegistry health;
    private final StoreMetrics metrics;
    private volatile @Nullable LocalDate next;
    private @Nullable LocalDate conflict;
    private @Nullable Turn turn;
    private @Nullable Future<Void> pass;
    private boolean closing;

    /**
     * @param margin how long after its end a day is sealed: what was under way at midnight is then in the seal of its
     *     own day; what is later still is in the next one
     * @param every between two looks for work
     */
    public record Settings(Duration margin, Duration every) {}

    public Sealer(Seals seals, SealCopies copies, Settings settings, HealthRegistry health, StoreMetrics metrics) {
        this.seals = seals;
        this.copies = copies;
        this.settings = settings;
        this.health = health;
        this.metrics = metrics;
    }

    @Override
    public Future<?> start() {
        metrics.sealAge(this::age);
        look();
        return Future.succeededFuture();
    }

    /** Seconds since the end of the last day with a seal. */
    private double age() {
        var day = next;
        return day == null
                ? Double.NaN
                : Duration.between(day.atStartOfDay().toInstant(ZoneOffset.UTC), Instant.now())
                                .toMillis()
                        / 1_000.0;
    }

    private void look() {
        pass = seals.state(settings.margin())
                .compose(state -> state.due() || state.uncopied() > 0 ? worked() : Future.succeededFuture(state))
                .onSuccess(this::report)
                .onFailure(this::failed)
                .<Void>mapEmpty()
                .onComplete(unused -> vertx.setTimer(settings.every().toMillis(), timer -> {
                    if (!closing) {
                        look();
                    }
                }));
    }

    private void report(State state) {
        next = state.next();
        metrics.sealCopiesPending(state.uncopied());
        if (conflict != null) {
            health.degraded(NAME, "the object store has another seal of " + conflict);
        } else if (state.uncopied() > 0) {
            health.degraded(NAME, "%d seals wait for the object store".formatted(state.uncopied()));
        } else {
            health.up(NAME, "every day before " + state.next());
        }
    }

    private void failed(Throwable cause) {
        if (!closing) {
            log.warn("sealing failed cause={}", cause.toString());
            metrics.seal("failed");
            if (!WatchedStore.isAway(cause)) { // a database that is away is in health already
                health.degraded(NAME, "days are not sealed: the next look tries again");
            }
        }
    }

    private Future<State> worked() {
        return seals.turn()
                .compose(taken -> taken == null ? Future.succeededFuture() : work(taken))
                .compose(unused -> seals.state(settings.margin()));
    }

    private Future<Void> work(Turn taken) {
        turn = taken;
        if (closing) {
            return taken.end();
        }
        return Loop.whileTrue(() -> seal(taken)).compose(unused -> copy(taken)).transform((unused, cause) -> {
            turn = null;
            return taken.end()
                    .transform(ended -> cause == null ? Future.succeededFuture() : Future.failedFuture(cause));
        });
    }

    private Future<Boolean> seal(Turn taken) {
        return taken.state(settings.margin()).compose(state -> {
            next = state.next();
            return !state.due() || closing
                    ? Future.succeededFuture(false)
                    : taken.seal(state.next()).map(this::sealed);
        });
    }

    private boolean sealed(Seal seal) {
        log.info("day sealed day={} chains={} rows={} root={}", seal.day(), seal.chains(), seal.rows(), seal.root());
        metrics.seal("sealed");
        return true;
    }

    private Future<Void> copy(Turn taken) {
        return copies.check().compose(there -> there ? copyAll(taken) : Future.succeededFuture());
    }

    private Future<Void> copyAll(Turn taken) {
        conflict = null;
        var pages = new Pages(taken);
        return Loop.whileTrue(pages::next).recover(cause -> {
            if (!WatchedStore.isAway(cause)) {
                return Future.failedFuture(cause);
            }
            // the store's own state is in health and metrics; the next look tries again
            log.warn("seals wait for the object store cause={}", cause.toString());
            return Future.succeededFuture();
        });
    }

    /** Goes through the seals without a copy. */
    private final class Pages {
        private final Turn taken;
        private @Nullable LocalDate after;

        Pages(Turn taken) {
            this.taken = taken;
        }

        Future<Boolean> next() {
            return taken.uncopied(after, PAGE).compose(page -> {
                after = page.isEmpty() ? after : page.get(page.size() - 1).day();
                return all(page).map(!page.isEmpty() && !closing);
            });
        }

        private Future<Void> all(List<Seal> page) {
            return Loop.each(page, seal -> closing ? Future.succeededFuture() : one(seal));
        }

        private Future<Void> one(Seal seal) {
            return copies.store(seal).compose(match -> {
                if (match == Match.SAME) {
                    metrics.seal("copied");
                    return taken.copied(seal.day());
                }
                log.error("the object store has another seal, which stays day={} hash={}", seal.day(), seal.hash());
                metrics.seal("conflict");
                conflict = conflict == null ? seal.day() : conflict;
                return Future.succeededFuture();
            });
        }
    }

    /** What is under way is broken off, and gone on with by whoever seals next. */
    @Override
    public Future<?> stop() {
        closing = true;
        var ended = turn == null ? Future.<Void>succeededFuture() : turn.end();
        return ended.transform(unused -> pass == null ? Future.succeededFuture() : pass)
                .transform(unused -> Future.succeededFuture());
    }
}
