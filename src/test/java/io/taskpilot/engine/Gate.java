package io.taskpilot.engine;

import io.vertx.core.Future;
import io.vertx.core.Promise;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Holds calls up from when it is shut until it is opened. Open at first. */
final class Gate {
    private Promise<Void> opened = Promise.promise();

    Gate() {
        opened.complete();
    }

    synchronized void shut() {
        opened = Promise.promise();
    }

    synchronized void open() {
        opened.tryComplete();
    }

    synchronized Future<?> pass(Supplier<Future<?>> go) {
        return opened.future().compose(unused -> go.get());
    }

    /** Holds an answer up on its way back. */
    Future<?> back(Future<?> answer) {
        return backIf(value -> true, answer);
    }

    /** The same for some answers only. */
    Future<?> backIf(Predicate<Object> which, Future<?> answer) {
        return answer.compose(value -> passIf(which, value));
    }

    private Future<?> passIf(Predicate<Object> which, @Nullable Object value) {
        return value != null && which.test(value)
                ? pass(() -> Future.succeededFuture(value))
                : Future.succeededFuture(value);
    }
}
