package io.taskpilot.journal;

import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.pgclient.PgBuilder;
import io.vertx.sqlclient.Pool;
import io.vertx.sqlclient.PoolOptions;
import io.vertx.sqlclient.SqlConnection;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The connections to PostgreSQL, and whether it answers. Safe to share between event loops: a query completes on the
 * context that asked.
 */
public final class Database {
    private static final Logger log = LoggerFactory.getLogger(Database.class);
    private static final Duration LONGEST_SILENCE = Duration.ofSeconds(15); // over statement_timeout: a dead connection
    /** For a connection, be it that all are in use or that one is being opened. */
    static final Duration LONGEST_WAIT = Duration.ofSeconds(5);

    private static final Duration LONGEST_WRITE = Duration.ofSeconds(2);
    private static final int MAX_WAITING = 2_000;
    private static final long PROBE_MILLIS = 250;
    private static final Duration HEARTBEAT_SILENCE = Duration.ofSeconds(3); // a lease lasts 10 s: room for another try
    private static final String PROBE = "select pg_is_in_recovery() or current_setting('transaction_read_only')::bool";

    private static final String STANDBYS = "select current_setting('synchronous_standby_names')";

    private final Vertx vertx;
    private final Context own;
    private final PostgresAddress address;
    private final Duration longestSilence;
    private final Duration longestWrite;
    private final Lane shared;
    private final List<Lane> dedicated = new CopyOnWriteArrayList<>();
    private final List<BooleanSupplier> stuckWriters = new CopyOnWriteArrayList<>();
    private final AtomicBoolean answers = new AtomicBoolean(true);
    private volatile boolean closed;

    private Database(
            Vertx vertx, PostgresAddress address, int poolSize, Duration longestSilence, Duration longestWrite) {
        this.vertx = vertx;
        this.own = vertx.getOrCreateContext();
        this.address = address;
        this.longestSilence = longestSilence;
        this.longestWrite = longestWrite;
        this.shared = new Lane(own, () -> pool("postgres", poolSize), poolSize, longestSilence);
    }

    /** Connects when first asked something. Not to be called on the context of a verticle, with which it would close. */
    public static Database open(Vertx vertx, PostgresAddress address, int poolSize) {
        return open(vertx, address, poolSize, LONGEST_SILENCE, LONGEST_WRITE);
    }

    /**
     * @param longestSilence after which a connection is taken for dead and closed
     * @param longestWrite for which a caller waits for a new run, or for a decision on a call of the API
     */
    static Database open(
            Vertx vertx, PostgresAddress address, int poolSize, Duration longestSilence, Duration longestWrite) {
        return new Database(vertx, address, poolSize, longestSilence, longestWrite);
    }

    /** @param name of its metrics: two pools of one name would share them */
    private Pool pool(String name, int size) {
        var options = new PoolOptions().setName(name).setMaxSize(size).setMaxWaitQueueSize(MAX_WAITING);
        return PgBuilder.pool()
                .connectingTo(address.options().setMetricsName(name))
                .with(options)
                .using(vertx)
                .build();
    }

    Vertx vertx() {
        return vertx;
    }

    /**
     * For a caller who is refused after that, though what it asked for may be written all the same. While a writer takes
     * longer, nobody else is let wait.
     */
    Duration longestWrite() {
        return longestWrite;
    }

    /** For everything but the writers. */
    Lane shared() {
        return shared;
    }

    /**
     * A connection for one writer, so that it never waits behind readers.
     *
     * @param writer what it writes, for its metrics
     */
    Lane dedicated(String writer) {
        return dedicated("postgres-" + writer, longestSilence);
    }

    /** The connection of the heartbeat: waits behind nobody, and is replaced in time for another try. */
    Lane heartbeats() {
        var shorter = longestSilence.compareTo(HEARTBEAT_SILENCE) < 0 ? longestSilence : HEARTBEAT_SILENCE;
        return dedicated("postgres-heartbeat", shorter);
    }

    private Lane dedicated(String name, Duration silence) {
        var one = new Lane(own, () -> pool(name, 1), 1, silence);
        dedicated.add(one);
        return one;
    }

    /** A connection for what belongs to a session; to be closed by the caller. */
    Future<Session> session() {
        var own = pool("postgres-session", 1);
        return own.getConnection()
                .timeout(LONGEST_WAIT.toMillis(), TimeUnit.MILLISECONDS)
                .map(connection -> new Session(own, connection))
                .onFailure(unused -> closed(own))
                .recover(PgErrors::failed);
    }

    /** Its pool is its own: closing that ends the connection rather than keep it, also one that is still opened. */
    record Session(Pool pool, SqlConnection connection) {
        Future<Void> close() {
            return pool.close();
        }
    }

    private static void closed(Pool pool) {
        pool.close().onFailure(error -> log.debug("pool did not close", error));
    }

    /** Has {@link #isWell} ask a writer whether what it writes is stuck. */
    void watch(BooleanSupplier stuck) {
        stuckWriters.add(stuck);
    }

    /** True while the database answers, and nothing has been waiting for its commit for long. For people and probes. */
    public boolean isWell() {
        return answers() && stuckWriters.stream().noneMatch(BooleanSupplier::getAsBoolean);
    }

    /** False from the first failure to connect until the database answers again. */
    public boolean answers() {
        return answers.get();
    }

    /** The server's {@code synchronous_standby_names}: whom commits wait for; empty for nobody. */
    public Future<String> synchronousStandbys() {
        return shared.run(STANDBYS)
                .map(rows -> rows.iterator().next().getString(0))
                .recover(PgErrors::failed);
    }

    /** Asks again and again until it answers. */
    void lost(Throwable cause) {
        if (!closed && answers.compareAndSet(true, false)) {
            log.warn("database is not answering cause={}", cause.toString());
            probeLater();
        }
    }

    void back() {
        if (answers.compareAndSet(false, true)) {
            log.info("database answers again");
        }
    }

    private void probeLater() {
        vertx.setTimer(PROBE_MILLIS + ThreadLocalRandom.current().nextLong(PROBE_MILLIS), unused -> probe());
    }

    private void probe() {
        if (closed || answers()) {
            return;
        }
        var lanes = new ArrayList<>(dedicated);
        lanes.add(shared);
        Future.all(lanes.stream().map(Database::isWritable).toList()).onComplete(all -> {
            if (all.succeeded() && !all.result().list().contains(false)) {
                back();
            } else {
                probeLater();
            }
        });
    }

    /** Each lane is asked: one may have a connection while the others get none. */
    private static Future<Boolean> isWritable(Lane lane) {
        return lane.run(PROBE).map(rows -> !rows.iterator().next().getBoolean(0));
    }

    /** Sends it until it was received: again after a lost race, and while the database is away. */
    <T> Future<T> persist(Supplier<Future<T>> work) {
        return persist(work, 0);
    }

    private <T> Future<T> persist(Supplier<Future<T>> work, int attempt) {
        return work.get().recover(error -> {
            var meaning = PgErrors.meaning(error);
            if (closed || (meaning != PgErrors.Meaning.AWAY && meaning != PgErrors.Meaning.RACE)) {
                return Future.failedFuture(error);
            }
            if (meaning == PgErrors.Meaning.AWAY) {
                lost(error);
            }
            return vertx.timer(pauseMillis(attempt), TimeUnit.MILLISECONDS)
                    .compose(unused -> persist(work, attempt + 1));
        });
    }

    /** Doubles from 20 ms to a second, half of it random. */
    static long pauseMillis(int attempt) {
        var longest = Math.min(1_000, 20L << Math.min(attempt, 6));
        return longest / 2 + ThreadLocalRandom.current().nextLong(longest / 2) + 1;
    }

    public Future<Void> close() {
        closed = true;
        var pools = new ArrayList<Future<Void>>();
        dedicated.forEach(one -> pools.add(one.close()));
        pools.add(shared.close());
        return Future.join(pools).mapEmpty();
    }
}
