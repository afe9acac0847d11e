package io.taskpilot.journal;

import static io.taskpilot.journal.JournalFixture.await;
import static io.taskpilot.journal.JournalFixture.failure;
import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.LongRunning;
import io.taskpilot.journal.UnreliableWire.Break;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.pgclient.PgBuilder;
import io.vertx.sqlclient.Pool;
import io.vertx.sqlclient.PoolOptions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@LongRunning
@Timeout(120)
class LaneTest {
    private static final PostgresAddress address = TestPostgres.database();

    private final Vertx vertx = Vertx.vertx();
    private final AtomicInteger pools = new AtomicInteger();

    @AfterEach
    void close() {
        await(vertx.close());
    }

    private Pool onePlace() {
        pools.incrementAndGet();
        return PgBuilder.pool()
                .connectingTo(address.options())
                .with(new PoolOptions().setMaxSize(1))
                .using(vertx)
                .build();
    }

    /** The second place is that of a connection that the server refuses, or of one on its way to whoever is next. */
    @Test
    void poolThatIsAskedForTooMuchIsNotReplaced() {
        var lane = new Lane(vertx.getOrCreateContext(), this::onePlace, 2, Duration.ofSeconds(30));
        var all = new ArrayList<Future<?>>();
        for (var i = 0; i < 100; i++) {
            all.add(lane.run("select pg_sleep(0.1)"));
        }

        failure(Future.join(all));

        assertThat(all)
                .as("as many as were served in time, and the others were refused")
                .anyMatch(Future::succeeded)
                .anyMatch(Future::failed);
        assertThat(pools).hasValue(1);
        await(lane.run("select 1"));
        await(lane.close());
    }

    /** One place serves all the time, as fast as it can: the others hang while they are opened, and nobody gets them. */
    @Test
    void poolOfWhichAllButOnePlaceHangsIsReplaced() {
        try (var wire = new UnreliableWire(address)) {
            Supplier<Pool> source = () -> {
                pools.incrementAndGet();
                return PgBuilder.pool()
                        .connectingTo(wire.address().options())
                        .with(new PoolOptions().setMaxSize(3))
                        .using(vertx)
                        .build();
            };
            var lane = new Lane(vertx.getOrCreateContext(), source, 3, Duration.ofSeconds(30));
            await(lane.run("select 1"));
            wire.muteNew();
            var enough = new AtomicBoolean();
            var asking =
                    IntStream.range(0, 60).mapToObj(i -> askUntil(lane, enough)).toList();
            until(() -> wire.ignored() == 2);
            wire.up(); // for new connections: those it took stay silent
            until(() -> pools.get() == 2);
            enough.set(true);
            await(Future.all(asking));

            await(Future.all(Stream.generate(() -> lane.run("select pg_sleep(1)"))
                    .limit(3)
                    .toList()));
            await(lane.close());
        }
    }

    private static Future<Void> askUntil(Lane lane, AtomicBoolean enough) {
        return lane.run("select pg_sleep(0.2)")
                .transform(unused -> enough.get() ? Future.succeededFuture() : askUntil(lane, enough));
    }

    private static void until(BooleanSupplier condition) {
        while (!condition.getAsBoolean()) {
            LockSupport.parkNanos(1_000_000);
        }
    }

    @Test
    void whoeverWaitsIsToldThoughNoOtherPoolCanBeMade() {
        try (var wire = new UnreliableWire(address)) {
            Supplier<Pool> source = () -> {
                if (pools.incrementAndGet() > 1) {
                    throw new IllegalStateException("no more of these");
                }
                return PgBuilder.pool()
                        .connectingTo(wire.address().options())
                        .using(vertx)
                        .build();
            };
            var lane = new Lane(vertx.getOrCreateContext(), source, 1, Duration.ofMillis(500));
            wire.breakAt("select 'silence'", Break.SILENCE);

            assertThat(failure(lane.run("select 'silence'"))).isInstanceOf(TimeoutException.class);
            assertThat(pools).hasValue(2);
        }
    }

    @Test
    void poolThatWasReplacedOutlivesTheVerticleThatNoticed() {
        try (var wire = new UnreliableWire(address)) {
            var database = Database.open(vertx, wire.address(), 2, Duration.ofSeconds(3), Duration.ofSeconds(2));
            wire.breakAt("select 'silence'", Break.SILENCE);
            var noticed = new ArrayList<Throwable>();
            var verticle = await(vertx.deployVerticle(own -> database.shared()
                    .run("select 'silence'")
                    .onFailure(noticed::add)
                    .otherwiseEmpty()));
            assertThat(noticed).singleElement().isInstanceOf(TimeoutException.class);

            await(vertx.undeploy(verticle));

            assertThat(await(database.shared().run("select 1")).size()).isEqualTo(1);
            await(database.close());
        }
    }
}
