package io.taskpilot.telemetry;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.taskpilot.telemetry.BlockedLoops.Pause;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

@Timeout(60)
class BlockedLoopsTest {
    private static final Logger checker = LoggerFactory.getLogger("io.vertx.core.impl.BlockedThreadChecker");

    @AfterEach
    void forget() {
        BlockedLoops.forget();
    }

    @Test
    void aLoopThatStoodForFiveSecondsFails() {
        say("vert.x-eventloop-thread-3", 5_120);

        assertThatThrownBy(() -> BlockedLoops.check(List.of())).hasMessageContaining("vert.x-eventloop-thread-3");
    }

    @Test
    void aShorterStopAndAWorkerDoNot() {
        say("vert.x-eventloop-thread-3", 4_880);
        say("vert.x-worker-thread-3", 65_000);

        BlockedLoops.check();
    }

    @Test
    void aStopOfTheWholeMachineIsNotTheLoops() {
        var before = System.nanoTime();
        say("vert.x-eventloop-thread-3", 7_000);
        var stop = new Pause(before - SECONDS.toNanos(4), before - SECONDS.toNanos(1));

        BlockedLoops.check(List.of(stop));

        var earlier = new Pause(before - SECONDS.toNanos(20), before - SECONDS.toNanos(10));
        assertThatThrownBy(() -> BlockedLoops.check(List.of(earlier))).isInstanceOf(AssertionError.class);
    }

    private static void say(String thread, int millis) {
        checker.warn("Thread {} has been blocked for {} ms, time limit is {} ms", thread, millis, 2_000);
    }

    /** That these are Vert.x's own words. */
    @Test
    void aLoopThatIsReallyBlockedIsFound() throws Exception {
        var vertx = Vertx.vertx(new VertxOptions()
                .setBlockedThreadCheckInterval(500)
                .setBlockedThreadCheckIntervalUnit(TimeUnit.MILLISECONDS)
                .setMaxEventLoopExecuteTime(TimeUnit.SECONDS.toNanos(5)));
        var found = new CountDownLatch(1);
        try {
            vertx.runOnContext(unused -> block(found));
            while (found.getCount() > 0) {
                try {
                    BlockedLoops.check();
                    Thread.sleep(100);
                } catch (AssertionError report) {
                    found.countDown();
                }
            }
        } finally {
            found.countDown();
            vertx.close().await(20, TimeUnit.SECONDS);
        }
    }

    private static void block(CountDownLatch until) {
        try {
            until.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
