package io.taskpilot.redis;

import io.taskpilot.OnDocker;
import io.taskpilot.config.Secret;
import io.taskpilot.engine.Listening;
import io.taskpilot.engine.SignalsContract;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.testcontainers.containers.GenericContainer;

@OnDocker
class RedisContainerTest extends SignalsContract {
    private static final int PORT = 6379;
    private static final String PASSWORD = "correct-horse";

    private static GenericContainer<?> redis;

    @BeforeAll
    static void startRedis() {
        redis = new GenericContainer<>("valkey/valkey:8.1.3")
                .withExposedPorts(PORT)
                .withCommand("valkey-server", "--save", "", "--requirepass", PASSWORD);
        redis.start();
    }

    @AfterAll
    static void stopRedis() {
        if (redis != null) {
            redis.stop();
        }
    }

    @Override
    protected Listening node() {
        var url = new Secret("redis://:%s@%s:%d".formatted(PASSWORD, redis.getHost(), redis.getMappedPort(PORT)));
        return new Listening(vertx -> new RedisTransport(vertx, url));
    }
}
