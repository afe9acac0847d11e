package io.taskpilot.app;

import static io.taskpilot.app.ApiUser.types;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.taskpilot.journal.TestPostgres;
import java.net.URI;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** What happens to runs that no node has room for, and to those that come when a node drives none at all. */
class AdmissionTest {
    private static final String INPUT = "Create a low priority task \"Wait your turn\"";
    private static final String REFUSED = "taskpilot_admission_rejected_total{reason=\"overload\"}";
    private static final String DEPTH = "taskpilot_admission_queue_depth";

    private static Map<String, String> room(int runs, int queue, String latency) {
        return Map.of(
                "TASKPILOT_LIMITS_RUNS", String.valueOf(runs),
                "TASKPILOT_LIMITS_QUEUE", String.valueOf(queue),
                "TASKPILOT_LLM_OFFLINE_LATENCY", latency);
    }

    @Test
    void whatAFullNodeHasNoRoomForWaitsAndTooMuchIsRefused() throws Exception {
        try (var server = TestServer.start(room(1, 2, "60s"))) {
            var driven = server.user().submit(INPUT);
            server.user().follow(driven, 0, event -> event.path("type").asText().equals("agent.started"));
            var waiting = new ArrayList<String>();
            var refused = server.user().send("POST", "/v1/runs", "{\"input\": \"go\"}");
            while (refused.statusCode() == 202) {
                waiting.add(id(refused.body()));
                refused = server.user().send("POST", "/v1/runs", "{\"input\": \"go\"}");
            }

            assertThat(waiting).isNotEmpty(); // the bound is kept by a count that may be a moment old
            assertThat(refused.statusCode()).isEqualTo(503);
            assertThat(refused.body()).contains("overload-queue");
            assertThat(Integer.parseInt(
                            refused.headers().firstValue("retry-after").orElseThrow()))
                    .isBetween(1, 5);
            assertThat(metric(server, REFUSED)).isEqualTo(1);
            while (metric(server, DEPTH) != waiting.size()) {
                Thread.onSpinWait();
            }
            assertThat(metric(server, "taskpilot_admission_in_flight")).isEqualTo(1);
            assertThat(metric(server, "taskpilot_admission_limit")).isEqualTo(1);
            assertThat(metric(server, "taskpilot_admission_queue_limit")).isEqualTo(2);
            assertThat(waiting).allMatch(run -> status(server, run).equals("queued"));

            var cancelled = waiting.get(0);
            var answer = server.user().send("POST", "/v1/runs/" + cancelled + "/cancel", null);

            assertThat(answer.statusCode()).isBetween(200, 202);
            assertThat(types(server.user().events(cancelled))).containsExactly("run.accepted", "run.cancelled");
            server.user().send("POST", "/v1/runs/" + driven + "/cancel", null);
            var events = server.user().events(driven);
            assertThat(events.get(events.size() - 1).toString()).contains("cancelled by local");
        }
    }

    @Test
    void aRunThatWaitsTooLongIsTimedOutThoughNobodyEverTookIt() throws Exception {
        try (var server = TestServer.start(room(1, 10, "60s"))) {
            server.user().submit(INPUT);
            var waiting = server.user()
                    .send("POST", "/v1/runs", "{\"input\": \"go\", \"timeout_s\": 1}", "Prefer", "wait=30");

            var events = server.user().events(id(waiting.body()));

            assertThat(types(events)).containsExactly("run.accepted", "run.timed_out");
            assertThat(events.get(1).toString()).contains("limit-run-timeout");
        }
    }

    @Test
    void aQueueIsWorkedOffAsPlacesBecomeFreeAndNewcomersDoNotJumpIt() throws Exception {
        try (var server = TestServer.start(room(2, 100, "20ms"))) {
            var runs = new ArrayList<String>();
            for (var i = 0; i < 30; i++) {
                runs.add(server.user().submit(INPUT));
            }

            for (var run : runs) {
                assertThat(types(server.user().events(run))).last().isEqualTo("run.succeeded");
            }
        }
    }

    @Test
    void aGatewayAndANodeOfAgentsAreAServerTogether() throws Exception {
        var database = TestPostgres.database().url().value();
        var gatewayOnly = settings(database, "gateway");
        try (var gateway = TestServer.start(gatewayOnly)) {
            var early = gateway.user().submit(INPUT);
            assertThat(status(gateway, early)).isEqualTo("queued");

            try (var agents = TestServer.start(settings(database, "agents"))) {
                assertThat(agents.url()).isEqualTo("null");
                assertThat(new ApiUser(URI.create(agents.managementUrl()))
                                .send("GET", "/health/ready", null)
                                .statusCode())
                        .isEqualTo(200);
                assertThat(types(gateway.user().events(early))).last().isEqualTo("run.succeeded");
                assertThat(gateway.user().finish(INPUT).path("status").asText()).isEqualTo("succeeded");
            }
        }
    }

    private static Map<String, String> settings(String database, String role) {
        var settings = new HashMap<String, String>();
        settings.put("TASKPILOT_POSTGRES_URL", database);
        settings.put("TASKPILOT_ROLES", role);
        return settings;
    }

    private static String status(TestServer server, String run) {
        try {
            return server.user().get("/v1/runs/" + run).path("status").asText();
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    private static String id(String body) throws Exception {
        JsonNode run = ApiUser.JSON.readTree(body);
        return run.path("id").asText();
    }

    private static double metric(TestServer server, String line) throws Exception {
        var metrics = new ApiUser(URI.create(server.managementUrl()))
                .send("GET", "/metrics", null)
                .body();
        return List.of(metrics.split("\n", -1)).stream()
                .filter(text -> text.startsWith(line + " "))
                .mapToDouble(text -> Double.parseDouble(text.substring(line.length() + 1)))
                .findFirst()
                .orElse(-1);
    }
}
