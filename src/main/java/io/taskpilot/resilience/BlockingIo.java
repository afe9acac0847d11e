package io.taskpilot.resilience;

import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.WorkerExecutor;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;

/**
 * The one door to what must block. A pool of its own, so that a slow disk cannot take Vert.x's; bounded, so that it
 * cannot queue without end.
 */
public final class BlockingIo {
    private static final int THREADS = 4;
    private static final long LONGEST_MINUTES = 5;

    private final WorkerExecutor pool;
    private final Limiter limiter;

    public BlockingIo(Vertx vertx) {
        this(vertx, "blocking-io", THREADS);
    }

    /** A pool apart, for work that must not take the threads of the rest. */
    public BlockingIo(Vertx vertx, String name, int threads) {
        pool = vertx.createSharedWorkerExecutor(name, threads, LONGEST_MINUTES, TimeUnit.MINUTES);
        limiter = new Limiter(name, threads * 64);
    }

    /** Completes on the caller's context; fails at once with {@code overload-} and its name when the queue is full. */
    public <T> Future<T> run(Callable<T> work) {
        return limiter.run(() -> pool.executeBlocking(work, false));
    }

    public Future<Void> close() {
        return pool.close();
    }
}
