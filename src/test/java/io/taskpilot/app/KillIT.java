package io.taskpilot.app;

import static io.taskpilot.app.ApiUser.types;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.sun.net.httpserver.HttpServer;
import io.taskpilot.AlertRules;
import io.taskpilot.journal.TestPostgres;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code kill -9} in the middle of runs, a start, and the same run goes on: seen from a client that reconnects. */
class KillIT {
    /** One model call outlasts what passes between an event and the signal that it calls for. */
    private static final Map<String, String> SLOW = Map.of("TASKPILOT_LLM_OFFLINE_LATENCY", "2s");

    @TempDir
    Path directory;

    @Test
    void aRunThatWasInFlightGoesOnFromItsLastEventWithoutDoingAnEffectTwice() throws Exception {
        var data = directory.resolve("data");
        var titles = new ArrayList<String>();
        var server = ServerProcess.start(data, SLOW);
        try {
            for (var moment : List.of("agent.started", "task.proposed", "review.completed", "tool.completed")) {
                var title = "Survive " + moment;
                titles.add(title);
                var runId = server.user().submit("Create a low priority task \"" + title + "\"");
                var seen = server.user()
                        .follow(runId, 0, event -> event.path("type").asText().equals(moment));
                server.kill();
                server = ServerProcess.start(data, SLOW);
                seen.addAll(server.user().follow(runId, last(seen), ApiUser::isTerminal));
                assertWhole(seen, moment);
            }
            assertThat(titlesOf(server)).as("each effect happened once").containsExactlyInAnyOrderElementsOf(titles);
        } finally {
            server.close();
        }
    }

    @Test
    void anExternalEffectThatMayHaveHappenedIsNotRepeatedButPutToAPerson() throws Exception {
        var deliveries = new ConcurrentHashMap<String, AtomicInteger>();
        var receiver = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        receiver.createContext("/", exchange -> {
            deliveries
                    .computeIfAbsent(exchange.getRequestHeaders().getFirst("webhook-id"), id -> new AtomicInteger())
                    .incrementAndGet(); // and no answer: the sender cannot know
        });
        receiver.start();
        var conf = WebhookConf.write(
                directory.resolve("conf"), receiver.getAddress().getPort(), "5s");
        var settings = Map.of("TASKPILOT_CONF_DIR", conf.toString());
        var data = directory.resolve("data");
        var server = ServerProcess.start(data, settings);
        try {
            var runId = server.user().submit("Create a low priority task \"Tell them\" and notify the team");
            var seen = server.user().follow(runId, 0, event -> isStartOf(event, "notify_external_system"));
            while (deliveries.isEmpty()) {
                Thread.onSpinWait();
            }
            server.kill();
            server = ServerProcess.start(data, settings);
            seen.addAll(server.user()
                    .follow(
                            runId,
                            last(seen),
                            event -> event.path("type").asText().equals("approval.requested")));
            assertThat(types(seen)).endsWith("tool.outcome_unknown", "approval.requested");
            assertThat(deliveries.values()).hasSize(1).allMatch(count -> count.get() == 1);

            var approval =
                    seen.get(seen.size() - 1).path("data").path("approval_id").asText();
            var answer = "{\"answer\": \"mark_done\", \"reason\": \"they have it\", \"result\": {\"status\": 200}}";
            assertThat(server.user()
                            .send("POST", "/v1/approvals/" + approval + "/answer", answer)
                            .statusCode())
                    .isEqualTo(200);
            seen.addAll(server.user().follow(runId, last(seen), ApiUser::isTerminal));
            assertThat(types(seen)).last().isEqualTo("run.succeeded");
            assertThat(seen.stream().map(event -> event.path("seq").asLong()))
                    .containsExactlyElementsOf(upTo(seen.size()));
            assertThat(deliveries.values()).hasSize(1).allMatch(count -> count.get() == 1);
        } finally {
            server.close();
            receiver.stop(0);
        }
    }

    @Test
    void aSecondServerOnTheSameDirectoryIsRefused() throws Exception {
        var data = directory.resolve("data");
        try (var first = ServerProcess.start(data, Map.of())) {
            var jar = System.getProperty("taskpilot.jar", "target/taskpilot.jar");
            var java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
            var second = new ProcessBuilder(java, "-jar", jar, "serve");
            second.environment().put("TASKPILOT_DATA_DIR", data.toString());
            second.environment()
                    .put("TASKPILOT_CONF_DIR", Path.of("conf").toAbsolutePath().toString());
            second.environment().put("TASKPILOT_HTTP_PORT", "0");
            second.environment().put("TASKPILOT_HTTP_MANAGEMENT_PORT", "0");
            var process = second.redirectErrorStream(true).start();
            var said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);

            assertThat(process.waitFor()).isNotZero();
            assertThat(said).contains(data.toString()).contains(String.valueOf(first.pid()));
        }
    }

    /** As after a fail-over to a standby that lags behind: whatever it did next would rest on what is gone. */
    @Test
    void aServerWhoseDatabaseLostCommitsStopsAtOnce() throws Exception {
        var database = TestPostgres.database();
        var settings = new HashMap<>(SLOW);
        settings.put("TASKPILOT_POSTGRES_URL", database.url().value());
        try (var server = ServerProcess.start(directory.resolve("data"), settings)) {
            var runId = server.user().submit("Create a low priority task \"Be lost\"");
            server.user().follow(runId, 0, event -> event.path("type").asText().equals("agent.started"));

            TestPostgres.execute(database, "update runs set last_seq = 1");

            assertThat(server.exit()).isEqualTo(70);
            assertThat(server.output()).contains("the database lost committed history");
            assertThat(AlertRules.all())
                    .as("an alert on it")
                    .anyMatch(rule -> rule.path("expr").asText().contains("== 70"));
        }
    }

    @Test
    void sigtermEndsTheServerInOrder() throws Exception {
        var data = directory.resolve("data");
        var server = ServerProcess.start(data, SLOW);
        var runId = server.user().submit("Create a low priority task \"Outlive a restart\"");
        server.user().follow(runId, 0, event -> event.path("type").asText().equals("agent.started"));

        assertThat(server.stop()).isEqualTo(143);
        assertThat(data.resolve("server.json")).doesNotExist();

        try (var again = ServerProcess.start(data, Map.of())) {
            var all = again.user().follow(runId, 0, ApiUser::isTerminal);
            assertThat(types(all)).contains("run.resumed").last().isEqualTo("run.succeeded");
            assertThat(all.get(all.size() - 1).path("attempt").asInt()).isEqualTo(1);
        }
    }

    private static void assertWhole(List<JsonNode> events, String moment) {
        assertThat(events.stream().map(event -> event.path("seq").asLong()))
                .as("killed at %s", moment)
                .containsExactlyElementsOf(upTo(events.size()));
        assertThat(types(events))
                .as("killed at %s", moment)
                .contains("run.resumed")
                .last()
                .isEqualTo("run.succeeded");
        assertThat(types(events).stream().filter("tool.completed"::equals)).hasSize(1);
    }

    private static List<Long> upTo(int count) {
        return LongStream.rangeClosed(1, count).boxed().toList();
    }

    private static long last(List<JsonNode> events) {
        return events.get(events.size() - 1).path("seq").asLong();
    }

    private static boolean isStartOf(JsonNode event, String tool) {
        return event.path("type").asText().equals("tool.started")
                && event.path("data").path("tool").asText().equals(tool);
    }

    private static List<String> titlesOf(ServerProcess server) throws Exception {
        var titles = new ArrayList<String>();
        server.user().get("/v1/tasks?limit=200").path("items").forEach(task -> {
            assertThat(task.path("status").asText()).isEqualTo("executed");
            titles.add(task.path("title").asText());
        });
        return titles;
    }
}
