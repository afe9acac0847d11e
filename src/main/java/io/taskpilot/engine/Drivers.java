package io.taskpilot.engine;

import io.taskpilot.engine.Journal.Holding;
import io.taskpilot.run.Problem;
import io.taskpilot.run.RunEvent;
import io.taskpilot.run.RunState;
import io.taskpilot.run.RunStatus;
import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The runs this node drives, spread over its agent loops. Safe to use from any thread. */
final class Drivers {
    private static final Logger log = LoggerFactory.getLogger(Drivers.class);
    private static final long HAND_BACK_AGAIN_MILLIS = 500;
    private static final long GAVE_UP_MILLIS = 5_000;
    private static final long RELEASES_MILLIS = 10;
    private static final long EMPTY_MILLIS = 20;
    private static final long SOON_MILLIS = 60_000; // a second time that never comes

    private record Pinned(Context context, RunDriver driver) {}

    private final Collaborators with;
    private final int limit;
    private final Runnable released;
    private final List<Context> loops = new CopyOnWriteArrayList<>();
    private final Map<UUID, Pinned> runToDriver = new ConcurrentHashMap<>();
    private final Map<String, Integer> principalToRuns = new ConcurrentHashMap<>();
    private final Set<Holding> held = ConcurrentHashMap.newKeySet();
    private final AtomicInteger slots = new AtomicInteger();
    private final AtomicInteger turn = new AtomicInteger();
    private final AtomicBoolean toTell = new AtomicBoolean();
    private volatile Runnable room = () -> {};
    private volatile boolean closing;
    private volatile boolean hurried;

    /**
     * @param limit runs at a time
     * @param released called after runs of this node were given back, once for all of a moment
     */
    Drivers(Collaborators with, int limit, Runnable released) {
        this.with = with;
        this.limit = limit;
        this.released = released;
    }

    /** Adds an event loop to drive runs on. */
    void enlist(Context loop) {
        loops.add(loop);
    }

    /** Takes a place for a run; false when there is none, or the node is closing. Give it back, or drive. */
    boolean reserve(UUID runId, long fence) {
        if (closing) {
            return false;
        }
        if (slots.incrementAndGet() > limit) {
            slots.decrementAndGet();
            return false;
        }
        held.add(new Holding(runId, fence));
        return true;
    }

    void giveBack(UUID runId, long fence) {
        held.remove(new Holding(runId, fence));
        leavePlace();
    }

    private void leavePlace() {
        slots.decrementAndGet();
        room.run();
    }

    /** Runs that something here sees to: they are in a place, or on their way back. */
    Set<Holding> held() {
        return Set.copyOf(held);
    }

    boolean holds(Holding run) {
        return held.contains(run);
    }

    int free() {
        return closing ? 0 : Math.max(0, limit - slots.get());
    }

    /** Has {@code listener} called, on any thread, whenever there is a place again. */
    void onRoom(Runnable listener) {
        room = listener;
    }

    int inFlight() {
        return runToDriver.size();
    }

    int inFlight(String principal) {
        return principalToRuns.getOrDefault(principal, 0);
    }

    /**
     * Drives a run in a place that was reserved.
     *
     * @param owner the node id that the run was taken under
     * @param first what to append before anything else
     */
    void drive(UUID owner, long fence, RunState state, RunTrace trace, List<RunEvent> first) {
        drive(owner, fence, state, trace, first, driver -> {});
    }

    /** Ends a run that took its nodes down again and again, instead of trying once more. */
    void end(UUID owner, long fence, RunState state, RunTrace trace, List<RunEvent> first, Problem problem) {
        with.metrics().poisoned();
        drive(owner, fence, state, trace, first, driver -> driver.stop(RunStatus.FAILED, problem));
    }

    private void drive(
            UUID owner, long fence, RunState state, RunTrace trace, List<RunEvent> first, Consumer<RunDriver> before) {
        var loop = loops.get(Math.floorMod(turn.getAndIncrement(), loops.size()));
        var principal = state.request().principal();
        principalToRuns.merge(principal, 1, Integer::sum);
        onOwnContext(loop, own -> {
            var runId = state.request().runId();
            var driver = new RunDriver(with, owner, fence, state, trace);
            var pinned = new Pinned(own, driver);
            runToDriver.put(runId, pinned);
            before.accept(driver);
            if (closing) {
                driver.release();
            }
            driver.drive(first).onComplete(done -> {
                runToDriver.remove(runId, pinned);
                principalToRuns.computeIfPresent(principal, (same, runs) -> runs > 1 ? runs - 1 : null);
                if (done.failed()) { // it is still this node's: somebody has to try again, and not at once
                    leavePlace();
                    with.vertx().setTimer(GAVE_UP_MILLIS, again -> handBack(runId, fence));
                } else {
                    giveBack(runId, fence);
                }
                if (closing) {
                    tellReleased();
                }
            });
        });
    }

    /**
     * On the loop, with a context that nobody shares: what lines and exemplars tell of a run belongs to it. Of the ways
     * to such a context that the API has, a periodic timer is the one without a request or a message.
     */
    private void onOwnContext(Context loop, Consumer<Context> work) {
        loop.runOnContext(unused -> with.vertx().setPeriodic(0, SOON_MILLIS, timer -> {
            with.vertx().cancelTimer(timer);
            work.accept(with.vertx().getOrCreateContext());
        }));
    }

    /** Releases a run that this node owns and does not drive, however often it takes: nobody else may have it before. */
    void handBack(UUID runId, long fence) {
        held.add(new Holding(runId, fence));
        with.journal()
                .release(runId, fence)
                .onSuccess(unused -> {
                    held.remove(new Holding(runId, fence));
                    tellReleased();
                })
                .onFailure(unused -> with.vertx().setTimer(HAND_BACK_AGAIN_MILLIS, again -> handBack(runId, fence)));
    }

    /** Releases come in crowds: whoever may claim them is told of each crowd once. */
    void tellReleased() {
        if (toTell.compareAndSet(false, true)) {
            with.vertx().setTimer(RELEASES_MILLIS, unused -> {
                toTell.set(false);
                released.run();
            });
        }
    }

    /**
     * False when this node does not drive the run.
     *
     * @param how as {@code RunDriver.cancel} has it
     */
    boolean cancel(UUID runId, String how) {
        var pinned = runToDriver.get(runId);
        if (pinned != null) {
            pinned.context().runOnContext(unused -> pinned.driver().cancel(how));
        }
        return pinned != null;
    }

    /** Drops every run without a write: this node may not act for them any more. */
    void abandonAll() {
        log.warn("abandoning all runs count={}", runToDriver.size());
        runToDriver
                .values()
                .forEach(pinned ->
                        pinned.context().runOnContext(unused -> pinned.driver().abandon()));
    }

    /**
     * Gives every run back and takes no other; completes when none is left, or after {@code grace}, when what is left is
     * dropped (a later owner finds its started calls in doubt).
     */
    Future<Void> releaseAll(Duration grace) {
        closing = true;
        runToDriver
                .values()
                .forEach(pinned ->
                        pinned.context().runOnContext(unused -> pinned.driver().release()));
        return whenEmpty(System.nanoTime() + grace.toNanos());
    }

    private Future<Void> whenEmpty(long untilNanos) {
        if (slots.get() == 0) { // a run that is being accepted has a slot, and no driver yet
            return Future.succeededFuture();
        }
        if (hurried || untilNanos - System.nanoTime() < 0) {
            abandonAll();
            return Future.succeededFuture();
        }
        return with.vertx().timer(EMPTY_MILLIS, TimeUnit.MILLISECONDS).compose(unused -> whenEmpty(untilNanos));
    }

    /** Ends the grace of {@link #releaseAll} now. */
    void hurry() {
        hurried = true;
    }

    /** Completes once every loop has taken a turn: proof that they turn. */
    Future<Void> ping() {
        var answers = loops.stream()
                .map(loop -> {
                    var answered = Promise.<Void>promise();
                    loop.runOnContext(unused -> answered.complete());
                    return answered.future();
                })
                .toList();
        return Future.all(answers).mapEmpty();
    }
}
