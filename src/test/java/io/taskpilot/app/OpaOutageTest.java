package io.taskpilot.app;

import static io.taskpilot.app.ApiUser.types;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.taskpilot.LongRunning;
import io.taskpilot.outside.OutsideProcess;
import io.taskpilot.policy.OpaProcess;
import io.taskpilot.policy.RealOpa;
import io.taskpilot.telemetry.Scrape;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/**
 * An OPA that is killed, hangs or talks nonsense lets no tool start, nobody in where it is asked about that, and is found
 * again.
 */
@LongRunning
class OpaOutageTest {
    private static final Duration BACK = Duration.ofSeconds(60);

    private final HttpClient http = HttpClient.newHttpClient();
    private @Nullable OpaProcess opa;
    private int port;

    @AfterEach
    void stop() throws Exception {
        if (opa != null) {
            opa.close();
        }
    }

    @Test
    void killedInTheMiddleOfLoadItStartsNothingAndIsFoundAgain() throws Exception {
        var process = startOpa();
        try (var server = server("fail")) {
            var load = new SteadyLoad(server.user());
            load.await(10);
            process.kill();
            load.awaitFailure();

            process.startAgain();
            awaitSuccess(server.user());
            var ended = load.stop();

            for (var run : ended) {
                assertThat(run.path("status").asText()).isIn("succeeded", "failed");
                if (run.path("status").asText().equals("failed")) {
                    assertThat(run.path("error").path("type").asText()).isEqualTo("/problems/policy-unavailable");
                }
            }
            for (var i = 0; i < 20; i++) {
                assertThat(SteadyLoad.finish(server.user()).path("status").asText())
                        .isEqualTo("succeeded");
            }
        }
    }

    @Test
    void aRunWaitsForItWhenToldTo() throws Exception {
        var process = startOpa();
        try (var server = server("wait")) {
            process.kill();
            var run = server.user().submit(Outage.input());
            awaitHealth(server, "down");
            assertThat(types(events(server.user(), run))).doesNotContain("tool.started", "run.failed");

            process.startAgain();

            var events = server.user().events(run);
            assertThat(types(events)).last().isEqualTo("run.succeeded");
            Outage.startedOnlyWhatWasAllowed(events);
            awaitHealth(server, "up");
            assertThat(withoutVerdict(server))
                    .as("an outage that is waited out is one")
                    .isPositive();
        }
    }

    private static double withoutVerdict(TestServer server) throws Exception {
        var metrics = new ApiUser(URI.create(server.managementUrl())).send("GET", "/metrics", null);
        return Scrape.parse(metrics.body()).sum("taskpilot_policy_evaluation_seconds_count", "outcome", "error");
    }

    @Test
    void hungItIsNotWaitedForAndFoundWhenItGoesOn() throws Exception {
        var process = startOpa();
        try (var server = server("fail")) {
            assertThat(SteadyLoad.finish(server.user()).path("status").asText()).isEqualTo("succeeded");
            process.hang();
            for (var i = 0; i < 3; i++) {
                unavailable(server.user());
            }

            process.goOn();

            awaitSuccess(server.user());
        }
    }

    @Test
    void theServerStartsWithoutItAndRunsOnceItIsThere() throws Exception {
        RealOpa.installedOrSkip();
        port = OutsideProcess.unusedPort();
        try (var server = server("fail")) {
            unavailable(server.user());
            assertThat(opaHealth(server)).isEqualTo("down");

            startOpa();

            awaitSuccess(server.user());
        }
    }

    @Test
    void nonsenseIsNeverAnAllow() throws Exception {
        var allow = "{\"result\": {\"decision\": \"allow\", \"reasons\": [], \"rule\": \"r\", \"revision\": \"1\","
                + " \"approval\": {\"roles\": [], \"ttl_s\": 0}}}";
        var nonsense = new ArrayList<Answer>(List.of(
                exchange -> reply(exchange, 500, allow),
                exchange -> reply(exchange, 200, "{}"),
                exchange -> reply(exchange, 200, "{\"result\": true}"),
                exchange -> reply(exchange, 200, "{\"result\": {\"decision\": \"allow\"}}"),
                exchange -> reply(exchange, 200, allow.replace("\"allow\"", "[\"allow\"]")),
                exchange -> reply(exchange, 200, allow.replace("allow", "ALLOW")),
                exchange -> reply(exchange, 200, allow + " ".repeat(10_000_000)),
                exchange -> reply(exchange, 302, allow),
                exchange -> drip(exchange, allow),
                HttpExchange::close));
        var decision = new Answer[] {exchange -> reply(exchange, 200, allow)};
        var fake = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        var threads = Executors.newCachedThreadPool();
        fake.setExecutor(threads);
        fake.createContext("/", exchange -> reply(exchange, 200, "{\"result\": [\"create_task\"]}"));
        fake.createContext("/v1/data/taskpilot/tool_calls/decision", exchange -> decision[0].to(exchange));
        fake.start();
        port = fake.getAddress().getPort();
        try (var server = server("fail")) {
            for (var wrong : nonsense) {
                decision[0] = wrong;
                unavailable(server.user());

                decision[0] = exchange -> reply(exchange, 200, allow);
                awaitSuccess(server.user());
            }
        } finally {
            fake.stop(0);
            threads.shutdownNow();
        }
    }

    @Test
    void whereItIsAskedWhoMayComeInNobodyDoesWhileItIsAway() throws Exception {
        startOpa();
        try (var server = server("fail", "enforce")) {
            var user = server.user();
            assertThat(SteadyLoad.finish(user).path("status").asText()).isEqualTo("succeeded");
            stop();

            Outage.until(BACK, () -> user.send("GET", "/v1/tasks", null).statusCode() == 503);
            for (var method : List.of("GET", "POST")) {
                var refused = user.send(method, "/v1/runs", method.equals("GET") ? null : "{\"input\": \"go\"}");
                assertThat(refused.statusCode()).isEqualTo(503);
                assertThat(refused.body()).contains("/problems/policy-unavailable");
            }
            assertThat(get(server.managementUrl() + "/health/live").statusCode())
                    .isEqualTo(200);

            startOpa();

            Outage.until(BACK, () -> user.send("GET", "/v1/tasks", null).statusCode() == 200);
            assertThat(SteadyLoad.finish(user).path("status").asText()).isEqualTo("succeeded");
            var errors = user.get("/v1/decisions?decision_type=ingress&result=error");
            assertThat(errors.path("items")).isNotEmpty();
            assertThat(errors.path("items").path(0).path("rule").asText()).isEqualTo("policy-unavailable");
            assertThat(user.get("/v1/decisions/verify").path("intact").asBoolean())
                    .isTrue();
        }
    }

    private interface Answer {
        void to(HttpExchange exchange) throws IOException;
    }

    private static void reply(HttpExchange exchange, int status, String body) throws IOException {
        try (exchange) {
            exchange.getRequestBody().readAllBytes();
            var bytes = body.getBytes(UTF_8);
            exchange.sendResponseHeaders(status, bytes.length);
            exchange.getResponseBody().write(bytes);
        }
    }

    /** Byte by byte, until nobody reads any more. */
    private static void drip(HttpExchange exchange, String body) throws IOException {
        try (exchange) {
            exchange.getRequestBody().readAllBytes();
            exchange.sendResponseHeaders(200, 0);
            for (var character : body.getBytes(UTF_8)) {
                exchange.getResponseBody().write(character);
                exchange.getResponseBody().flush();
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(50));
            }
        }
    }

    private static void unavailable(ApiUser user) throws Exception {
        var run = SteadyLoad.finish(user);

        assertThat(run.path("status").asText()).isEqualTo("failed");
        assertThat(run.path("error").path("type").asText()).isEqualTo("/problems/policy-unavailable");
        assertThat(types(user.events(run.path("id").asText()))).doesNotContain("tool.started");
    }

    private static void awaitSuccess(ApiUser user) throws Exception {
        Outage.until(BACK, () -> SteadyLoad.finish(user).path("status").asText().equals("succeeded"));
    }

    private static List<JsonNode> events(ApiUser user, String run) throws Exception {
        var list = new ArrayList<JsonNode>();
        user.get("/v1/runs/" + run + "/events?limit=200").path("items").forEach(list::add);
        return list;
    }

    /** Where it is asked about runs alone: else those it can't judge would not be accepted. */
    private TestServer server(String onError) throws Exception {
        return server(onError, "none");
    }

    private TestServer server(String onError, String ingress) throws Exception {
        return TestServer.start(Map.of(
                "TASKPILOT_OPA_URL",
                "http://127.0.0.1:" + port,
                "TASKPILOT_POLICY_ON_ERROR",
                onError,
                "TASKPILOT_POLICY_INGRESS",
                ingress,
                "TASKPILOT_POLICY_TIMEOUT",
                "4s")); // a busy machine is no outage; less than a body takes that comes byte by byte
    }

    private void awaitHealth(TestServer server, String level) throws Exception {
        Outage.until(Duration.ofSeconds(30), () -> opaHealth(server).equals(level));
    }

    private String opaHealth(TestServer server) throws Exception {
        return ApiUser.JSON
                .readTree(get(server.managementUrl() + "/health").body())
                .path("checks")
                .path("opa")
                .path("status")
                .asText();
    }

    private OpaProcess startOpa() throws Exception {
        port = port == 0 ? OutsideProcess.unusedPort() : port;
        var started = OpaProcess.start(port);
        opa = started;
        return started;
    }

    private HttpResponse<String> get(String url) throws Exception {
        var request = HttpRequest.newBuilder(URI.create(url))
                .timeout(Duration.ofSeconds(60))
                .build();
        return http.send(request, BodyHandlers.ofString());
    }
}
