package io.taskpilot.resilience;

import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.resilience.Breaker.Evidence;
import io.taskpilot.resilience.Breaker.State;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class BreakerTest {
    private static final int IN_A_ROW = 3;
    private static final long PAUSE = 1_000;
    private static final Breaker.Settings SETTINGS =
            new Breaker.Settings(IN_A_ROW, 0.5, 10, Duration.ofSeconds(10), Duration.ofMillis(PAUSE));

    private final List<String> changes = new ArrayList<>();
    private long millis;

    private Breaker breaker(Breaker.Settings settings) {
        return new Breaker("it", settings, () -> millis * 1_000_000, (from, to) -> changes.add(from + " -> " + to));
    }

    @Test
    void failuresInARowOpenItAndOneGoodProbeClosesIt() {
        var breaker = breaker(SETTINGS);
        for (var i = 0; i < IN_A_ROW; i++) {
            fail(breaker);
        }

        assertThat(breaker.state()).isEqualTo(State.OPEN);
        assertThat(failure(breaker.run(() -> Future.succeededFuture(1))))
                .isInstanceOfSatisfying(Failure.class, refused -> {
                    assertThat(refused.slug()).isEqualTo("overload-circuit-open");
                    assertThat(refused.retryAfter()).isEqualTo(Duration.ofMillis(PAUSE));
                });
        millis += PAUSE;
        assertThat(breaker.run(() -> Future.succeededFuture(1)).result()).isEqualTo(1);
        assertThat(changes).containsExactly("CLOSED -> OPEN", "OPEN -> HALF_OPEN", "HALF_OPEN -> CLOSED");
    }

    @Test
    void shareOfFailuresOpensItAlthoughNoneFollowsAnother() {
        var breaker = breaker(SETTINGS);
        for (var i = 0; i < 5; i++) {
            assertThat(breaker.state()).isEqualTo(State.CLOSED);
            breaker.run(() -> Future.succeededFuture(1));
            fail(breaker);
        }

        assertThat(breaker.state()).isEqualTo(State.OPEN);
    }

    @Test
    void failuresOlderThanTheWindowAreForgotten() {
        var breaker = breaker(SETTINGS);
        for (var i = 0; i < 50; i++) {
            breaker.run(() -> Future.succeededFuture(1));
            fail(breaker);
            millis += 2_500;
        }

        assertThat(breaker.state()).isEqualTo(State.CLOSED);
    }

    @Test
    void failuresThatAreNotItsFaultAreAnswers() {
        var breaker = breaker(SETTINGS);
        for (var i = 0; i < 50; i++) {
            fail(breaker);
            breaker.run(() -> Future.failedFuture("a bad question"), cause -> Evidence.ANSWERED);
            breaker.run(() -> Future.succeededFuture(1));
        }

        assertThat(breaker.state()).isEqualTo(State.CLOSED);
    }

    @Test
    void callsThatWereBrokenOffSayNothing() {
        var breaker = breaker(SETTINGS);
        for (var i = 0; i < IN_A_ROW; i++) {
            breakOff(breaker);
            assertThat(breaker.state()).isEqualTo(State.CLOSED);
            fail(breaker);
        }
        assertThat(breaker.state()).isEqualTo(State.OPEN);
        millis += PAUSE;

        breakOff(breaker);
        assertThat(breaker.state()).isEqualTo(State.OPEN);
        assertThat(breaker.run(() -> Future.succeededFuture(1)).succeeded()).isTrue();
    }

    @Test
    void throwingCallIsAFailedOne() {
        var breaker = breaker(SETTINGS);
        for (var i = 0; i < IN_A_ROW; i++) {
            breaker.run(() -> {
                throw new IllegalStateException("thrown");
            });
        }

        assertThat(breaker.state()).isEqualTo(State.OPEN);
    }

    @Test
    void callsFromBeforeItOpenedSayNothingAboutNow() {
        var breaker = breaker(SETTINGS);
        var old = Promise.<Integer>promise();
        breaker.run(old::future);
        for (var i = 0; i < IN_A_ROW; i++) {
            fail(breaker);
        }
        old.complete(1);

        assertThat(breaker.state()).isEqualTo(State.OPEN);
    }

    @Test
    void probeThatTakesLongerThanThePauseStillCounts() {
        var breaker = breaker(SETTINGS);
        for (var i = 0; i < IN_A_ROW; i++) {
            fail(breaker);
        }
        millis += PAUSE;
        var slow = Promise.<Integer>promise();
        breaker.run(slow::future);
        millis += 3 * PAUSE;

        assertThat(breaker.run(() -> Future.succeededFuture(2)).failed())
                .as("no other probe beside it")
                .isTrue();
        slow.complete(1);
        assertThat(breaker.state()).isEqualTo(State.CLOSED);
    }

    @Test
    void probeThatNeverEndsIsGivenUp() {
        var breaker = breaker(SETTINGS);
        for (var i = 0; i < IN_A_ROW; i++) {
            fail(breaker);
        }
        millis += PAUSE;
        var lost = Promise.<Integer>promise();
        breaker.run(lost::future);
        millis += Breaker.LONGEST_PROBE.toMillis();

        assertThat(breaker.run(() -> Future.succeededFuture(2)).result()).isEqualTo(2);
        lost.fail("too late");
        assertThat(breaker.state()).isEqualTo(State.CLOSED);
    }

    @Test
    void ofManyThreadsOneIsTheProbe() throws InterruptedException {
        var breaker = breaker(SETTINGS);
        for (var i = 0; i < IN_A_ROW; i++) {
            fail(breaker);
        }
        millis += PAUSE;
        var made = new AtomicInteger();
        var go = new CountDownLatch(1);
        var threads = new ArrayList<Thread>();
        for (var i = 0; i < 8; i++) {
            var thread = new Thread(() -> {
                await(go);
                breaker.run(() -> {
                    made.incrementAndGet();
                    return Promise.promise().future();
                });
            });
            thread.start();
            threads.add(thread);
        }
        go.countDown();
        for (var thread : threads) {
            thread.join();
        }

        assertThat(made).hasValue(1);
    }

    /**
     * Any order of starting calls, ending them (oldest first) and waiting: one that is refused follows too many
     * failures; while it is not closed, a pause lets through one call at the most; and it always comes back.
     */
    @Property
    void refusesOnlyAfterFailuresAndAlwaysComesBack(@ForAll @Size(max = 200) List<@IntRange(max = 5) Integer> acts) {
        var breaker = breaker(SETTINGS);
        Deque<Promise<Integer>> underWay = new ArrayDeque<>();
        var failed = 0;
        var lastProbe = millis - PAUSE;
        for (var act : acts) {
            switch (act) {
                case 0, 1 -> {
                    var before = breaker.state();
                    var call = Promise.<Integer>promise();
                    var refused = breaker.run(call::future).failed();
                    if (refused) {
                        assertThat(before).isNotEqualTo(State.CLOSED);
                        assertThat(failed).isGreaterThanOrEqualTo(IN_A_ROW);
                    } else {
                        underWay.add(call);
                    }
                    if (!refused && before != State.CLOSED) {
                        assertThat(millis - lastProbe).isGreaterThanOrEqualTo(PAUSE);
                        lastProbe = millis;
                    }
                }
                case 2 -> {
                    if (!underWay.isEmpty()) {
                        underWay.remove().complete(1);
                    }
                }
                case 3, 4 -> {
                    if (!underWay.isEmpty()) {
                        underWay.remove().fail("down");
                        failed++;
                    }
                }
                default -> millis += PAUSE / 3;
            }
        }

        millis += Breaker.LONGEST_PROBE.toMillis();
        assertThat(breaker.run(() -> Future.succeededFuture(1)).succeeded()).isTrue();
        assertThat(breaker.state()).isEqualTo(State.CLOSED);
    }

    private static void fail(Breaker breaker) {
        breaker.run(() -> Future.failedFuture("down"));
    }

    private static void breakOff(Breaker breaker) {
        breaker.run(() -> Future.failedFuture("broken off"), cause -> Evidence.NONE);
    }

    private static Throwable failure(Future<?> failed) {
        return failed.cause();
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
