package io.taskpilot.journal;

import io.taskpilot.resilience.Failure;
import io.vertx.core.Context;
import io.vertx.core.Future;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.function.BiConsumer;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes what all runs of a node have to write, one statement at a time: while one is under way the next gathers. One
 * round trip when idle, large batches under load, and no timer. An entry stays until it is known to be committed or
 * refused; what may have been committed is sent again, the same. Callable from any thread; everything else happens on
 * one event loop.
 */
final class GroupCommit<T extends GroupCommit.Entry> {
    private static final Logger log = LoggerFactory.getLogger(GroupCommit.class);
    private static final int MAX_ROWS = 500;
    private static final long MAX_BYTES = 1 << 20;

    /** Something to write. */
    interface Entry {
        int rows();

        long bytes();

        void fail(Throwable cause);

        /** Nobody waits for it, and it was never sent. */
        boolean isDropped();

        /**
         * Called when a statement with it in it failed and would be sent again.
         *
         * @return true when it shall not be; it has failed itself then
         */
        boolean givesUp(Throwable error);
    }

    private final Database database;
    private final Context context;
    private final BiConsumer<Integer, Duration> measured;
    private final Function<List<T>, Future<List<T>>> sender;
    private final Deque<T> queue = new ArrayDeque<>();
    private final Deque<List<T>> again = new ArrayDeque<>();
    private boolean busy;
    private boolean closed;
    private int failures;
    /** When the oldest of what is not written yet was sent first; 0 when there is none. */
    private volatile long tryingSinceNanos;

    /**
     * @param measured told of each batch that was written: its rows, and how long it took
     * @param sender writes a batch and settles its entries; gives back those that are to be sent again. Called on one
     *     event loop, never while it is at work
     */
    GroupCommit(Database database, BiConsumer<Integer, Duration> measured, Function<List<T>, Future<List<T>>> sender) {
        this.database = database;
        this.context = database.vertx().getOrCreateContext();
        this.measured = measured;
        this.sender = sender;
        database.watch(this::isStuck);
    }

    /**
     * True once something that was sent is not written for longer than a caller would wait, be it slow, locked out or
     * refused.
     */
    boolean isStuck() {
        var since = tryingSinceNanos;
        return since != 0 && System.nanoTime() - since > database.longestWrite().toNanos();
    }

    void add(T entry) {
        context.runOnContext(unused -> {
            if (closed) {
                entry.fail(stopped());
                return;
            }
            queue.add(entry);
            pump();
        });
    }

    /** Fails what waits. What is under way may still be committed. */
    void close() {
        context.runOnContext(unused -> {
            closed = true;
            queue.forEach(entry -> entry.fail(stopped()));
            again.forEach(batch -> batch.forEach(entry -> entry.fail(stopped())));
            queue.clear();
            again.clear();
            tryingSinceNanos = 0;
        });
    }

    private static Failure stopped() {
        return PgErrors.away(new IllegalStateException("the journal is closed"));
    }

    private void pump() {
        if (busy) {
            return;
        }
        var batch = next();
        if (!batch.isEmpty()) {
            busy = true;
            var sent = System.nanoTime();
            if (tryingSinceNanos == 0) {
                tryingSinceNanos = sent;
            }
            Future.succeededFuture()
                    .compose(unused -> sender.apply(batch)) // which may throw
                    .onComplete((left, error) -> context.runOnContext(unused -> {
                        if (error == null) {
                            measured.accept(rows(batch), Duration.ofNanos(System.nanoTime() - sent));
                            written(left);
                        } else {
                            failed(batch, error);
                        }
                    }));
        }
    }

    private static int rows(List<? extends Entry> batch) {
        return batch.stream().mapToInt(Entry::rows).sum();
    }

    private List<T> next() {
        var first = again.poll();
        if (first != null) {
            return first;
        }
        var batch = new ArrayList<T>();
        var rows = 0;
        var bytes = 0L;
        while (!queue.isEmpty()) {
            var entry = queue.element();
            rows += entry.rows();
            bytes += entry.bytes();
            if (!batch.isEmpty() && (rows > MAX_ROWS || bytes > MAX_BYTES)) {
                break;
            }
            queue.remove();
            if (!entry.isDropped()) {
                batch.add(entry);
            }
        }
        return batch;
    }

    private void written(List<T> left) {
        database.back();
        if (left.isEmpty()) {
            failures = 0;
            settled();
            resume();
        } else {
            sendLater(left);
        }
    }

    private void failed(List<T> batch, Throwable error) {
        switch (PgErrors.meaning(error)) {
            case BAD_ROW, BUG -> split(batch, error);
            case RACE -> sendLater(batch);
            case AWAY -> {
                database.lost(error);
                var left = new ArrayList<>(batch);
                left.removeIf(entry -> entry.givesUp(error));
                sendLater(left);
            }
        }
    }

    /** Until the one that can't be written is alone. */
    private void split(List<T> batch, Throwable error) {
        if (batch.size() == 1) {
            log.error("database refused an append", error);
            batch.get(0).fail(Failure.internal("internal-journal", error));
            settled();
        } else {
            var half = batch.size() / 2;
            again.push(batch.subList(half, batch.size()));
            again.push(batch.subList(0, half));
        }
        resume();
    }

    private void sendLater(List<T> batch) {
        if (closed) {
            batch.forEach(entry -> entry.fail(stopped()));
            return;
        }
        if (batch.isEmpty()) {
            settled();
        } else {
            again.push(batch);
        }
        database.vertx().setTimer(Database.pauseMillis(failures++), unused -> resume());
    }

    private void settled() {
        if (again.isEmpty()) {
            tryingSinceNanos = 0;
        }
    }

    private void resume() {
        busy = false;
        pump();
    }
}
