package io.taskpilot.journal;

import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.core.VertxException;
import io.vertx.core.http.ConnectionPoolTooBusyException;
import io.vertx.sqlclient.Pool;
import io.vertx.sqlclient.Row;
import io.vertx.sqlclient.RowSet;
import io.vertx.sqlclient.SqlConnection;
import io.vertx.sqlclient.Tuple;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A pool of connections that gives up on silence. The server ends a statement after 10 s; when nothing was heard for
 * longer the connection is dead, and as the driver would wait for it without end, the pool is replaced. The outcome of
 * what was under way is unknown then.
 *
 * <p>The driver also waits without end for a server that takes a connection and says nothing, and gives its place in
 * the pool to nobody. So the pool is replaced as well when somebody waited in vain although not all of it is in use, and
 * nobody else was served meanwhile: a pool that is merely asked for too much serves all the time. Where some of it serves,
 * it is replaced once that has gone on for ten seconds in which the server neither opened nor refused the rest.
 */
final class Lane implements Sql {
    private static final Logger log = LoggerFactory.getLogger(Lane.class);

    private static final Duration LONGEST_SHORTAGE = Database.LONGEST_WAIT.multipliedBy(2);

    private final Context own;
    private final Supplier<Pool> source;
    private final int size;
    private final Duration longestSilence;
    private volatile Connections connections;

    /**
     * @param own where later pools are made: the driver closes a pool with the verticle on whose context it was made
     * @param size of the pools
     */
    Lane(Context own, Supplier<Pool> source, int size, Duration longestSilence) {
        this.own = own;
        this.source = source;
        this.size = size;
        this.longestSilence = longestSilence;
        this.connections = new Connections(source.get(), size);
    }

    @Override
    public Future<RowSet<Row>> run(String sql, Tuple parameters) {
        return with(connection -> Sql.on(connection).run(sql, parameters));
    }

    /** Rolled back when the work fails. */
    <T> Future<T> transaction(Function<Sql, Future<T>> work) {
        return with(connection -> connection
                .begin()
                .compose(transaction -> Future.succeededFuture(Sql.on(connection))
                        .compose(work)
                        .compose(
                                result -> transaction.commit().map(result),
                                error -> transaction.rollback().transform(unused -> Future.failedFuture(error)))));
    }

    private <T> Future<T> with(Function<SqlConnection, Future<T>> work) {
        var used = connections;
        return borrow(used)
                .compose(connection -> used.lend(connection, work))
                .timeout(longestSilence.toMillis(), TimeUnit.MILLISECONDS)
                .recover(error -> error instanceof TimeoutException
                        ? replaced(used, "silent", used::close, error)
                        : Future.failedFuture(error));
    }

    private Future<SqlConnection> borrow(Connections used) {
        var served = used.served.get();
        var asked = used.pool.getConnection();
        return asked.timeout(Database.LONGEST_WAIT.toMillis(), TimeUnit.MILLISECONDS)
                .recover(error -> {
                    if (!(error instanceof TimeoutException)) {
                        if (!(error instanceof ConnectionPoolTooBusyException)) {
                            used.shortage.over(); // the server refused, so it does not hang
                        }
                        return Future.failedFuture(error);
                    }
                    asked.onSuccess(SqlConnection::close); // nobody waits for it any more
                    var late = new VertxException("no connection in time", true);
                    // with all of it in use nothing is short: whoever waits, waits for work to end
                    var hangs = used.lent.get() < size
                            && (used.served.get() == served || used.shortage.hasLasted(LONGEST_SHORTAGE));
                    return hangs
                            ? replaced(used, "hanging while they are opened", used::closeOnceReturned, late)
                            : Future.failedFuture(late);
                });
    }

    /** Fails with the error, once there are others, or none could be made. */
    private <T> Future<T> replaced(Connections old, String why, Runnable end, Throwable error) {
        return Future.future(failed -> own.runOnContext(unused -> {
            try {
                if (connections == old) {
                    log.warn("database connections are {}, opening new ones", why);
                    connections = new Connections(source.get(), size);
                }
                end.run();
            } finally {
                failed.fail(error);
            }
        }));
    }

    Future<Void> close() {
        return connections.pool.close();
    }

    /** Somebody waits in vain again and again, and all of the pool is never in use. Thread-safe. */
    private static final class Shortage {
        private long sinceNanos;
        private long lastNanos;
        private boolean on;

        /** To be asked each time that somebody waited in vain. */
        synchronized boolean hasLasted(Duration longest) {
            var now = System.nanoTime();
            if (!on || now - lastNanos > longest.toNanos()) {
                on = true;
                sinceNanos = now;
            }
            lastNanos = now;
            return now - sinceNanos > longest.toNanos();
        }

        synchronized void over() {
            on = false;
        }
    }

    /** Closing the pool also ends what is still being opened. */
    private static final class Connections {
        private final Pool pool;
        private final int size;
        private final Shortage shortage = new Shortage();
        private final AtomicInteger lent = new AtomicInteger();
        private final AtomicLong served = new AtomicLong();
        private volatile boolean retired;

        Connections(Pool pool, int size) {
            this.pool = pool;
            this.size = size;
        }

        <T> Future<T> lend(SqlConnection connection, Function<SqlConnection, Future<T>> work) {
            if (lent.incrementAndGet() >= size) {
                shortage.over();
            }
            return Future.succeededFuture(connection)
                    .compose(work) // which may throw
                    .onSuccess(unused -> served.incrementAndGet())
                    .onComplete(unused -> {
                        connection.close();
                        if (lent.decrementAndGet() == 0 && retired) {
                            close();
                        }
                    });
        }

        /** Whoever has one keeps it. */
        void closeOnceReturned() {
            retired = true;
            if (lent.get() == 0) {
                close();
            }
        }

        void close() {
            pool.close().onFailure(error -> log.debug("pool did not close", error));
        }
    }
}
