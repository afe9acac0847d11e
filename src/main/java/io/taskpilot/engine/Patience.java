package io.taskpilot.engine;

import io.taskpilot.resilience.Failure;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.LongConsumer;
import java.util.function.Supplier;

/** Asks an engine again and again while it has no verdict: {@code onError: wait}. */
final class Patience {
    private static final long FIRST_MILLIS = 100;
    private static final long LONGEST_MILLIS = 2_000;

    private final Vertx vertx;

    Patience(Vertx vertx) {
        this.vertx = vertx;
    }

    /**
     * Gives up, with the last failure, when the call is aborted or its deadline has passed.
     *
     * @param inVain told of each try that another is to follow, with its nanoseconds
     */
    <T> Future<T> insist(CallContext call, Supplier<Future<T>> question, LongConsumer inVain) {
        var answer = Promise.<T>promise();
        ask(call, question, inVain, FIRST_MILLIS, answer);
        return answer.future();
    }

    private <T> void ask(
            CallContext call, Supplier<Future<T>> question, LongConsumer inVain, long pauseMillis, Promise<T> answer) {
        var began = System.nanoTime();
        question.get().onComplete(answer::complete, cause -> {
            if (call.isAborted() || call.deadline().hasPassed() || !(cause instanceof Failure)) {
                answer.fail(cause);
                return;
            }
            inVain.accept(System.nanoTime() - began);
            var jittered = ThreadLocalRandom.current().nextLong(pauseMillis / 2, pauseMillis + 1);
            vertx.setTimer(jittered, unused -> {
                if (call.isAborted()) {
                    answer.fail(cause);
                } else {
                    ask(call, question, inVain, Math.min(pauseMillis * 2, LONGEST_MILLIS), answer);
                }
            });
        });
    }
}
