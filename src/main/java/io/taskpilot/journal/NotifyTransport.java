package io.taskpilot.journal;

import io.taskpilot.engine.SignalTransport;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.pgclient.PgBuilder;
import io.vertx.pgclient.PgConnection;
import io.vertx.sqlclient.Pool;
import io.vertx.sqlclient.PoolOptions;
import io.vertx.sqlclient.Tuple;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Carries signals by {@code LISTEN} and {@code NOTIFY}, on one connection that does nothing else. */
public final class NotifyTransport implements SignalTransport {
    private static final Logger log = LoggerFactory.getLogger(NotifyTransport.class);
    private static final int CHANNELS = 16;
    private static final int OPEN_SECONDS = 5;
    private static final String NOTIFY =
            "select pg_notify(m.channel, m.text) from unnest($1::text[], $2::text[]) as m(channel, text)";

    private final Vertx vertx;
    private final PostgresAddress address;

    public NotifyTransport(Vertx vertx, PostgresAddress address) {
        this.vertx = vertx;
        this.address = address;
    }

    @Override
    public int channels() {
        return CHANNELS;
    }

    @Override
    public boolean carriesText() {
        return false; // it would go through the database that every append waits for
    }

    /** The pool is the link's own: closing it closes a connection that is still being made, too. */
    @Override
    public Future<Link> open(Consumer<String> heard, Runnable ended) {
        var options = address.options()
                .setMetricsName("postgres-signals")
                .addProperty("synchronous_commit", "off"); // a signal is nothing that must last
        var pool = PgBuilder.pool()
                .connectingTo(options)
                .with(new PoolOptions()
                        .setName("postgres-signals")
                        .setMaxSize(1)
                        .setConnectionTimeout(OPEN_SECONDS)
                        .setConnectionTimeoutUnit(TimeUnit.SECONDS))
                .using(vertx)
                .build();
        return pool.getConnection()
                .map(PgConnection::cast)
                .<Link>map(connection -> {
                    connection.notificationHandler(notification -> heard.accept(notification.getPayload()));
                    connection.exceptionHandler(cause -> log.debug("connection for signals is cut", cause));
                    connection.closeHandler(unused -> ended.run());
                    return new NotifyLink(pool, connection);
                })
                .onFailure(unused -> closed(pool));
    }

    private static void closed(Pool pool) {
        pool.close().onFailure(cause -> log.debug("connection for signals did not close", cause));
    }

    private record NotifyLink(Pool pool, PgConnection connection) implements Link {
        @Override
        public Future<Void> subscribe(String channel) {
            return connection.query("listen " + channel).execute().mapEmpty();
        }

        @Override
        public Future<Void> unsubscribe(String channel) {
            return connection.query("unlisten " + channel).execute().mapEmpty();
        }

        @Override
        public Future<List<Integer>> post(List<Post> posts) {
            var channels = posts.stream().map(Post::channel).toArray(String[]::new);
            var texts = posts.stream().map(Post::text).toArray(String[]::new);
            return connection
                    .preparedQuery(NOTIFY)
                    .execute(Tuple.tuple().addArrayOfString(channels).addArrayOfString(texts))
                    .map(List.of());
        }

        @Override
        public void close() {
            closed(pool);
        }
    }
}
