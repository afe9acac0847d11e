package io.taskpilot.gateway;

import io.taskpilot.engine.RunReader.RunView;
import io.taskpilot.engine.RunWatch;
import io.taskpilot.resilience.Failure;
import io.taskpilot.run.Recorded;
import io.taskpilot.run.RunEvent;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Hands a run's events to a reader, at the reader's pace, until the terminal one. While the database is away it waits
 * and asks again. Belongs to the context that opened it.
 */
final class Tail {
    private static final long ASK_AGAIN_MILLIS = 1_000;

    /** Takes one event; the next one comes only once the future completes. */
    @FunctionalInterface
    interface Sink {
        Future<Void> write(Recorded event, int attempt);
    }

    private final Vertx vertx;
    private final RunWatch watch;
    private final Attempts attempts;
    private final Sink sink;
    private final @Nullable LiveText live;
    private final Promise<Void> done = Promise.promise();
    private long lastSeq;
    private int pending;
    private boolean closed;

    private Tail(Vertx vertx, RunWatch watch, Attempts attempts, Sink sink, @Nullable LiveText live, long after) {
        this.vertx = vertx;
        this.watch = watch;
        this.attempts = attempts;
        this.sink = sink;
        this.live = live;
        this.lastSeq = after;
    }

    /** Fails as {@code Runs.watch} does. Nothing is read before {@link #start}. */
    static Future<Tail> open(Gateway gateway, Vertx vertx, RunView run, long after, Sink sink) {
        return open(gateway, vertx, run, after, sink, null);
    }

    /** @param live is told of text between the events, once started */
    static Future<Tail> open(
            Gateway gateway, Vertx vertx, RunView run, long after, Sink sink, @Nullable LiveText live) {
        return Attempts.after(gateway.reader(), run, after)
                .compose(attempts -> watch(gateway, run, after, live)
                        .map(watch -> new Tail(vertx, watch, attempts, sink, live, after)));
    }

    private static Future<RunWatch> watch(Gateway gateway, RunView run, long after, @Nullable LiveText live) {
        var runs = gateway.runs();
        return live == null ? runs.watch(run.id(), after) : runs.watch(run.id(), after, live::heard);
    }

    /** Completes after the terminal event was taken, or once closed; fails with the sink, or when the run can't be read. */
    Future<Void> start() {
        isAt(lastSeq);
        step();
        return done.future();
    }

    /** The last {@code seq} that was handed over. */
    long lastSeq() {
        return lastSeq;
    }

    /** Events that were read and not handed over. */
    int pending() {
        return pending;
    }

    /** Stops reading; {@link #start}'s future completes. Idempotent. */
    void close() {
        if (!closed) {
            closed = true;
            if (live != null) {
                live.end();
            }
            watch.close();
            done.tryComplete();
        }
    }

    // not a chain of futures: one that grows by a link a page would live as long as the run
    private void step() {
        if (!closed) {
            watch.next().onSuccess(events -> write(events, 0)).onFailure(this::failed);
        }
    }

    private void write(List<Recorded> events, int from) {
        for (var i = from; i < events.size() && !closed; i++) {
            var event = events.get(i);
            pending = events.size() - i;
            var written = sink.write(event, attempts.of(event));
            if (!written.failed()) {
                pending--;
                isAt(event.seq());
            }
            if (!written.succeeded()) {
                var next = i + 1;
                written.onSuccess(unused -> resume(events, next)).onFailure(this::end);
                return;
            }
            closeAtEnd(event);
        }
        step();
    }

    private void isAt(long seq) {
        lastSeq = seq;
        if (live != null) {
            live.at(seq, attempts.last());
        }
    }

    private void resume(List<Recorded> events, int next) {
        closeAtEnd(events.get(next - 1));
        write(events, next);
    }

    private void closeAtEnd(Recorded event) {
        if (event.event() instanceof RunEvent.Ended) {
            close();
        }
    }

    private void failed(Throwable cause) {
        if (cause instanceof Failure failure && failure.kind() == Failure.Kind.UNAVAILABLE) {
            vertx.setTimer(ASK_AGAIN_MILLIS, unused -> step());
        } else {
            end(cause);
        }
    }

    private void end(Throwable cause) {
        done.tryFail(cause);
        close();
    }
}
