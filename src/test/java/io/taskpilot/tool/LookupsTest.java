package io.taskpilot.tool;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.resilience.BlockingIo;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import java.net.InetAddress;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class LookupsTest {
    private static final int THREADS = 2;
    private static final int CALLERS = 10;
    private static final List<InetAddress> FOUND = List.of(InetAddress.getLoopbackAddress());
    private static final URI SLOW = URI.create("https://slow.example.test/");
    private static final URI OTHER = URI.create("https://other.example.test/");

    private final Vertx vertx = Vertx.vertx();
    private final BlockingIo blocking = new BlockingIo(vertx, "lookups", THREADS);
    private final CountDownLatch found = new CountDownLatch(1);
    private final AtomicInteger lookups = new AtomicInteger();
    private final Network network =
            Network.open(vertx, Network.clientOptions(), host -> blocking.run(() -> lookUp(host)));

    private List<InetAddress> lookUp(String host) throws InterruptedException {
        lookups.incrementAndGet();
        if (host.equals(SLOW.getHost())) {
            found.await();
        }
        return FOUND;
    }

    @AfterEach
    void close() throws Exception {
        found.countDown();
        vertx.close().await(10, SECONDS);
    }

    private Future<List<InetAddress>> permitted(URI url) {
        return network.permitted(url, true, 30_000);
    }

    @Test
    void hostWhoseLookUpHangsLeavesThreadsToOthers() throws Exception {
        var waiting = new ArrayList<Future<?>>();
        for (var i = 0; i < CALLERS; i++) {
            waiting.add(permitted(SLOW));
        }

        assertThat(permitted(OTHER).await(30, SECONDS)).isEqualTo(FOUND);
        assertThat(waiting).noneMatch(Future::isComplete);

        found.countDown();
        Future.all(waiting).await(30, SECONDS);
        assertThat(lookups).hasValue(2);
    }

    @Test
    void whoWaitsWithOthersIsToldOnItsOwnContext() throws Exception {
        var told = new ArrayList<Future<Boolean>>();
        for (var i = 0; i < CALLERS; i++) {
            var onItsOwn = Promise.<Boolean>promise();
            told.add(onItsOwn.future());
            vertx.deployVerticle(own -> {
                        permitted(SLOW).onComplete(done -> onItsOwn.complete(Vertx.currentContext() == own));
                        return Future.succeededFuture();
                    })
                    .await(30, SECONDS);
        }
        found.countDown();

        assertThat(Future.all(told).await(30, SECONDS).<Boolean>list()).containsOnly(true);
        assertThat(lookups).hasValue(1);
    }

    @Test
    void lookUpThatHasEndedAnswersNoLaterQuestion() throws Exception {
        permitted(OTHER).await(30, SECONDS);
        permitted(OTHER).await(30, SECONDS);

        assertThat(lookups).hasValue(2);
    }
}
