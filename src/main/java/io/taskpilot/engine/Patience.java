package io.taskpilot.engine;

import static java.util.concurrent.TimeUnit.MILLISECONDS;

import io.taskpilot.resilience.Failure;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Supplier;

/** Asks an engine again and again while it has no verdict: {@code onError: wait}. */
final class Patience {
    private static final long FIRST_MILLIS = 100;
    private static final long LONGEST_MILLIS = 2_000;

    private final Vertx vertx;

    Patience(Vertx vertx) {
        this.vertx = vertx;
    }

    /** Gives up, with the last failure, when the call is aborted or its deadline has passed. */
    <T> Future<T> insist(CallContext call, Supplier<Future<T>> question) {
        return insist(call, question, FIRST_MILLIS);
    }

    private <T> Future<T> insist(CallContext call, Supplier<Future<T>> question, long pauseMillis) {
        return question.get().recover(cause -> {
            if (call.isAborted() || call.deadline().hasPassed() || !(cause instanceof Failure)) {
                return Future.failedFuture(cause);
            }
            var longer = Math.min(pauseMillis * 2, LONGEST_MILLIS);
            var jittered = ThreadLocalRandom.current().nextLong(pauseMillis / 2, pauseMillis + 1);
            return vertx.timer(jittered, MILLISECONDS).compose(unused -> insist(call, question, longer));
        });
    }
}
