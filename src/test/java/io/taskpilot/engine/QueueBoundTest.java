package io.taskpilot.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.engine.Journal.Creation;
import io.taskpilot.resilience.Failure;
import io.taskpilot.telemetry.Metrics;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import java.lang.reflect.Proxy;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The bound of the queue, between two counts and at one. */
class QueueBoundTest {
    private static final int LIMIT = 2;

    private final Vertx vertx = Vertx.vertx();
    private final List<Promise<Integer>> counts = new ArrayList<>();
    private final Journal journal = (Journal) Proxy.newProxyInstance(
            Journal.class.getClassLoader(), new Class<?>[] {Journal.class}, (proxy, method, args) -> {
                if (!method.getName().equals("waiting")) {
                    throw new UnsupportedOperationException(method.getName());
                }
                var count = Promise.<Integer>promise();
                counts.add(count);
                return count.future();
            });

    @AfterEach
    void close() throws Exception {
        vertx.close().await(10, TimeUnit.SECONDS);
    }

    private Admission counted(int waiting) {
        var admission = new Admission(vertx, journal, new RunMetrics(new Metrics("1", "test")), LIMIT);
        var started = admission.start();
        admission.stop(); // no other count comes by itself
        counts.get(0).complete(waiting);
        assertThat(started.succeeded()).isTrue();
        return admission;
    }

    private static Future<Creation> created() {
        return Future.succeededFuture(new Creation(UUID.randomUUID(), false, 1, Instant.EPOCH));
    }

    private static void assertRefused(Future<Creation> queued) {
        assertThat(queued.cause())
                .isInstanceOfSatisfying(
                        Failure.class, failure -> assertThat(failure.slug()).isEqualTo("overload-queue"));
    }

    @Test
    void whatWasCountedWhatIsAddedAndWhatIsBeingCreatedTakeThePlaces() {
        var admission = counted(0);

        assertThat(admission.queue(QueueBoundTest::created).succeeded()).isTrue();
        var creating = Promise.<Creation>promise();
        admission.queue(creating::future);
        assertRefused(admission.queue(QueueBoundTest::created));

        creating.fail("refused");
        assertThat(admission.queue(QueueBoundTest::created).succeeded()).isTrue();
        assertRefused(admission.queue(QueueBoundTest::created));
    }

    @Test
    void aQueueThatOthersFilledIsFull() {
        var admission = counted(LIMIT);

        assertRefused(admission.queue(QueueBoundTest::created));

        admission.emptied(admission.mark());
        assertThat(admission.queue(QueueBoundTest::created).succeeded()).isTrue();
    }
}
