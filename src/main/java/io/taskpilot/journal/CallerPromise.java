package io.taskpilot.journal;

import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import org.jspecify.annotations.Nullable;

/** Completed by the writer's event loop, heard on the context that was current when it was made. */
final class CallerPromise<T> {
    private final @Nullable Context caller = Vertx.currentContext();
    private final Promise<T> promise = Promise.promise();

    Future<T> future() {
        return promise.future();
    }

    void complete(T value) {
        onCaller(() -> promise.tryComplete(value));
    }

    void fail(Throwable cause) {
        onCaller(() -> promise.tryFail(cause));
    }

    private void onCaller(Runnable action) {
        if (caller == null) {
            action.run();
        } else {
            caller.runOnContext(unused -> action.run());
        }
    }
}
