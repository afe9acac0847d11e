package io.taskpilot.app;

import io.vertx.core.Future;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Closes what was opened, newest first. A step that fails or takes too long is logged and does not stop the rest. */
final class Closer {
    private static final Logger log = LoggerFactory.getLogger(Closer.class);

    private record Step(String name, Callable<Void> close) {}

    private final Deque<Step> steps = new ArrayDeque<>();

    /** @param close blocks until it is done */
    void add(String name, Callable<Void> close) {
        steps.push(new Step(name, close));
    }

    /** @param limit how long to wait for it */
    void add(String name, Duration limit, Callable<Future<Void>> close) {
        add(name, () -> {
            await(close.call(), limit);
            return null;
        });
    }

    private static void await(Future<Void> closed, Duration limit) throws TimeoutException {
        closed.await(limit.toMillis(), TimeUnit.MILLISECONDS);
    }

    /** Blocks. Idempotent. */
    synchronized void close() {
        while (!steps.isEmpty()) {
            var step = steps.pop();
            try {
                step.close().call();
            } catch (Exception e) {
                log.warn("close failed name={}", step.name(), e);
            }
        }
    }
}
