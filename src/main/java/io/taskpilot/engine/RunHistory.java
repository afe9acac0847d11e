package io.taskpilot.engine;

import io.taskpilot.run.Recorded;
import io.taskpilot.run.RunEvent;
import io.taskpilot.run.RunState;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;

/**
 * One run's history as its driver writes it: what is committed, what is on its way, and what waits for the next append.
 * At most one append is under way.
 */
final class RunHistory {
    private static final long NO_ROOM_MILLIS = 1_000;

    private final Vertx vertx;
    private final Journal journal;
    private final Lease lease;
    private final RunMetrics metrics;
    private final RunTrace trace;
    private final UUID runId;
    private final long fence;
    private final Runnable cancelRequested;
    private RunState committed;
    private RunState ahead;
    private List<RunEvent> waiting = new ArrayList<>();
    private Future<Void> appending = Future.succeededFuture();

    /** @param cancelRequested called when an append's answer says that somebody wants the run cancelled */
    RunHistory(
            Vertx vertx,
            Journal journal,
            Lease lease,
            RunMetrics metrics,
            RunTrace trace,
            long fence,
            RunState state,
            Runnable cancelRequested) {
        this.vertx = vertx;
        this.journal = journal;
        this.lease = lease;
        this.metrics = metrics;
        this.trace = trace;
        this.runId = state.request().runId();
        this.fence = fence;
        this.cancelRequested = cancelRequested;
        this.committed = state;
        this.ahead = state;
    }

    /** The state with everything that was taken, committed or not. */
    RunState state() {
        return ahead;
    }

    /** Adds to the next append. */
    void take(RunEvent event) {
        ahead = next(ahead, event);
        trace.took(event);
        waiting.add(event);
    }

    void take(List<RunEvent> events) {
        events.forEach(this::take);
    }

    /** Appends what waits, after the append that is under way, if one is; completes once all of it is committed. */
    Future<Void> flush() {
        if (!waiting.isEmpty()) {
            var events = List.copyOf(waiting);
            waiting = new ArrayList<>();
            appending = appending.compose(unused -> append(events));
        }
        return appending;
    }

    /** Completes, or fails, with the append that is under way. */
    Future<Void> settled() {
        return appending;
    }

    /** Forgets what the database refused, and what was built on it. */
    void backToCommitted() {
        ahead = committed;
        waiting = new ArrayList<>();
        appending = Future.succeededFuture();
    }

    private Future<Void> append(List<RunEvent> events) {
        var done = Promise.<Journal.Appended>promise();
        tryAppend(events, done);
        return done.future()
                .<Void>map(appended -> {
                    for (var event : events) {
                        metrics.committed(event);
                        trace.committed(committed, event, appended.at());
                        committed = committed.apply(new Recorded(committed.lastSeq() + 1, appended.at(), event));
                    }
                    if (appended.cancelRequested()) {
                        cancelRequested.run();
                    }
                    return null;
                })
                .recover(cause -> cause instanceof Journal.TaskConflict
                        ? loseRace(events, String.valueOf(cause.getMessage()))
                        : Future.failedFuture(cause));
    }

    /** While the database is away the journal holds only so much; what it has no room for waits here. */
    private void tryAppend(List<RunEvent> events, Promise<Journal.Appended> done) {
        journal.append(runId, fence, committed, events).onComplete(done::complete, cause -> {
            if (cause instanceof Journal.NoRoom) {
                vertx.setTimer(NO_ROOM_MILLIS, unused -> tryAppend(events, done));
            } else {
                done.fail(cause);
            }
        });
    }

    /**
     * Another run changed the task first: the tool call becomes an error that the agent is told. The driver takes nothing
     * more while such an append is under way, so nothing was built on what did not happen.
     */
    private Future<Void> loseRace(List<RunEvent> events, String reason) {
        if (!waiting.isEmpty()) {
            throw new IllegalStateException("events were taken on top of a change to a task"); // they would be lost
        }
        var told = events.stream().map(event -> lost(event, reason)).toList();
        var state = committed;
        for (var event : told) {
            state = next(state, event);
        }
        ahead = state;
        return append(told);
    }

    private static RunEvent lost(RunEvent event, String reason) {
        return event instanceof RunEvent.ToolCompleted done && !done.changes().isEmpty()
                ? new RunEvent.ToolCompleted(done.callId(), done.tool(), true, reason, List.of())
                : event;
    }

    private RunState next(RunState state, RunEvent event) {
        return state.apply(new Recorded(state.lastSeq() + 1, lease.now(), event));
    }
}
