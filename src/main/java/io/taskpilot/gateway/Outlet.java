package io.taskpilot.gateway;

import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Room to write to a reader, or the news that there will be none: it left, or has not read for too long. Counts bytes
 * until they have left for the network, since a write queue counts messages once the socket is full, of any size. What
 * is buffered for a reader is 64 KiB and one write. Belongs to the stream's context.
 */
final class Outlet {
    private static final int MOST = 64 * 1024;

    private final Vertx vertx;
    private final Duration patience;
    private @Nullable Promise<Void> room;
    private @Nullable ReaderLost lost;
    private long timer = -1;
    private long buffered;

    /** Why nothing more can be written. */
    static final class ReaderLost extends RuntimeException {
        private static final long serialVersionUID = 1L;
        private final boolean stalled;

        private ReaderLost(boolean stalled) {
            super(stalled ? "the reader does not read" : "the reader is gone", null, false, false);
            this.stalled = stalled;
        }

        boolean isStalled() {
            return stalled;
        }

        /** The reason as metrics have it. */
        String reason() {
            return stalled ? "slow_reader" : "client_gone";
        }
    }

    /** @param patience how long a reader may take nothing while there is no room */
    Outlet(Vertx vertx, Duration patience) {
        this.vertx = vertx;
        this.patience = patience;
    }

    /** Counts a write that was just made; completes when there is room for the next. */
    Future<Void> wrote(int bytes, Future<Void> write) {
        buffered += bytes;
        write.onComplete((unused, cause) -> left(bytes));
        return room();
    }

    /** Whether there is so much room that text may take some of it: half is kept for events. */
    boolean isRoomy() {
        return buffered < MOST / 2;
    }

    boolean isFull() {
        return buffered >= MOST;
    }

    /** Completes when the next write may go out; fails with {@link ReaderLost}. */
    Future<Void> room() {
        if (lost != null) {
            return Future.failedFuture(lost);
        }
        if (!isFull()) {
            return Future.succeededFuture();
        }
        if (room == null) {
            room = Promise.promise();
            startTimer();
        }
        return room.future();
    }

    /** The reader left. Fails whoever waits for room. */
    void gone() {
        end(new ReaderLost(false));
    }

    boolean isLost() {
        return lost != null;
    }

    private void startTimer() {
        timer = vertx.setTimer(patience.toMillis(), unused -> end(new ReaderLost(true)));
    }

    private void left(int bytes) {
        buffered -= bytes;
        var waiting = room;
        if (waiting == null) {
            return;
        }
        vertx.cancelTimer(timer);
        if (isFull()) {
            startTimer(); // it reads
        } else {
            room = null;
            waiting.complete();
        }
    }

    private void end(ReaderLost why) {
        if (lost == null) {
            lost = why;
            var waiting = room;
            room = null;
            vertx.cancelTimer(timer);
            if (waiting != null) {
                waiting.fail(why);
            }
        }
    }
}
