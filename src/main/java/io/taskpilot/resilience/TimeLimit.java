package io.taskpilot.resilience;

import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import java.util.concurrent.TimeoutException;

/**
 * Stops the waiting for what may never end. Unlike {@link Future#timeout}, which uses a thread of Netty's when the future
 * has no context of its own, it completes on the caller's context.
 */
public final class TimeLimit {
    private TimeLimit() {}

    /** The work's end, if it comes on this context within {@code millis}; else a {@link TimeoutException}. */
    public static <T> Future<T> of(Vertx vertx, long millis, Future<T> work) {
        var end = Promise.<T>promise();
        var timer = vertx.setTimer(
                millis, unused -> end.tryFail(new TimeoutException("not done within " + millis + " ms")));
        work.onComplete(done -> vertx.cancelTimer(timer));
        work.onSuccess(end::tryComplete).onFailure(end::tryFail);
        return end.future();
    }
}
