package io.taskpilot.engine;

import io.taskpilot.engine.Journal.Creation;
import io.taskpilot.resilience.Failure;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/**
 * The queue of accepted runs that wait in the database for a node with room, and its bound. The queue is counted there
 * every second and after each claim; in between, this node adds what it accepts itself. So with several nodes the bound
 * is passed by no more than what the others accept in a second. Thread-safe.
 */
final class Admission {
    private static final Logger log = LoggerFactory.getLogger(Admission.class);
    private static final long COUNT_MILLIS = 1_000;
    private static final int LONGEST_RETRY_SECONDS = 5;

    private record Count(int runs, int addedBefore) {}

    private final Vertx vertx;
    private final Journal journal;
    private final RunMetrics metrics;
    private final int limit;
    private final AtomicInteger accepting = new AtomicInteger();
    private final AtomicInteger added = new AtomicInteger();
    private volatile Count count = new Count(0, 0);
    private long timer = -1;

    Admission(Vertx vertx, Journal journal, RunMetrics metrics, int limit) {
        this.vertx = vertx;
        this.journal = journal;
        this.metrics = metrics;
        this.limit = limit;
    }

    /** Counts the queue once, and from then on every second. */
    Future<Void> start() {
        timer = vertx.setPeriodic(COUNT_MILLIS, unused -> count());
        return count();
    }

    void stop() {
        vertx.cancelTimer(timer);
    }

    private Future<Void> count() {
        return journal.waiting(limit + 1)
                .onFailure(cause -> log.atLevel(WatchedStore.isAway(cause) ? Level.DEBUG : Level.WARN)
                        .log("queue not counted cause={}", cause.toString()))
                // what was added meanwhile may be in it: rather forgotten for a second than counted twice
                .onSuccess(runs -> count = new Count(runs, added.get()))
                .transform(done -> Future.succeededFuture());
    }

    /** What a claim needs to tell afterwards that it took all there was. */
    int mark() {
        return added.get();
    }

    /** A claim that began at {@code mark} had room for more than it found. */
    void emptied(int mark) {
        count = new Count(0, mark);
    }

    /** Runs that wait, as far as this node knows. */
    int depth() {
        var counted = count;
        return counted.runs() + added.get() - counted.addedBefore() + accepting.get();
    }

    /** True while newcomers must queue too. */
    boolean hasQueue() {
        return depth() > 0;
    }

    /** Creates a run that waits; fails with {@code overload-queue} (503) when too many do. */
    Future<Creation> queue(Supplier<Future<Creation>> create) {
        if (depth() >= limit) {
            metrics.refused("overload");
            var detail = "%d runs wait for a node with room (limit: %d)".formatted(depth(), limit);
            // spread, so that those who are refused together do not come back together
            var later = Duration.ofSeconds(1 + ThreadLocalRandom.current().nextInt(LONGEST_RETRY_SECONDS));
            return Future.failedFuture(Failure.overloaded("overload-queue", detail, later));
        }
        accepting.incrementAndGet();
        return create.get().onComplete((created, cause) -> {
            if (cause == null && !created.replayed()) {
                added.incrementAndGet();
            }
            accepting.decrementAndGet();
        });
    }
}
