package io.taskpilot.gateway;

import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.streams.WriteStream;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Room to write to a reader, or the news that there will be none: it left, or has not read for too long. What is
 * buffered for a reader is the stream's write queue and one write. Belongs to the stream's context.
 */
final class Outlet {
    private final Vertx vertx;
    private final WriteStream<?> stream;
    private final Duration patience;
    private @Nullable Promise<Void> room;
    private long timer = -1;
    private @Nullable ReaderLost lost;

    /** Why nothing more can be written. */
    static final class ReaderLost extends RuntimeException {
        private static final long serialVersionUID = 1L;
        private final boolean stalled;

        private ReaderLost(boolean stalled) {
            super(stalled ? "the reader does not read" : "the reader is gone", null, false, false);
            this.stalled = stalled;
        }

        /** The reason as metrics have it. */
        String reason() {
            return stalled ? "slow_reader" : "client_gone";
        }
    }

    /** @param patience how long a full queue may stay full */
    Outlet(Vertx vertx, WriteStream<?> stream, Duration patience) {
        this.vertx = vertx;
        this.stream = stream;
        this.patience = patience;
    }

    /** Completes when the next write may go out; fails with {@link ReaderLost}. */
    Future<Void> room() {
        if (lost != null) {
            return Future.failedFuture(lost);
        }
        if (room != null) {
            return room.future();
        }
        if (!stream.writeQueueFull()) {
            return Future.succeededFuture();
        }
        var waiting = Promise.<Void>promise();
        room = waiting;
        timer = vertx.setTimer(patience.toMillis(), unused -> end(new ReaderLost(true)));
        stream.drainHandler(unused -> drained());
        return waiting.future();
    }

    /** The reader left. Fails whoever waits for room. */
    void gone() {
        end(new ReaderLost(false));
    }

    boolean isLost() {
        return lost != null;
    }

    private void drained() {
        var waiting = room;
        room = null;
        vertx.cancelTimer(timer);
        if (waiting != null) {
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
