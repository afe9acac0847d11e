package io.taskpilot.app;

import static io.taskpilot.app.ApiUser.types;
import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.app.Dependency.Victim;
import io.taskpilot.journal.TestPostgres;
import io.taskpilot.redis.TestRedis;
import java.net.URI;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What two servers do while their Redis, a real one, is down. */
class RedisDownTest {
    private static TestRedis process;
    private static Dependency redis;
    private static TestServer server;
    private static TestServer other;

    @BeforeAll
    static void start() throws Exception {
        process = new TestRedis("secret");
        var victim = Victim.of(process);
        var url = URI.create(process.url().value());
        redis = new Dependency("redis", victim, Wire.to(url.getPort()), Duration.ofSeconds(5));
        var settings = Map.of(
                "TASKPILOT_POSTGRES_URL",
                TestPostgres.database().url().value(),
                "TASKPILOT_LLM_OFFLINE_LATENCY",
                "200ms",
                "TASKPILOT_REDIS_URL",
                process.url()
                        .value()
                        .replace(":" + url.getPort(), ":" + redis.wire().port()));
        server = TestServer.start(settings);
        other = TestServer.start(settings);
    }

    @AfterAll
    static void stop() throws Exception {
        server.close();
        other.close();
        redis.close();
        process.close();
    }

    @ParameterizedTest
    @EnumSource
    void runsGoOnAndAreFollowedOnTheOtherServer(Failing how) throws Exception {
        new Outage(server, redis.name()).through(how, redis, RedisDownTest::followAcross);
        new Vitals(other, redis.name()).awaitUp();
    }

    private static void followAcross() throws Exception {
        for (var i = 0; i < 3; i++) {
            var events = other.user().events(server.user().submit(Outage.input()));
            assertThat(types(events)).last().isEqualTo("run.succeeded");
            Outage.startedOnlyWhatWasAllowed(events);
        }
    }

    @Test
    void slowAnswersInTimeCostTimeAlone() throws Exception {
        new Outage(server, redis.name()).slow(redis, Duration.ofMillis(100));
    }
}
