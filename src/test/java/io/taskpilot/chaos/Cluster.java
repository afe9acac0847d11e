package io.taskpilot.chaos;

import io.taskpilot.journal.PostgresProcess;
import io.taskpilot.redis.TestRedis;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/** The processes under test: nodes on one PostgreSQL and one Redis, and the receiver of their webhooks. */
final class Cluster implements AutoCloseable {
    private static final String WEBHOOKS = """
            tools:
              webhooks:
                once:
                  url: %s
                  secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
                  allowPrivate: true
                  timeout: 3s
                patient:
                  url: %s
                  secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
                  allowPrivate: true
                  timeout: 20s
                repeatable:
                  url: %s
                  secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
                  allowPrivate: true
                  idempotent: true
                  timeout: 3s
            """;

    private final PostgresProcess postgres;
    private final TestRedis redis;
    private final EffectReceiver receiver;
    private final List<Node> nodes = new ArrayList<>();
    private final Thread interrupted = new Thread(this::stopAll, "chaos-shutdown");

    Cluster(Path directory, int size, long seed) throws IOException {
        Runtime.getRuntime().addShutdownHook(interrupted);
        postgres = PostgresProcess.create(Files.createDirectories(directory.resolve("postgres")));
        redis = new TestRedis();
        receiver = new EffectReceiver(postgres, seed);
        for (var i = 0; i < size; i++) {
            var name = "node-" + (char) ('a' + i);
            var wire = i == 0 ? null : new Wire(postgres.port()); // one also sees connections that are refused
            var url = wire == null ? postgres.url() : postgres.url(wire.port());
            nodes.add(new Node(name, directory, environment(conf(directory.resolve("conf-" + name), name), url), wire));
        }
        receiver.expect(nodes);
        var starting = nodes.stream()
                .map(node -> CompletableFuture.runAsync(() -> Storm.unchecked(node::start)))
                .toList();
        starting.forEach(CompletableFuture::join);
    }

    private Map<String, String> environment(Path conf, String postgresUrl) {
        return Map.of(
                "TASKPILOT_CONF_DIR", conf.toString(),
                "TASKPILOT_HTTP_PORT", "0",
                "TASKPILOT_HTTP_MANAGEMENT_PORT", "0",
                "TASKPILOT_POSTGRES_URL", postgresUrl,
                "TASKPILOT_POSTGRES_POOL_SIZE", "5",
                "TASKPILOT_REDIS_URL", redis.url().value(),
                "TASKPILOT_DRAIN_ACCEPT", "1s",
                "TASKPILOT_LLM_PROVIDER", "offline",
                "TASKPILOT_LLM_OFFLINE_LATENCY", "400ms");
    }

    /** The shipped configuration, and webhooks whose URLs say which node sends. */
    private Path conf(Path conf, String node) throws IOException {
        var shipped = Path.of("conf");
        try (var files = Files.walk(shipped)) {
            for (var file : files.toList()) {
                var copy = conf.resolve(shipped.relativize(file).toString());
                if (Files.isDirectory(file)) {
                    Files.createDirectories(copy);
                } else {
                    Files.copy(file, copy);
                }
            }
        }
        Files.writeString(
                conf.resolve("taskpilot.yaml"),
                WEBHOOKS.formatted(
                        receiver.url(node, "once"), receiver.url(node, "patient"), receiver.url(node, "repeatable")));
        return conf;
    }

    List<Node> nodes() {
        return nodes;
    }

    Node node(int index) {
        return nodes.get(index);
    }

    PostgresProcess postgres() {
        return postgres;
    }

    TestRedis redis() {
        return redis;
    }

    EffectReceiver receiver() {
        return receiver;
    }

    /** That path of some node that has an address: it need not be well. */
    URI somewhere(String path) throws IOException {
        var known = nodes.stream().map(Node::url).filter(Objects::nonNull).toList();
        if (known.isEmpty()) {
            throw new IOException("no node is up");
        }
        return known.get(ThreadLocalRandom.current().nextInt(known.size())).resolve(path);
    }

    /** The node whose process is this owner and runs; null when it is dead or stopped. */
    @Nullable
    Node living(UUID owner) {
        return nodes.stream()
                .filter(node -> owner.equals(node.livingIdentity()))
                .findFirst()
                .orElse(null);
    }

    private void stopAll() {
        nodes.forEach(Node::close);
        redis.close();
        receiver.close();
        Storm.unchecked(postgres::close);
    }

    @Override
    public void close() {
        stopAll();
        Runtime.getRuntime().removeShutdownHook(interrupted);
    }
}
