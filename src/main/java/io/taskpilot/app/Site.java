package io.taskpilot.app;

import io.taskpilot.config.ConfigException;
import io.taskpilot.config.TaskPilotConfig;
import io.taskpilot.resilience.Failure;
import io.taskpilot.telemetry.HealthRegistry;
import io.taskpilot.telemetry.Metrics;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.function.Supplier;

/**
 * What the parts of one server are built with, and where each leaves how it is closed and what is said of it.
 *
 * @param engines which engine does each job, one line each; mutable
 */
record Site(TaskPilotConfig config, Metrics metrics, HealthRegistry health, Closer closer, List<String> engines) {
    /** What the closing of one part may take. */
    static final Duration CLOSE = Duration.ofSeconds(5);

    /** Says at start and in {@code /health} what does a job. */
    void use(String job, String engine) {
        say(job, engine);
        health.up(job, engine);
    }

    /** Says it at start alone. */
    void say(String job, String engine) {
        engines.add("%-11s %s".formatted(job, engine));
    }

    /** The name that metrics give to the connections to a server. */
    void namePool(URI server, String name) {
        var port = server.getPort() >= 0 ? server.getPort() : "https".equals(server.getScheme()) ? 443 : 80;
        metrics.vertx().namePool(server.getHost(), port, name);
    }

    /** What it says is wrong is a mistake of the configuration, one a line; {@code prefix} is of the keys it names. */
    static <T> T configured(String prefix, Supplier<T> part) {
        try {
            return part.get();
        } catch (IllegalArgumentException | Failure e) {
            throw new ConfigException(String.valueOf(e.getMessage())
                    .lines()
                    .map(line -> prefix + line)
                    .toList());
        }
    }
}
