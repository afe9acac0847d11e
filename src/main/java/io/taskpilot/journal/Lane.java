package io.taskpilot.journal;

import io.vertx.core.Future;
import io.vertx.sqlclient.Pool;
import io.vertx.sqlclient.Row;
import io.vertx.sqlclient.RowSet;
import io.vertx.sqlclient.Tuple;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A pool of connections that gives up on silence. The server ends a statement after 10 s; when nothing was heard for
 * longer the connection is dead, and as the driver would wait for it without end, the pool is replaced. The outcome of
 * what was under way is unknown then.
 */
final class Lane implements Sql {
    private static final Logger log = LoggerFactory.getLogger(Lane.class);

    private final Supplier<Pool> source;
    private final Duration longestSilence;
    private volatile Pool pool;

    Lane(Supplier<Pool> source, Duration longestSilence) {
        this.source = source;
        this.longestSilence = longestSilence;
        this.pool = source.get();
    }

    @Override
    public Future<RowSet<Row>> run(String sql, Tuple parameters) {
        var used = pool;
        return heard(used, used.preparedQuery(sql).execute(parameters));
    }

    /** Rolled back when the work fails. */
    <T> Future<T> transaction(Function<Sql, Future<T>> work) {
        var used = pool;
        return heard(used, used.withTransaction(connection -> work.apply(Sql.on(connection))));
    }

    private <T> Future<T> heard(Pool used, Future<T> answer) {
        return answer.timeout(longestSilence.toMillis(), TimeUnit.MILLISECONDS).onFailure(error -> {
            if (error instanceof TimeoutException) {
                replace(used);
            }
        });
    }

    private synchronized void replace(Pool silent) {
        if (pool == silent) {
            log.warn("database connections are silent, opening new ones after_ms={}", longestSilence.toMillis());
            pool = source.get();
            silent.close().onFailure(error -> log.debug("silent pool did not close", error));
        }
    }

    Future<Void> close() {
        return pool.close();
    }
}
