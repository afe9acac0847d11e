package io.taskpilot.llm;

import io.taskpilot.engine.CallContext;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import java.time.Duration;

/** A wait within a call: it ends with the call. */
final class Pause {
    private Pause() {}

    /** Fails when the call is broken off, and with {@code provider-timeout} when its deadline comes first. */
    static Future<Void> of(Vertx vertx, Duration wait, CallContext call) {
        if (wait.isZero()) {
            return Future.succeededFuture();
        }
        var left = call.deadline().remaining();
        var late = wait.compareTo(left) > 0;
        Promise<Void> paused = Promise.promise();
        var timer = vertx.setTimer(Math.max(1, (late ? left : wait).toMillis()), id -> {
            if (late) {
                paused.tryFail(ModelFailures.timeout());
            } else {
                paused.tryComplete();
            }
        });
        call.onAbort(() -> {
            vertx.cancelTimer(timer);
            paused.tryFail(ModelFailures.aborted());
        });
        return paused.future();
    }
}
