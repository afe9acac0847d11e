package io.taskpilot.engine;

import io.taskpilot.run.Recorded;
import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import java.util.List;
import java.util.UUID;
import java.util.function.Consumer;

/**
 * Follows one run, event by event, at the reader's pace: it holds no events, so a reader that stops costs nothing but
 * its socket. Belongs to the context that made it.
 */
public final class RunWatch {
    private static final int PAGE = 200;

    private final Context context;
    private final RunReader reader;
    private final SlowPoll poll;
    private final UUID runId;
    private Runnable unsubscribe = () -> {};
    private Runnable unread = () -> {};
    private Promise<Void> wake = Promise.promise();
    private volatile long after; // the poll looks at it
    private boolean closed;

    private RunWatch(Context context, RunReader reader, SlowPoll poll, UUID runId, long after) {
        this.context = context;
        this.reader = reader;
        this.poll = poll;
        this.runId = runId;
        this.after = after;
    }

    /** Subscribes first, so that nothing falls between the first read and the first signal. */
    public static Future<RunWatch> open(
            Vertx vertx, RunReader reader, Signals signals, SlowPoll poll, UUID runId, long after) {
        var watch = new RunWatch(vertx.getOrCreateContext(), reader, poll, runId, after);
        return signals.onChanged(runId, watch::wake).map(unsubscribe -> {
            watch.unsubscribe = unsubscribe;
            poll.add(watch);
            return watch;
        });
    }

    /** The same, with live text, which {@code live} is told on the caller's context until the watch is closed. */
    public static Future<RunWatch> open(
            Vertx vertx,
            RunReader reader,
            Signals signals,
            SlowPoll poll,
            UUID runId,
            long after,
            Consumer<AgentDelta> live) {
        var text = signals.onSaid(runId, live); // beside the other, as either may take a second
        var watch = open(vertx, reader, signals, poll, runId, after);
        return Future.all(text, watch).map(both -> {
            watch.result().unread = text.result();
            return watch.result();
        });
    }

    /**
     * The next events, at least one, each exactly once and in order; empty once closed. Ask again only after the last
     * answer came. After a terminal event there is nothing more to ask for. Fails as {@link RunReader#events} does; the
     * watch may then be asked again.
     */
    public Future<List<Recorded>> next() {
        var answer = Promise.<List<Recorded>>promise();
        read(answer);
        return answer.future();
    }

    private void read(Promise<List<Recorded>> answer) {
        if (closed) {
            answer.complete(List.of());
            return;
        }
        var heard = wake.future(); // taken before the read: what commits during the read wakes us again
        reader.events(runId, after, PAGE).onComplete(events -> deliver(events, heard, answer), answer::fail);
    }

    private void deliver(List<Recorded> events, Future<Void> heard, Promise<List<Recorded>> answer) {
        if (events.isEmpty()) {
            heard.onComplete(unused -> read(answer));
        } else {
            after = events.get(events.size() - 1).seq();
            answer.complete(events);
        }
    }

    /** The last {@code seq} that {@link #next} gave. */
    public long position() {
        return after;
    }

    /** Ends a waiting {@link #next} with an empty list. Idempotent. */
    public void close() {
        closed = true;
        poll.remove(this);
        unsubscribe.run();
        unread.run();
        wake();
    }

    UUID runId() {
        return runId;
    }

    /** Wakes this, on its context, if the run has got further than it has. Callable from any thread. */
    void reached(long seq) {
        if (seq > after) {
            context.runOnContext(unused -> wake());
        }
    }

    private void wake() {
        var heard = wake;
        wake = Promise.promise();
        heard.tryComplete();
    }
}
