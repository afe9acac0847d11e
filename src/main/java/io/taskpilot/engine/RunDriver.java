package io.taskpilot.engine;

import static java.util.concurrent.TimeUnit.MILLISECONDS;

import io.taskpilot.resilience.Deadline;
import io.taskpilot.resilience.Failure;
import io.taskpilot.resilience.Loop;
import io.taskpilot.run.CallState;
import io.taskpilot.run.CallState.Stage;
import io.taskpilot.run.Problem;
import io.taskpilot.run.RunEvent;
import io.taskpilot.run.RunState;
import io.taskpilot.run.RunStatus;
import io.taskpilot.run.Step;
import io.taskpilot.run.Workflow;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Drives one run, from where its journal stands to a terminal event or an approval. It asks the workflow what is next,
 * has it performed, and appends what came of it; what needs nothing from outside rides along in the same append. It
 * lives on one event-loop context, which is its alone, so nothing in it is shared.
 */
final class RunDriver {
    private static final Logger log = LoggerFactory.getLogger(RunDriver.class);
    private static final long AGAIN_MILLIS = 500;
    private static final long LEASE_POLL_MILLIS = 100;

    /** How a run is cancelled when another node was asked: the database tells no more. */
    static final String ON_REQUEST = "on request";

    private record Ending(RunStatus status, Problem problem) {}

    private final Vertx vertx;
    private final Workflow workflow;
    private final StepPerformer performer;
    private final Journal journal;
    private final Lease lease;
    private final RunMetrics metrics;
    private final RunTrace trace;
    private final UUID runId;
    private final UUID owner;
    private final long fence;
    private final CallContext call;
    private final Map<String, Future<RunEvent>> callsUnderWay = new LinkedHashMap<>();

    private final RunHistory history;
    private @Nullable Ending ending;
    private boolean releasing;
    private boolean abandoned;
    private long timeout = -1;

    RunDriver(Collaborators with, UUID owner, long fence, RunState state, RunTrace trace) {
        vertx = with.vertx();
        workflow = with.workflow();
        performer = with.performer();
        journal = with.journal();
        lease = with.lease();
        metrics = with.metrics();
        this.trace = trace;
        this.runId = state.request().runId();
        this.owner = owner;
        this.fence = fence;
        this.history = new RunHistory(vertx, journal, lease, metrics, trace, fence, state, () -> cancel(ON_REQUEST));
        var left = Duration.between(lease.now(), state.deadline());
        this.call = new CallContext(
                state.request().requestId(), Deadline.in(left.isNegative() ? Duration.ZERO : left), this::isHeld);
    }

    /**
     * Completes when this driver is through with the run: it ended, it is parked, it was given back, or it is somebody
     * else's. Fails when it gave up on a run that is still this node's.
     *
     * @param first what to append before anything else, such as {@code run.resumed}
     */
    Future<Void> drive(List<RunEvent> first) {
        trace.attach();
        var left = Duration.between(lease.now(), history.state().deadline()).toMillis();
        timeout = vertx.setTimer(Math.max(1, left), unused -> timedOut());
        return Future.<Void>succeededFuture() // so that whatever is thrown ends up in conclude
                .compose(unused -> {
                    history.take(first);
                    return advance();
                })
                .recover(this::conclude)
                .onFailure(cause -> log.error("driver gave up run_id={}", runId, cause))
                .onComplete(unused -> close());
    }

    /** Ends the run from outside; calls under way are broken off at once. The first reason stands. */
    void stop(RunStatus status, Problem problem) {
        if (ending == null) { // also while a drain awaits a call
            ending = new Ending(status, problem);
            call.abort();
        }
    }

    /** @param how {@link #ON_REQUEST}, or by whom, where that is known */
    void cancel(String how) {
        stop(RunStatus.CANCELLED, new Problem("caller-cancelled", "cancelled " + how));
    }

    private void timedOut() {
        stop(RunStatus.TIMED_OUT, Overdue.problem(history.state()));
    }

    /** Gives the run back: model, policy and rail calls are cut at once, a started tool call is awaited. */
    void release() {
        if (ending == null && !releasing) {
            releasing = true;
            if (!hasStartedCall()) {
                call.abort();
            }
        }
    }

    /** One whose start may be committed, begun or not: left behind, it would be in doubt until its deadline. */
    private boolean hasStartedCall() {
        return history.state().calls().values().stream().anyMatch(made -> made.stage() == Stage.STARTED);
    }

    /** Drops the run without another write: it is not this node's any more, or the node must stop now. */
    void abandon() {
        abandoned = true;
        call.abort();
    }

    /** One turn of the loop, and the turns after it. */
    private Future<Void> advance() {
        if (ending != null || abandoned || (releasing && !hasStartedCall())) {
            return Future.failedFuture(new CallContext.Aborted());
        }
        var step = workflow.next(history.state());
        while (step instanceof Step.Append append && !isEarly(step)) {
            history.take(append.events());
            step = workflow.next(history.state());
        }
        if (step instanceof Step.Done) {
            return history.flush();
        }
        if (step instanceof Step.Park) {
            return history.flush().compose(unused -> parked());
        }
        var next = step;
        var wait = until(step);
        if (wait > 0) {
            return history.flush()
                    .compose(unused -> call.orAborted(pause(wait)))
                    .compose(unused -> advance());
        }
        if (StepPerformer.isEffect(step)) {
            return history.flush()
                    .compose(unused -> call.orAborted(leaseHeld()))
                    .compose(unused -> effect(next))
                    .compose(unused -> advance());
        }
        if (step instanceof Step.Append) {
            return advance(); // its time came between the two looks at the clock
        }
        return beforeFlush(step).compose(unused -> advance());
    }

    /** Nobody owns the run now; a reason to end it that came with the last append must not be lost with the driver. */
    private Future<Void> parked() {
        trace.suspended("awaiting_approval");
        var reason = ending;
        if (reason == null) {
            return Future.succeededFuture();
        }
        return journal.appendUnowned(
                        runId,
                        (run, now) -> run.status() == RunStatus.AWAITING_APPROVAL
                                ? workflow.stop(run, reason.status(), reason.problem())
                                : List.of())
                .<Void>mapEmpty()
                .recover(cause -> {
                    if (cause instanceof Failure failure && failure.kind() == Failure.Kind.UNAVAILABLE) {
                        return pause(AGAIN_MILLIS).compose(unused -> parked()); // the driver alone knows of it
                    }
                    return cause instanceof Journal.LostRun ? Future.succeededFuture() : Future.failedFuture(cause);
                });
    }

    /**
     * Performs a step that changes nothing outside. If its answer is there at once it shares the append with what came
     * before; if it takes its time, what came before is not kept waiting.
     */
    private Future<Void> beforeFlush(Step step) {
        var here = call.at(trace.here());
        var events = step instanceof Step.Decide decide
                ? performer.decide(history.state(), decide, here)
                : performer.check((Step.CheckText) step, here);
        if (events.succeeded()) {
            history.take(events.result());
            return Future.succeededFuture();
        }
        var flushed = history.flush();
        return call.orAborted(events).compose(came -> flushed.map(unused -> take(came)));
    }

    private Future<Void> effect(Step step) {
        return step instanceof Step.RunTools run ? runTools(run.calls()) : ask((Step.AskAgent) step);
    }

    private Future<Void> ask(Step.AskAgent step) {
        return call.orAborted(performer.ask(history.state(), step, call.at(trace.here())))
                .map(this::take)
                .recover(cause -> wasNotBegun(cause) ? Future.succeededFuture() : Future.failedFuture(cause));
    }

    /** The lease ran out before the model was asked: ask once it is back. */
    private boolean wasNotBegun(Throwable cause) {
        return !(cause instanceof CallContext.Aborted)
                && (!isHeld() || Failure.from(cause).slug().equals("provider-not-started"));
    }

    /** Awaits the first call to end, and commits that at once: until then its outcome is known to this process alone. */
    private Future<Void> runTools(List<CallState> calls) {
        for (var started : calls) {
            callsUnderWay.computeIfAbsent(
                    started.call().id(), unused -> performer.runTool(history.state(), started, call.at(trace.here())));
        }
        return call.orAborted(Future.any(List.copyOf(callsUnderWay.values()))).compose(unused -> {
            if (abandoned) {
                return Future.failedFuture(
                        new CallContext.Aborted()); // a call that was broken off ends, and says nothing
            }
            takeEnded();
            return history.flush();
        });
    }

    @SuppressWarnings("NullAway") // a Void has no value
    private Void take(List<RunEvent> events) {
        history.take(events);
        return null;
    }

    private void takeEnded() {
        callsUnderWay.values().removeIf(outcome -> {
            if (outcome.isComplete()) {
                history.take(outcome.result());
            }
            return outcome.isComplete();
        });
    }

    /** What is left to do when the loop was broken: the last append, or none. */
    private Future<Void> conclude(Throwable cause) {
        call.abort();
        return history.settled().transform((unused, refused) -> conclude(cause, refused));
    }

    private Future<Void> conclude(Throwable cause, @Nullable Throwable refused) {
        if (cause instanceof Journal.LostRun || refused instanceof Journal.LostRun) {
            return lost();
        }
        if (abandoned) {
            log.info("run abandoned run_id={} fence={}", runId, fence);
            return Future.succeededFuture();
        }
        if (refused != null) {
            history.backToCommitted(); // the database refused those events: go on from what it has
        }
        if (ending == null && releasing) {
            return history.flush()
                    .compose(unused -> journal.release(runId, fence))
                    .onSuccess(unused -> trace.suspended("released"))
                    .mapEmpty();
        }
        if (ending == null) {
            ending = ending(refused == null ? cause : refused);
        }
        if (history.state().status().isTerminal()) {
            return history.flush();
        }
        takeEnded();
        workflow.stop(history.state(), ending.status(), ending.problem()).forEach(history::take);
        return history.flush().recover(again -> again instanceof Journal.LostRun ? lost() : failAnew(again));
    }

    private Future<Void> lost() {
        log.info("run lost run_id={} fence={}", runId, fence);
        metrics.fenceLost();
        return Future.succeededFuture();
    }

    private Ending ending(Throwable cause) {
        var failure = Failure.from(cause);
        if (failure.kind() == Failure.Kind.INTERNAL) {
            log.error("run failed run_id={} slug={}", runId, failure.slug(), cause);
        }
        return new Ending(RunStatus.FAILED, new Problem(failure.slug(), failure.detail()));
    }

    private Future<Void> failAnew(Throwable cause) {
        log.error("last append refused run_id={}", runId, cause);
        history.backToCommitted();
        var problem = new Problem("internal-journal", "the run's last events could not be written");
        workflow.stop(history.state(), RunStatus.FAILED, problem).forEach(history::take);
        return history.flush();
    }

    private boolean isHeld() {
        return lease.isHeldBy(owner);
    }

    private Future<Void> leaseHeld() {
        return Loop.whileTrue(() -> {
            if (isHeld() || call.isAborted()) {
                return Future.succeededFuture(false);
            }
            return lease.nodeId().equals(owner)
                    ? pause(LEASE_POLL_MILLIS).map(true)
                    : Future.failedFuture(new Journal.LostRun(runId)); // that node is dead, and never comes back
        });
    }

    private Future<Void> pause(long millis) {
        return vertx.timer(millis, MILLISECONDS).mapEmpty();
    }

    private boolean isEarly(Step step) {
        return step.notBefore().isAfter(lease.now());
    }

    /** Milliseconds until a step may be performed, rounded up; 0 for now. */
    private long until(Step step) {
        return isEarly(step) ? Duration.between(lease.now(), step.notBefore()).toMillis() + 1 : 0;
    }

    private void close() {
        vertx.cancelTimer(timeout);
        call.abort();
    }
}
