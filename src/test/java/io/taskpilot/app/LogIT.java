package io.taskpilot.app;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.taskpilot.LongRunning;
import io.taskpilot.journal.PostgresAddress;
import io.taskpilot.journal.TestPostgres;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a server writes in all its life, read as strictly as Elasticsearch would. */
@LongRunning
class LogIT {
    private static final String INPUT = "Create a high priority task to prepare the board deck";

    @TempDir
    Path directory;

    private PostgresAddress database;
    private ServerProcess server;

    @BeforeEach
    void start() throws Exception {
        database = TestPostgres.database();
        server = ServerProcess.start(
                directory.resolve("data"),
                Map.of(
                        "TASKPILOT_POSTGRES_URL", database.url().value(),
                        "TASKPILOT_DRAIN_ACCEPT", "0s",
                        "TASKPILOT_ENVIRONMENT", "staging"));
    }

    @AfterEach
    void stop() {
        server.close();
    }

    private EcsLog log() {
        return EcsLog.parse(server.output());
    }

    /** The log, once it is as {@code whole} wants it. */
    private EcsLog log(Predicate<EcsLog> whole) {
        var end = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
        while (true) {
            var log = log();
            if (whole.test(log)) {
                return log;
            }
            if (System.nanoTime() - end > 0) {
                throw new AssertionError("not what was awaited:\n" + server.output());
            }
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(50));
        }
    }

    @Test
    void everyLineFromStartToStopIsAnEventOfTheSchema() throws Exception {
        var answer = server.user().send("POST", "/v1/runs", body(INPUT), "Prefer", "wait=50", "X-Request-Id", "req-7");
        var run = ApiUser.JSON.readTree(answer.body());
        var traceId = answer.headers().firstValue("traceparent").orElseThrow().substring(3, 35);
        server.user().send("GET", "/v1/runs?status=queued", null);
        server.user().send("GET", "/v1/nothing", null);
        server.user().send("GET", "/v1/" + "n".repeat(3_000), null);
        server.user().send("GET", "/health", null);
        var decisions = server.user()
                .get("/v1/decisions?run_id=" + run.path("id").asText())
                .path("items");
        TestPostgres.execute(database, "alter table tasks rename to elsewhere");
        assertThat(server.user()
                        .send("GET", "/v1/tasks", null, "X-Request-Id", "req-8")
                        .statusCode())
                .isEqualTo(500);
        assertThat(server.stop()).isEqualTo(143);

        var log = log();
        assertThat(log.lines().get(0).path("message").asText()).startsWith("starting version=");
        assertThat(log.lines().get(0).path("service.environment").asText()).isEqualTo("staging");
        assertThat(log.saying("accepting url=").lines()).hasSize(1);
        assertRunIsTold(log.where("labels.run_id", run.path("id").asText()), traceId);
        assertDecisionsAreTold(log, decisions, traceId);
        assertRequestsAreTold(log, run.path("id").asText(), traceId);
        var failure = log.saying("request failed").one();
        assertThat(failure.path("log.level").asText()).isEqualTo("ERROR");
        assertThat(failure.path("labels.request_id").asText()).isEqualTo("req-8");
        assertThat(failure.path("error.type").asText()).endsWith("Failure");
        assertThat(failure.path("error.stack_trace").asText())
                .contains("Caused by: io.vertx.pgclient.PgException", "(42P01)");
        assertThat(failure.path("trace.id").asText()).hasSize(32);
        assertThat(log.saying("draining").lines()).hasSize(1);
        assertThat(log.lines().get(log.lines().size() - 1).path("message").asText())
                .isEqualTo("stopped");
        assertThat(nodes(log)).as("one process").hasSize(1);
    }

    private static String body(String input) throws IOException {
        return ApiUser.JSON.writeValueAsString(Map.of("input", input));
    }

    private static void assertRunIsTold(EcsLog ofRun, String traceId) {
        var ended = ofRun.saying("run ended").one();
        assertThat(ended.path("labels.request_id").asText()).isEqualTo("req-7");
        assertThat(ended.path("trace.id").asText()).isEqualTo(traceId);
        assertThat(ended.path("user.id").asText()).isNotEmpty();
        assertThat(ended.path("labels.status").asText()).isEqualTo("succeeded");
        assertThat(ended.path("event.duration").asLong()).isPositive();
        assertThat(ofRun.lines()).allSatisfy(line -> {
            assertThat(line.path("labels.request_id").asText()).isEqualTo("req-7");
            assertThat(line.path("trace.id").asText()).isEqualTo(traceId);
        });
    }

    private static void assertDecisionsAreTold(EcsLog log, JsonNode decisions, String traceId) {
        var told = log.dataset("taskpilot.decision");
        assertThat(told.lines()).hasSize(decisions.size());
        for (var decision : decisions) {
            var line = told.where("event.id", decision.path("id").asText()).one();
            assertThat(line.path("event.action").asText())
                    .isEqualTo(decision.path("decision_type").asText());
            assertThat(line.path("event.category").path(0).asText()).isEqualTo("iam");
            assertThat(line.path("event.outcome").asText()).isEqualTo("success");
            assertThat(line.path("labels.result").asText())
                    .isEqualTo(decision.path("result").asText());
            assertThat(line.path("labels.input_sha256").asText())
                    .isEqualTo(decision.path("input_sha256").asText());
            assertThat(line.path("trace.id").asText()).isEqualTo(traceId);
        }
    }

    private static void assertRequestsAreTold(EcsLog log, String runId, String traceId) {
        var access = log.dataset("taskpilot.access");
        var submitted = access.where("url.path", "/v1/runs")
                .where("http.request.method", "POST")
                .one();
        assertThat(submitted.path("http.response.status_code").asInt()).isEqualTo(200);
        assertThat(submitted.path("labels.run_id").asText()).isEqualTo(runId);
        assertThat(submitted.path("labels.route").asText()).isEqualTo("/v1/runs");
        assertThat(submitted.path("trace.id").asText()).isEqualTo(traceId);
        assertThat(submitted.path("event.duration").asLong()).isPositive();
        assertThat(submitted.path("http.response.body.bytes").asLong()).isPositive();
        assertThat(access.where("url.path", "/v1/runs")
                        .where("http.request.method", "GET")
                        .lines())
                .hasSize(1);
        assertThat(access.where("url.path", "/v1/nothing")
                        .one()
                        .path("event.outcome")
                        .asText())
                .isEqualTo("failure");
        assertThat(access.lines())
                .allMatch(line -> line.path("url.path").asText().length() <= 1_024)
                .noneMatch(line -> line.path("url.path").asText().startsWith("/health"));
    }

    private static Set<String> nodes(EcsLog log) {
        var nodes = new HashSet<String>();
        log.lines().forEach(line -> nodes.add(line.path("service.node.name").asText()));
        return nodes;
    }

    @Test
    void theLevelChangesWhileTheServerRuns() throws Exception {
        var management = ApiUser.JSON
                .readTree(directory.resolve("data/server.json").toFile())
                .path("management_url")
                .asText();
        var operator = new ApiUser(URI.create(management));
        assertThat(operator.get("/log-level").path("level").asText()).isEqualTo("info");

        assertThat(operator.send("PUT", "/log-level", "{\"level\": \"warn\"}").statusCode())
                .isEqualTo(200);
        server.user().finish(INPUT);
        log(log -> !log.saying("log level changed from=info to=warn").lines().isEmpty());
        while (!operator.send("GET", "/metrics", null).body().contains("taskpilot_admission_in_flight 0.0")) {
            Thread.onSpinWait(); // the run's last line comes after its answer
        }
        assertThat(operator.send("PUT", "/log-level", "{\"level\": \"debug\"}").statusCode())
                .isEqualTo(200);
        server.user().finish(INPUT);

        var log = log(told -> told.saying("run ended").lines().size() == 1);
        assertThat(log.dataset("taskpilot.decision").lines())
                .as("datasets have no levels")
                .hasSizeGreaterThan(8);
        var refused = operator.send("PUT", "/log-level", "{\"level\": \"loud\"}");
        assertThat(refused.statusCode()).isEqualTo(400);
        var foreign = operator.send("PUT", "/log-level", "{\"level\": \"error\"}", "Origin", "http://example.com");
        assertThat(foreign.statusCode()).isEqualTo(403);
        assertThat(operator.get("/log-level").path("level").asText()).isEqualTo("debug");
    }

    @Test
    void theLevelComesFromTheVariableOfTheGuide() throws Exception {
        server.stop();
        server = ServerProcess.start(
                directory.resolve("other"),
                Map.of("TASKPILOT_POSTGRES_URL", database.url().value(), "LOG_LEVEL", "WARN"));
        server.user().finish(INPUT);

        assertThat(log(log -> !log.dataset("taskpilot.access").lines().isEmpty())
                        .dataset("taskpilot.log")
                        .lines())
                .allMatch(line ->
                        List.of("WARN", "ERROR").contains(line.path("log.level").asText()));
    }

    /** Event loops log while they drain: one that wrote by itself would stand in front of a full pipe for ever. */
    @Test
    void aReaderThatHangsKeepsNobodyFromStopping() throws Exception {
        server.stop();
        server = ServerProcess.startUnheard(
                directory.resolve("unheard"),
                Map.of("TASKPILOT_POSTGRES_URL", database.url().value(), "TASKPILOT_DRAIN_ACCEPT", "10s"));
        var user = server.user();
        for (var i = 0; i < 100; i++) { // over a pipe's 64 KiB
            user.send("GET", "/v1/" + "n".repeat(1_000), null);
        }

        server.terminate();
        while (user.send("GET", "/health/ready", null).statusCode() != 503) {
            Thread.onSpinWait();
        }
        user.send("GET", "/v1/tasks", null);

        assertThat(server.exit()).isEqualTo(143);
    }
}
