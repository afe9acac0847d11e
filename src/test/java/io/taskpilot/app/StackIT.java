package io.taskpilot.app;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.taskpilot.guardrail.RealNemo;
import io.taskpilot.journal.TestPostgres;
import io.taskpilot.outside.OutsideProcess;
import io.taskpilot.outside.Tool;
import io.taskpilot.policy.OpaProcess;
import io.taskpilot.stack.Collector;
import io.taskpilot.stack.Compose;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import redis.embedded.RedisExecProvider;

/**
 * The default services of the stack, started by hand as {@code docker/compose.yaml} says: its steps, commands, variables and
 * files, with loopback for the names of services and directories of the test for volumes.
 */
class StackIT {
    @TempDir
    Path directory;

    private Compose compose;
    private Path secrets;

    @BeforeEach
    void prepare() throws Exception {
        Tool.orSkip("NGINX", "nginx");
        Collector.orSkip();
        assumeTrue("root".equals(System.getProperty("user.name")), "only root may hand files to others");
        compose = Compose.read();
        secrets = Files.createDirectory(directory.resolve("secrets"));
        run(
                Map.of(
                        "SECRETS",
                        secrets.toString(),
                        "VOLUMES",
                        directory.resolve("volumes").toString()),
                "docker/init/prepare");
        var environment = paths(compose.environment("keys"));
        var command =
                new ArrayList<>(List.of(java(), "-jar", System.getProperty("taskpilot.jar", "target/taskpilot.jar")));
        compose.arguments("keys").forEach(argument -> command.add(path(argument)));
        environment.put("TASKPILOT_CONF_DIR", Path.of("conf").toAbsolutePath().toString());
        run(environment, command.toArray(String[]::new));
    }

    @Test
    void theGovernedServerStandsBehindTheGateway() throws Exception {
        try (var opa = OpaProcess.start();
                var redis = new Redis(secrets.resolve("redis/users.acl"));
                var server = ServerProcess.start(directory.resolve("data"), settings(opa, redis));
                var nginx = Nginx.start(
                        Files.createDirectory(directory.resolve("nginx")),
                        List.of(server.url().getPort()))) {
            assertThat(nginx.user().send("GET", "/v1/runs", null).statusCode()).isEqualTo(401);
            assertThat(nginx.health()).isEqualTo(200);

            assertThat(ask(nginx, secrets.resolve("client/api-key"))).isZero();
            assertThat(statuses(nginx))
                    .containsExactlyInAnyOrder(
                            "succeeded", "succeeded", "succeeded", "rejected", "blocked", "awaiting_approval");

            var wrong = Files.writeString(directory.resolve("wrong"), "tp_aaaaaaaa_" + "b".repeat(43));
            assertThat(ask(nginx, wrong)).isEqualTo(1);

            assertVerified(nginx, server);
            assertOnOnePort(opa);
        }
    }

    /** The collector beside the server, of a pod: what Prometheus gets of the server and of OPA. */
    private void assertOnOnePort(OpaProcess opa) throws Exception {
        var environment = Map.of(
                "EXPORTER_INSTANCE", "taskpilot-0",
                "EXPORTER_SERVER", URI.create(managementUrl()).getAuthority(),
                "EXPORTER_OPA", opa.url().getAuthority(),
                "EXPORTER_GUARDRAILS", RealNemo.shared().getAuthority());
        try (var exporter = Collector.exporter(Files.createDirectory(directory.resolve("exporter")), environment)) {
            var labels = "instance=\"taskpilot-0\",job=\"%s\"";
            var page = exporter.await(
                    exporter.metrics(),
                    body -> body.contains("up{" + labels.formatted("taskpilot") + "} 1")
                            && body.contains("up{" + labels.formatted("opa") + "} 1"));
            assertThat(page)
                    .containsPattern("(?m)^http_request_duration_seconds_bucket[{].*handler=\"v1/data\".*job=\"opa\"")
                    .containsPattern("(?m)^taskpilot_\\w+[{].*instance=\"taskpilot-0\".*job=\"taskpilot\"");
        }
    }

    private String managementUrl() throws IOException {
        return ApiUser.JSON
                .readTree(directory.resolve("data/server.json").toFile())
                .path("management_url")
                .asText();
    }

    /** What the profiles add reaches the server as flags in a file. */
    @Test
    void theServerTakesTheFlagsOfAProfile() throws Exception {
        var flags = secrets.resolve("taskpilot/arguments-objects");
        Files.writeString(flags, """
                --set=s3.url=http://objects:8333
                --set=s3.bucket=taskpilot
                --set=s3.accessKeyFile=/run/taskpilot/s3-access-key
                --set=s3.secretKeyFile=/run/taskpilot/s3-secret-key
                """.replace(
                        "/run/taskpilot", secrets.resolve("taskpilot").toString()));
        assertThat(Files.readString(Path.of("docker/init/objects")))
                .contains("--set=s3.url=http://objects:8333", "--set=s3.secretKeyFile=/run/taskpilot/s3-secret-key");
        var command = new CommandRun(directory.resolve("shell"));

        var end = command.run("config", "print", "@" + flags);

        assertThat(end.err()).isEmpty();
        assertThat(end.out())
                .containsPattern("(?m)^s3.url +http://objects:8333 +a flag$")
                .containsPattern("(?m)^s3.secretKey +\\*{3} +a flag$");
    }

    private Map<String, String> settings(OpaProcess opa, Redis redis) throws Exception {
        var server = secrets.resolve("taskpilot");
        // Services by name become services on loopback, and PostgreSQL the one of the tests.
        Files.writeString(
                server.resolve("postgres-url"), TestPostgres.database().url().value());
        var redisUrl = Files.readString(server.resolve("redis-url")).replace("redis:6379", "127.0.0.1:" + redis.port);
        Files.writeString(server.resolve("redis-url"), redisUrl);
        var settings = paths(compose.environment("taskpilot"));
        assertThat(settings).containsEntry("TASKPILOT_OPA_URL", "http://opa:8181");
        assertThat(settings).containsEntry("TASKPILOT_GUARDRAILS_URL", "http://guardrails:8000");
        settings.put("TASKPILOT_OPA_URL", opa.url().toString());
        settings.put("TASKPILOT_GUARDRAILS_URL", RealNemo.shared().toString());
        settings.put("TASKPILOT_POLICY_TIMEOUT", "5s"); // a busy machine is no outage
        settings.put("TASKPILOT_GUARDRAILS_TIMEOUT", "20s");
        settings.put("TASKPILOT_AUTH_MODE", "keys"); // as the image says
        settings.put("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1"); // without the profile obs nobody is there
        return settings;
    }

    /** The script of the profile demo, once through. */
    private int ask(Nginx nginx, Path key) throws Exception {
        var process = new ProcessBuilder("sh", "docker/demo/ask")
                .redirectErrorStream(true)
                .redirectOutput(directory.resolve("demo.log").toFile());
        process.environment()
                .putAll(Map.of("SERVER", nginx.url().toString(), "KEY_FILE", key.toString(), "ROUNDS", "1"));
        return process.start().waitFor();
    }

    private List<String> statuses(Nginx nginx) throws Exception {
        var key = Files.readString(secrets.resolve("client/api-key")).strip();
        while (true) {
            var runs = ApiUser.JSON.readTree(nginx.user()
                    .send("GET", "/v1/runs", null, "Authorization", "Bearer " + key)
                    .body());
            var statuses = StreamSupport.stream(runs.path("items").spliterator(), false)
                    .map(run -> run.path("status").asText())
                    .toList();
            if (statuses.stream().noneMatch(status -> status.equals("queued") || status.equals("running"))) {
                return statuses;
            }
            TimeUnit.MILLISECONDS.sleep(50);
        }
    }

    /**
     * The script that asks every service, with a stand-in for Docker: what it runs inside containers is run here. Redis
     * is healthy when it is asked for the third time, or never.
     */
    private void assertVerified(Nginx nginx, ServerProcess server) throws Exception {
        var asked = directory.resolve("asked");
        var docker = Files.writeString(directory.resolve("docker"), """
                #!/bin/sh
                case "$*" in
                    *"ps --services"*) printf '%%s\\n' postgres redis opa guardrails taskpilot nginx ;;
                    *"ps --format"*redis)
                        echo >>"%s"
                        if [ "$(wc -l <"%1$s")" -lt "${REDIS_HEALTHY_AT:-3}" ]; then echo starting; else echo healthy; fi ;;
                    *"ps --format"*) echo healthy ;;
                    *" cat prepare "*) for last; do :; done; cat "%s${last#/secrets}" ;;
                    *"exec -T nginx wget"*) wget -q -O - "%s/health" ;;
                    *"port nginx 8000") echo 0.0.0.0:%d ;;
                    *) exit 2 ;;
                esac
                """.formatted(
                        asked, secrets, managementUrl(), nginx.url().getPort()));
        assertThat(docker.toFile().setExecutable(true)).isTrue();
        var environment = Map.of("DOCKER_COMPOSE", docker.toString());

        var said = run(environment, "scripts/verify-stack.sh");
        var key = Files.readString(secrets.resolve("client/api-key")).strip();
        assertThat(said)
                .doesNotContain("BAD", key)
                .contains("wants a key", "carries out a run", "everything it uses answers", "Application")
                .contains("refuses what policy denies")
                .containsOnlyOnce("carries out a run")
                .containsPattern("(?s)nginx +does not route.*redis +healthy");
        assertThat(Files.readAllLines(asked)).hasSize(3);
        assertThat(run(environment, "scripts/verify-stack.sh", "--credentials")).contains(key);

        var impatient = Map.of("DOCKER_COMPOSE", docker.toString(), "REDIS_HEALTHY_AT", "1000", "PATIENCE", "0");
        assertThat(runToCode(1, impatient, "scripts/verify-stack.sh"))
                .containsPattern("BAD +redis +healthy\n +its health check says: starting")
                .containsPattern("ok +taskpilot +carries out a run");
        assertThat(server.output()).doesNotContain(key);
    }

    private Map<String, String> paths(Map<String, String> environment) {
        var here = new HashMap<String, String>();
        environment.forEach((name, value) -> here.put(name, path(value)));
        return here;
    }

    private String path(String text) {
        return text.replace("/run/taskpilot", secrets.resolve("taskpilot").toString())
                .replace("/run/client", secrets.resolve("client").toString());
    }

    private static String java() {
        return Path.of(System.getProperty("java.home"), "bin", "java").toString();
    }

    private static String run(Map<String, String> environment, String... command) throws Exception {
        return runToCode(0, environment, command);
    }

    private static String runToCode(int code, Map<String, String> environment, String... command) throws Exception {
        var process = new ProcessBuilder(command).redirectErrorStream(true);
        process.environment().putAll(environment);
        var started = process.start();
        var said = new String(started.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(started.waitFor())
                .as(String.join(" ", command) + ": " + said)
                .isEqualTo(code);
        return said;
    }

    /** As the service is started, but for its program, its port and its address. */
    private final class Redis implements AutoCloseable {
        final int port;
        private final Process process;

        Redis(Path users) throws IOException {
            port = OutsideProcess.unusedPort();
            var command = new ArrayList<>(compose.arguments("redis"));
            assertThat(command.get(0)).isEqualTo("valkey-server");
            command.set(0, RedisExecProvider.defaultProvider().get().getAbsolutePath());
            command.set(command.indexOf("/run/redis/users.acl"), users.toString());
            command.addAll(
                    List.of("--port", String.valueOf(port), "--bind", "127.0.0.1", "--dir", directory.toString()));
            process = new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectOutput(directory.resolve("redis.log").toFile())
                    .start();
            awaitPong();
        }

        /** As its health check asks: without a password. */
        private void awaitPong() throws IOException {
            while (true) {
                try (var socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
                    socket.getOutputStream().write("PING\r\nGET x\r\n".getBytes(StandardCharsets.US_ASCII));
                    var answer = new String(socket.getInputStream().readNBytes(14), StandardCharsets.US_ASCII);
                    assertThat(answer).startsWith("+PONG\r\n-NOPERM");
                    return;
                } catch (IOException notYet) {
                    assertThat(process.isAlive())
                            .as(Files.readString(directory.resolve("redis.log")))
                            .isTrue();
                }
            }
        }

        @Override
        public void close() {
            process.destroyForcibly().onExit().join();
        }
    }
}
