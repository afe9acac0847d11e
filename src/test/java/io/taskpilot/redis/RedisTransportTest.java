package io.taskpilot.redis;

import static io.taskpilot.engine.Listening.nextOf;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.taskpilot.config.Secret;
import io.taskpilot.engine.Listening;
import io.taskpilot.engine.SignalsContract;
import io.vertx.core.Vertx;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RedisTransportTest extends SignalsContract {
    private static final String PASSWORD = "correct-horse";

    private static TestRedis redis;

    @BeforeAll
    static void startRedis() {
        redis = new TestRedis(PASSWORD);
    }

    @AfterAll
    static void stopRedis() {
        redis.close();
    }

    @Override
    protected Listening node() {
        return new Listening(vertx -> new RedisTransport(vertx, redis.url()));
    }

    private void bothHearEachOther() {
        var run = run();
        two.watch(run);
        one.signals.changed(List.of(run));
        assertThat(two.nextChange()).isEqualTo(run);
    }

    @Test
    void whenRedisIsKilledNobodyWaitsAndWhenItIsBackEverybodyLooksOnce() {
        var before = run();
        two.watch(before);
        redis.kill();
        one.standing(false);
        two.standing(false);
        two.forget();

        two.watch(run()); // completes all the same
        one.signals.changed(List.of(run()));
        redis.startAgain();

        two.standing(true).nextMissed();
        two.nextClaimable();
        one.standing(true);
        one.signals.changed(List.of(before));
        assertThat(two.nextChange()).isEqualTo(before);
        bothHearEachOther();
    }

    @Test
    void aRedisThatAcceptsAndNeverAnswersIsGivenUp() {
        nodesAsInProduction();
        redis.hang();
        try {
            two.watch(run()); // completes all the same
            one.standing(false);
            two.standing(false);
            try (var three = Listening.inProduction(vertx -> new RedisTransport(vertx, redis.url()))) {
                three.watch(run());
                three.standing(false);
            }
        } finally {
            redis.goOn();
        }

        one.standing(true);
        two.standing(true);
        bothHearEachOther();
    }

    /** Instead of those that wait longer. */
    private void nodesAsInProduction() {
        stopNodes();
        one = Listening.inProduction(vertx -> new RedisTransport(vertx, redis.url()))
                .standing(true);
        two = Listening.inProduction(vertx -> new RedisTransport(vertx, redis.url()))
                .standing(true);
    }

    @Test
    void aFlushChangesNothing() {
        var run = run();
        two.watch(run);

        redis.flush();

        one.signals.changed(List.of(run));
        assertThat(two.nextChange()).isEqualTo(run);
    }

    @Test
    void whatIsSaidWhileRedisIsAwayIsBoundedAndTheRestCounted() {
        redis.kill();
        one.standing(false);

        for (var i = 0; i < 11_000; i++) {
            one.signals.changed(List.of(run()));
        }
        redis.startAgain();
        one.standing(true);
        two.standing(true);
        bothHearEachOther();

        assertThat(one.metric("taskpilot_signals_dropped_total{kind=\"signal\"}"))
                .isBetween(900.0, 1_100.0);
    }

    @Test
    void textReachesReadersOfOtherNodesInOrderAndBeforeTheChangeThatFollows() {
        var run = run();
        var news = two.follow(run);
        var said = List.of(
                text(run, 0, "Grüße 🚀\n"), text(run, 9, " and \u0001 \"more\""), text(run, 22, "x".repeat(1_024)));

        said.forEach(one.signals::said);
        one.signals.said(text(run(), 0, "of another run"));
        one.signals.changed(List.of(run));

        for (var each : said) {
            assertThat(nextOf(news)).isEqualTo(each);
        }
        assertThat(nextOf(news)).isEqualTo(run);
    }

    @Test
    void textIsPostedWhileSomebodyReadsIt() {
        var run = run();
        one.signals.said(text(run, 0, "for nobody"));
        var news = two.follow(run);

        one.signals.said(text(run, 0, "for two"));

        assertThat(nextOf(news)).isIn(text(run, 0, "for nobody"), text(run, 0, "for two"));
    }

    @Test
    void textIsDroppedWhileRedisHangsAndNobodyWaits() {
        nodesAsInProduction();
        var run = run();
        redis.hang();
        try {
            for (var i = 0; i < 5_000; i++) {
                one.signals.said(text(run, i, "x".repeat(1_000)));
            }
            one.standing(false);
            two.standing(false);
            one.signals.said(text(run, 0, "lost, too"));
        } finally {
            redis.goOn();
        }
        one.standing(true);
        two.standing(true);

        var news = two.follow(run);
        var last = text(run, 0, "heard");
        one.signals.said(last);
        assertThat(nextOf(news)).isEqualTo(last);
        assertThat(one.metric("taskpilot_signals_dropped_total{kind=\"text\"}")).isBetween(4_000.0, 5_001.0);
        assertThat(one.metric("taskpilot_signals_dropped_total{kind=\"signal\"}"))
                .isZero();
    }

    @Test
    void aWrongPasswordKeepsNobodyWaiting() {
        try (var three = Listening.inProduction(vertx -> new RedisTransport(vertx, redis.url("wrong")))) {
            three.watch(run());
            three.standing(false);
        }
    }

    @Test
    void anAddressWithNobodyThereKeepsNobodyWaiting() {
        var nobody = new Secret("redis://127.0.0.1:1");
        try (var three = Listening.inProduction(vertx -> new RedisTransport(vertx, nobody))) {
            three.watch(run());
            three.standing(false);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"redis://:se cret@host", "redis://:secret@", "redis://:secret@host/one", "redis:secret"})
    void aUrlThatIsNoneIsRefusedWithoutThePassword(String url) {
        var vertx = Vertx.vertx();
        try {
            assertThatThrownBy(() -> new RedisTransport(vertx, new Secret(url)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasNoCause()
                    .hasMessageNotContaining("cret");
        } finally {
            Listening.await(vertx.close());
        }
    }
}
