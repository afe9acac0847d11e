package io.taskpilot.objects;

import io.taskpilot.resilience.Failure;
import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Queue;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Lets so many calls run at a time, and the others wait in order. Safe to share between event loops. */
final class Turns {
    private record Waiting(Context context, Promise<Void> turn) {}

    private final Vertx vertx;
    private final int most;
    private final int mostWaiting;
    private final Queue<Waiting> waiting = new ArrayDeque<>();
    private int running;

    Turns(Vertx vertx, int most, int mostWaiting) {
        this.vertx = vertx;
        this.most = most;
        this.mostWaiting = mostWaiting;
    }

    /** Calls on the caller's context, once it has a turn, which ends with what is returned; fails at once when too many wait. */
    <T> Future<T> take(Supplier<Future<T>> call) {
        return turn().compose(unused -> Future.<Void>succeededFuture()
                .compose(now -> call.get()) // turns what is thrown into a failure
                .andThen((value, cause) -> end()));
    }

    private synchronized Future<Void> turn() {
        if (running < most) {
            running++;
            return Future.succeededFuture();
        }
        if (waiting.size() == mostWaiting) {
            var detail = "%d calls wait for the object store (limit: %d)".formatted(mostWaiting, mostWaiting);
            return Future.failedFuture(Failure.overloaded("overload-objects", detail, Duration.ofSeconds(5)));
        }
        var next = new Waiting(vertx.getOrCreateContext(), Promise.promise());
        waiting.add(next);
        return next.turn().future();
    }

    private void end() {
        var next = next();
        if (next != null) {
            next.context().runOnContext(unused -> next.turn().complete());
        }
    }

    private synchronized @Nullable Waiting next() {
        var next = waiting.poll();
        running -= next == null ? 1 : 0; // else it passes the turn on
        return next;
    }
}
