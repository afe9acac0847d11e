package io.taskpilot.engine;

import io.taskpilot.engine.Journal.Claim;
import io.taskpilot.engine.Journal.Heartbeat;
import io.taskpilot.resilience.Failure;
import io.taskpilot.run.Problem;
import io.taskpilot.run.Recorded;
import io.taskpilot.run.RunEvent;
import io.taskpilot.run.RunState;
import io.taskpilot.run.Workflow;
import io.taskpilot.telemetry.Trace;
import io.vertx.core.Future;
import io.vertx.core.VerticleBase;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/**
 * Keeps this node alive in the node table, takes runs that nobody owns, and closes what has expired. Recovery after a
 * crash is nothing but this: the dead node is declared, then its runs are claimed.
 */
final class Keeper extends VerticleBase {
    private static final Logger log = LoggerFactory.getLogger(Keeper.class);
    private static final long HEARTBEAT_MILLIS = 2_000;
    private static final long CLAIM_MILLIS = 500;
    private static final long EXPIRY_MILLIS = 1_000;
    private static final long STRAYS_MILLIS = 3_000;
    private static final long CLEAN_UP_MILLIS = 3_600_000;
    private static final long LOOPS_SILENT_NANOS = TimeUnit.SECONDS.toNanos(5);
    private static final long PING_MILLIS = 1_000;
    private static final long AGAIN_MILLIS = 500;
    private static final long UNREADABLE_MILLIS = 30_000;
    private static final int EXPIRIES = 50;
    private static final int POISONED = 3;

    private final Journal journal;
    private final Signals signals;
    private final Drivers drivers;
    private final Admission admission;
    private final Workflow workflow;
    private final Lease lease;
    private final Strays strays;
    private final Trace trace;
    private final boolean sole;
    private final Renewals renewals = new Renewals();
    private long loopsAnsweredNanos = System.nanoTime();
    private boolean declareDue = true;
    private long claims;
    private boolean claiming;
    private boolean claimAgain;
    private boolean closing;

    /** @param sole no other server can be there: it holds the lock of the data directory */
    Keeper(
            Journal journal,
            Signals signals,
            Drivers drivers,
            Admission admission,
            Workflow workflow,
            Lease lease,
            Strays strays,
            Trace trace,
            boolean sole) {
        this.journal = journal;
        this.signals = signals;
        this.drivers = drivers;
        this.admission = admission;
        this.workflow = workflow;
        this.lease = lease;
        this.strays = strays;
        this.trace = trace;
        this.sole = sole;
    }

    /** Completes once this node is in the table and has seen to what an earlier one left. */
    @Override
    public Future<?> start() {
        return register()
                .compose(unused -> sole ? journal.declareDead(lease.nodeId(), true) : Future.succeededFuture(0))
                .onSuccess(dead -> begin());
    }

    private void begin() {
        signals.onClaimable(() -> context.runOnContext(unused -> claim()));
        drivers.onRoom(this::fillUp);
        signals.onCancelRequested(this::cancel);
        loopsAnsweredNanos = System.nanoTime();
        every(PING_MILLIS, this::ping);
        every(HEARTBEAT_MILLIS, this::heartbeat);
        every(EXPIRY_MILLIS, this::expireApprovals);
        every(EXPIRY_MILLIS, this::endOverdue);
        every(STRAYS_MILLIS, () -> strays.look(() -> claiming ? claims : Strays.NO_CLAIM));
        every(CLEAN_UP_MILLIS, journal::cleanUp);
        vertx.setPeriodic(CLAIM_MILLIS, unused -> {
            declareDue = true;
            claim();
        });
        claim();
    }

    /** Repeats a task that long after it ended, whatever came of it. */
    private void every(long millis, Supplier<Future<?>> task) {
        vertx.timer(millis, TimeUnit.MILLISECONDS)
                .compose(unused -> closing ? Future.succeededFuture() : task.get())
                .onComplete(done -> {
                    if (closing) {
                        return;
                    }
                    if (done.failed()) {
                        // said once, where it was noticed, that the database is away: not four times a second
                        log.atLevel(WatchedStore.isAway(done.cause()) ? Level.DEBUG : Level.WARN)
                                .log("keeper task failed cause={}", done.cause().toString());
                    }
                    every(millis, task);
                });
    }

    private Future<Void> register() {
        var sent = System.nanoTime();
        return journal.register().map(beat -> {
            renewals.registered(sent);
            lease.renewed(beat.nodeId(), sent, beat.at());
            log.info("node registered node_id={}", beat.nodeId());
            return null;
        });
    }

    private Future<?> ping() {
        return drivers.ping().onSuccess(unused -> context.runOnContext(here -> loopsAnsweredNanos = System.nanoTime()));
    }

    /** A node whose loops do not turn must not look alive. */
    private Future<?> heartbeat() {
        if (System.nanoTime() - loopsAnsweredNanos > LOOPS_SILENT_NANOS) {
            return Future.failedFuture("an agent loop has not answered for 5 s");
        }
        var sent = System.nanoTime();
        return journal.heartbeat(lease.nodeId()).compose(beat -> renewed(sent, beat));
    }

    private Future<Void> renewed(long sent, @Nullable Heartbeat beat) {
        if (beat == null) {
            log.error("declared dead by another node node_id={}", lease.nodeId());
            lease.lost();
            drivers.abandonAll();
            return register();
        }
        renewals.renewed(sent);
        lease.renewed(beat.nodeId(), sent, beat.at());
        beat.cancelRequested().forEach(this::cancel);
        return Future.succeededFuture();
    }

    private void cancel(UUID runId) {
        drivers.cancel(runId, RunDriver.ON_REQUEST);
    }

    /** A place became free: whoever waits for one does not wait for the next round. */
    private void fillUp() {
        if (admission.hasQueue()) {
            context.runOnContext(unused -> claim());
        }
    }

    /** One claim at a time; a wake-up that comes meanwhile asks for another. */
    private void claim() {
        if (closing || claiming) {
            claimAgain = true;
            return;
        }
        claiming = true;
        claims++;
        claimAgain = false;
        declare()
                .compose(unused -> claimFree())
                .onFailure(cause -> log.warn("claim failed cause={}", cause.toString()))
                .onComplete(unused -> {
                    claiming = false;
                    if (claimAgain) {
                        claim();
                    }
                });
    }

    /** Only a node whose own renewals held for a whole term may judge others. */
    private Future<Integer> declare() {
        if (!declareDue) {
            return Future.succeededFuture(0);
        }
        declareDue = false;
        var settled = lease.isHeld() && renewals.heldForATerm(System.nanoTime());
        return settled ? journal.declareDead(lease.nodeId(), false) : Future.succeededFuture(0);
    }

    private Future<Void> claimFree() {
        var free = drivers.free();
        if (free == 0 || !lease.isHeld()) {
            return Future.succeededFuture();
        }
        var mark = admission.mark();
        var owner = lease.nodeId();
        return journal.claim(free).map(claims -> {
            if (claims.size() < free) {
                admission.emptied(mark);
            }
            claims.forEach(claim -> place(owner, claim));
            return null;
        });
    }

    /** In a place at once: the next claim must not count on it too. */
    private void place(UUID owner, Claim claim) {
        if (drivers.reserve(claim.runId(), claim.fence())) {
            take(owner, claim);
        } else {
            drivers.handBack(claim.runId(), claim.fence());
        }
    }

    /** What was claimed is this node's until it drives it or gives it back: tried until one of the two succeeds. */
    private void take(UUID owner, Claim claim) {
        if (!owner.equals(lease.nodeId())) {
            drivers.giveBack(claim.runId(), claim.fence()); // declared dead meanwhile: whoever claims next has it
            return;
        }
        journal.history(claim.runId()).map(Folded::of).onComplete(run -> drive(owner, claim, run), cause -> {
            var readable = cause instanceof Failure;
            if (!readable) {
                log.error("claimed run cannot be folded run_id={}", claim.runId(), cause);
            }
            later(readable ? AGAIN_MILLIS : UNREADABLE_MILLIS, () -> take(owner, claim));
        });
    }

    private void later(long millis, Runnable task) {
        vertx.setTimer(millis, unused -> {
            if (!closing) {
                task.run();
            }
        });
    }

    private record Folded(List<Recorded> history, RunState state) {
        static Folded of(List<Recorded> history) {
            return new Folded(history, RunState.of(history));
        }
    }

    private void drive(UUID owner, Claim claim, Folded run) {
        if (!owner.equals(lease.nodeId())) {
            drivers.giveBack(claim.runId(), claim.fence());
            return;
        }
        List<RunEvent> first = claim.cause().equals("new") ? List.of() : List.of(new RunEvent.Resumed(claim.cause()));
        var state = run.state();
        log.info("run claimed run_id={} cause={} seq={}", claim.runId(), claim.cause(), state.lastSeq());
        var goesOn = RunTrace.goOn(trace, state.request(), run.history(), claim.cause(), lease);
        if (claim.stalls() >= POISONED) {
            var detail = "%d nodes stopped while they drove this run".formatted(claim.stalls());
            drivers.end(owner, claim.fence(), state, goesOn, first, new Problem("internal-poisoned", detail));
        } else {
            drivers.drive(owner, claim.fence(), state, goesOn, first);
        }
    }

    private Future<?> expireApprovals() {
        return journal.expiredApprovals(EXPIRIES)
                .compose(runIds -> Future.join(runIds.stream().map(this::expire).toList()));
    }

    private Future<Void> expire(UUID runId) {
        return journal.appendUnowned(runId, Approvals::expire).mapEmpty();
    }

    /** Runs that nobody had room for in all their time. */
    private Future<?> endOverdue() {
        return journal.overdue(EXPIRIES)
                .compose(runIds -> Future.join(runIds.stream().map(this::end).toList()));
    }

    private Future<Void> end(UUID runId) {
        return journal.appendUnowned(runId, (run, now) -> Overdue.end(workflow, run, now))
                .<Void>mapEmpty()
                .recover(cause -> cause instanceof Journal.LostRun // claimed meanwhile
                        ? Future.succeededFuture()
                        : Future.failedFuture(cause));
    }

    /** Stops the timers; the node row is taken out by whoever stops the engine, after the last release. */
    @Override
    public Future<?> stop() {
        closing = true;
        return Future.succeededFuture();
    }
}
