package io.taskpilot.journal;

import static io.taskpilot.journal.JournalFixture.await;
import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.journal.UnreliableWire.Break;
import io.vertx.core.Vertx;
import java.time.Duration;
import java.util.ArrayList;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(120)
class LaneTest {
    private static final PostgresAddress address = TestPostgres.database();

    private final Vertx vertx = Vertx.vertx();

    @AfterEach
    void close() {
        await(vertx.close());
    }

    @Test
    void poolThatWasReplacedOutlivesTheVerticleThatNoticed() {
        try (var wire = new UnreliableWire(address)) {
            var database = Database.open(vertx, wire.address(), 2, Duration.ofMillis(500));
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
