package io.taskpilot.app;

import static io.taskpilot.app.ApiUser.types;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.sun.net.httpserver.HttpServer;
import io.taskpilot.LongRunning;
import io.taskpilot.journal.PostgresAddress;
import io.taskpilot.journal.TestPostgres;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;
import org.junit.jupiter.api.io.TempDir;

/** SIGTERM to one of two servers on one PostgreSQL, seen by their clients. */
@LongRunning
class DrainIT {
    private static final int RUNS = 10;

    @TempDir
    Path directory;

    private final PostgresAddress database = TestPostgres.database();
    private final List<ServerProcess> servers = new ArrayList<>();
    private final AtomicInteger deliveries = new AtomicInteger();

    @AfterEach
    void stop() {
        servers.forEach(ServerProcess::close);
    }

    private ServerProcess server(Map<String, String> settings) throws Exception {
        var all = new HashMap<>(settings);
        all.put("TASKPILOT_POSTGRES_URL", database.url().value());
        var server = ServerProcess.start(directory.resolve("data" + servers.size()), all);
        servers.add(server);
        return server;
    }

    @Test
    void runsAskingAModelGoOnElsewhereAtOnceAndReadersFollow(TestReporter reporter) throws Exception {
        var slow = Map.of("TASKPILOT_LLM_OFFLINE_LATENCY", "4s", "TASKPILOT_DRAIN_ACCEPT", "8s");
        var leaving = server(slow);
        var staying = server(slow);
        var runs = new ArrayList<String>();
        for (var i = 0; i < RUNS; i++) {
            runs.add(leaving.user().submit("Create a low priority task \"Move " + i + "\""));
        }
        for (var run : runs) {
            leaving.user().follow(run, 0, event -> type(event).equals("agent.started"));
        }
        var reader = CompletableFuture.supplyAsync(() -> follow(leaving, runs.get(0)));
        var socket = new Socket(leaving.url());

        var signal = Instant.now();
        leaving.terminate();
        awaitStatus(leaving, 503);
        var late = leaving.user().send("POST", "/v1/runs", "{\"input\": \"Create a low priority task Late\"}");
        assertThat(late.statusCode()).isEqualTo(202);
        assertThat(late.headers().firstValue("connection")).contains("close");
        runs.add(ApiUser.JSON.readTree(late.body()).path("id").asText());

        var seen = reader.get(60, TimeUnit.SECONDS);
        assertThat(seen.remove(seen.size() - 1).path("reason").asText()).isEqualTo("draining");
        assertThat(socket.closed.get(60, TimeUnit.SECONDS)).isEqualTo(1012);
        assertThat(socket.lastText).contains("\"op\":\"reconnect\"");
        assertThat(leaving.exit()).isEqualTo(143);
        seen.addAll(staying.user().follow(runs.get(0), seen.size(), ApiUser::isTerminal));
        assertWhole(seen);
        for (var run : runs) {
            var events = staying.user().events(run);
            assertWhole(events);
            var resumed = events.stream()
                    .filter(event -> type(event).equals("run.resumed"))
                    .findFirst();
            resumed.ifPresent(event -> {
                assertThat(event.path("data").path("cause").asText()).isEqualTo("released");
                var at = Instant.parse(event.path("at").asText());
                reporter.publishEntry(
                        "taken over after", Duration.between(signal, at).toString());
            });
            assertThat(resumed.isPresent()).isEqualTo(!run.equals(runs.get(RUNS)));
        }
    }

    @Test
    void aStartedCallIsAwaitedAndTheRunGoesOnElsewhere() throws Exception {
        var answer = new CountDownLatch(1);
        var settings = withWebhook(answer, "60s");
        var leaving = server(settings);
        var staying = server(settings);
        var run = leaving.user().submit("Create a low priority task \"Tell them\" and notify the team");
        awaitDelivery();

        leaving.terminate();
        awaitStatus(leaving, 503);
        answer.countDown();

        var events = staying.user().events(run);
        assertWhole(events);
        assertThat(types(events)).containsSubsequence("tool.started", "tool.completed", "run.resumed");
        assertThat(types(events)).doesNotContain("tool.outcome_unknown");
        assertThat(deliveries).hasValue(1);
        assertThat(leaving.exit()).isEqualTo(143);
    }

    @Test
    void aCallThatOutlastsTheGraceIsInDoubtOnlyAfterItsDeadline() throws Exception {
        var settings = new HashMap<>(withWebhook(new CountDownLatch(1), "4s"));
        settings.put("TASKPILOT_DRAIN_ACCEPT", "0s");
        settings.put("TASKPILOT_DRAIN_GRACE", "500ms");
        var leaving = server(settings);
        var staying = server(settings);
        var run = leaving.user().submit("Create a low priority task \"Tell them\" and notify the team");
        awaitDelivery();

        assertThat(leaving.stop()).isEqualTo(143);

        var events = staying.user().follow(run, 0, event -> type(event).equals("approval.requested"));
        assertThat(types(events)).endsWith("tool.outcome_unknown", "approval.requested");
        var started = last(events, "tool.started");
        var deadline = Instant.parse(started.path("data").path("deadline").asText());
        assertThat(Instant.parse(last(events, "tool.outcome_unknown").path("at").asText()))
                .isAfterOrEqualTo(deadline.plusSeconds(5));
        assertThat(deliveries).hasValue(1);
    }

    @Test
    void aSecondSignalEndsTheWaiting() throws Exception {
        var settings = withWebhook(new CountDownLatch(1), "60s");
        var leaving = server(settings);
        leaving.user().submit("Create a low priority task \"Tell them\" and notify the team");
        awaitDelivery();

        leaving.terminate();
        awaitStatus(leaving, 503);
        leaving.terminate();

        assertThat(leaving.exit()).isEqualTo(143); // within 30 s, and the grace is 45 s
        assertThat(leaving.output()).contains("told to stop again");
    }

    private static String type(JsonNode event) {
        return event.path("type").asText();
    }

    private static JsonNode last(List<JsonNode> events, String type) {
        return events.stream()
                .filter(event -> type(event).equals(type))
                .reduce((first, second) -> second)
                .orElseThrow();
    }

    private static void assertWhole(List<JsonNode> events) {
        assertThat(events.stream().map(event -> event.path("seq").asLong()))
                .containsExactlyElementsOf(
                        LongStream.rangeClosed(1, events.size()).boxed().toList());
        assertThat(types(events)).last().isEqualTo("run.succeeded");
    }

    private static List<JsonNode> follow(ServerProcess server, String run) {
        try {
            return server.user().follow(run, 0, ApiUser::isTerminal);
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    private static void awaitStatus(ServerProcess server, int status) throws Exception {
        while (server.user().send("GET", "/health/ready", null).statusCode() != status) {
            Thread.onSpinWait();
        }
    }

    private void awaitDelivery() {
        while (deliveries.get() == 0) {
            Thread.onSpinWait();
        }
    }

    /** The shipped configuration, and a receiver that answers once it is let. */
    private Map<String, String> withWebhook(CountDownLatch answer, String timeout) throws IOException {
        var receiver = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        receiver.createContext("/", exchange -> {
            deliveries.incrementAndGet();
            try {
                answer.await();
            } catch (InterruptedException e) {
                throw new IOException(e);
            }
            exchange.sendResponseHeaders(204, -1);
            exchange.close();
        });
        receiver.setExecutor(task -> {
            var thread = new Thread(task, "receiver");
            thread.setDaemon(true);
            thread.start();
        });
        receiver.start();
        var conf = WebhookConf.write(
                directory.resolve("conf"), receiver.getAddress().getPort(), timeout);
        return Map.of("TASKPILOT_CONF_DIR", conf.toString(), "TASKPILOT_DRAIN_ACCEPT", "8s");
    }

    /** A WebSocket that only listens. */
    private static final class Socket implements WebSocket.Listener {
        private final CompletableFuture<Integer> closed = new CompletableFuture<>();
        private volatile String lastText = "";

        Socket(URI url) {
            var target = URI.create(url.toString().replaceFirst("^http", "ws") + "/v1/ws");
            HttpClient.newHttpClient()
                    .newWebSocketBuilder()
                    .buildAsync(target, this)
                    .join();
        }

        @Override
        public CompletionStage<?> onText(WebSocket socket, CharSequence part, boolean whole) {
            lastText = part.toString();
            socket.request(1);
            return CompletableFuture.completedStage(null);
        }

        @Override
        public CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
            closed.complete(code);
            return CompletableFuture.completedStage(null);
        }
    }
}
