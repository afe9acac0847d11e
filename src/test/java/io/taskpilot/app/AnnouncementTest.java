package io.taskpilot.app;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.taskpilot.LongRunning;
import io.taskpilot.config.ConfigException;
import io.taskpilot.engine.Announcer;
import io.taskpilot.engine.RunReader.ApprovalView;
import io.taskpilot.journal.PgAnnouncements;
import io.taskpilot.journal.PostgresAddress;
import io.taskpilot.journal.TestPostgres;
import io.taskpilot.run.Attempt;
import io.taskpilot.telemetry.Metrics;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.junit.jupiter.api.Test;

/** People are told of approvals that wait for them, until it was heard. */
@LongRunning
class AnnouncementTest {
    private static final byte[] KEY = "a key of more than twenty-four bytes".getBytes(UTF_8);
    private static final byte[] OLD_KEY = "the key that was there before it".getBytes(UTF_8);
    private static final String ASKS = "Create a high priority task \"Plan the sensitive audit\"";

    private record Told(String id, String timestamp, String signature, String body) {}

    private final BlockingQueue<Told> told = new LinkedBlockingQueue<>();
    private final BlockingQueue<Integer> statuses = new LinkedBlockingQueue<>();

    @Test
    void anApprovalIsAnnouncedSignedAndWithoutWhatWouldRun() throws Exception {
        var receiver = receiver();
        try (var server = start(TestPostgres.database(), receiver)) {
            var run = server.user().finish(ASKS);

            var announced = Objects.requireNonNull(told.poll(20, TimeUnit.SECONDS));

            assertThat(announced.id()).isEqualTo(run.path("approval_id").asText());
            assertThat(announced.signature())
                    .isEqualTo(signature(announced, KEY) + " " + signature(announced, OLD_KEY));
            assertThat(announced.body()).doesNotContain("audit");
            var event = json(announced.body());
            assertThat(event.path("type").asText()).isEqualTo("approval.requested");
            assertThat(event.path("data").path("run_id").asText())
                    .isEqualTo(run.path("id").asText());
            assertThat(event.path("data").path("tool").asText()).isEqualTo("create_task");
            server.user().send("POST", "/v1/approvals/" + announced.id() + "/reject", null);
        } finally {
            receiver.stop(0);
        }
    }

    @Test
    void withWhatWouldRunAnAnnouncementHidesWhatIsRedacted() throws Exception {
        var receiver = receiver();
        try (var server = start(
                TestPostgres.database(),
                receiver,
                Map.of(
                        "TASKPILOT_DECISIONS_ARGUMENTS",
                        "true",
                        "TASKPILOT_DECISIONS_REDACT",
                        "$..password,$.parameters.title"))) {
            var run = server.user().finish(ASKS);

            var announced = Objects.requireNonNull(told.poll(20, TimeUnit.SECONDS));

            var arguments = json(announced.body()).path("data").path("arguments");
            assertThat(arguments.path("title").asText()).isEqualTo("***");
            assertThat(arguments.path("priority").asText()).isEqualTo("high");
            var approval = server.user().get("/v1/approvals/" + announced.id());
            assertThat(approval.toString()).contains("Plan the sensitive audit"); // who answers sees what will run
            var logged = server.user()
                    .get("/v1/decisions?decision_type=tool_call&run_id="
                            + run.path("id").asText());
            assertThat(logged.path("items").path(0).path("context").asText())
                    .contains("\"title\":\"***\"", "\"priority\":\"high\"");
            server.user().send("POST", "/v1/approvals/" + announced.id() + "/reject", null);
        } finally {
            receiver.stop(0);
        }
    }

    @Test
    void theApprovalShowsEachAttemptToTellPeople() throws Exception {
        var receiver = receiver();
        statuses.add(503);
        try (var server = start(TestPostgres.database(), receiver)) {
            var run = server.user().finish(ASKS);
            var path = "/v1/approvals/" + run.path("approval_id").asText();

            var attempts = attempts(server, path);
            while (attempts.isEmpty()) {
                attempts = attempts(server, path);
            }

            assertThat(attempts)
                    .extracting(attempt -> attempt.path("status").asInt())
                    .containsExactly(503, 204);
            assertThat(attempts)
                    .allSatisfy(attempt -> assertThat(attempt.toString())
                            .doesNotContain(
                                    "ask", String.valueOf(receiver.getAddress().getPort()), "audit"));
            server.user().send("POST", path + "/reject", null);
        } finally {
            receiver.stop(0);
        }
    }

    private static List<JsonNode> attempts(TestServer server, String path) throws Exception {
        var attempts = new ArrayList<JsonNode>();
        server.user().get(path).path("announcement").path("attempts").forEach(attempts::add);
        return attempts;
    }

    @Test
    void theLastTwentyAttemptsAreKept() throws Exception {
        var database = TestPostgres.database();
        try (var server =
                TestServer.start(Map.of("TASKPILOT_POSTGRES_URL", database.url().value()))) {
            var approval = server.user().finish(ASKS).path("approval_id").asText();
            var vertx = Vertx.vertx();
            var announcements = new PgAnnouncements(TestPostgres.open(vertx, database, 2));
            for (var second = 0; second < 5; second++) {
                var at = Instant.ofEpochSecond(second);
                var tries = Collections.nCopies(7, new Attempt(at, 5, 0, null, Attempt.Lack.CONNECT));
                announcements
                        .tried(UUID.fromString(approval.substring(4)), tries, false)
                        .await();
            }

            assertThat(attempts(server, "/v1/approvals/" + approval))
                    .hasSize(Attempt.MOST)
                    .extracting(attempt -> Instant.parse(attempt.path("at").asText()))
                    .startsWith(Instant.ofEpochSecond(2))
                    .endsWith(Instant.ofEpochSecond(4))
                    .isSorted();
            vertx.close().await();
        }
    }

    @Test
    void whatWasNotHeardIsToldAgainAndWhatWasIsNot() throws Exception {
        var database = TestPostgres.database();
        var tries = new LinkedBlockingQueue<String>();
        var heard = new AtomicBoolean();
        try (var server =
                TestServer.start(Map.of("TASKPILOT_POSTGRES_URL", database.url().value()))) {
            var first = server.user().finish(ASKS).path("approval_id").asText();
            var vertx = Vertx.vertx();
            var connections = TestPostgres.open(vertx, database, 2);
            Announcer.Sender deafOnce = (approval, call) -> {
                tries.add(id(approval));
                return heard.getAndSet(true) ? Future.succeededFuture() : Future.failedFuture("not heard");
            };
            vertx.deployVerticle(new Announcer(
                            new PgAnnouncements(connections),
                            deafOnce,
                            Duration.ofMillis(100),
                            new Metrics("test", "test").approvals()))
                    .await();

            assertThat(tries.poll(20, TimeUnit.SECONDS)).isEqualTo(first);
            assertThat(tries.poll(20, TimeUnit.SECONDS)).isEqualTo(first);
            var second = server.user().finish(ASKS).path("approval_id").asText();
            assertThat(tries.poll(20, TimeUnit.SECONDS))
                    .as("the first was heard")
                    .isEqualTo(second);

            vertx.close().await();
        }
    }

    @Test
    void addressThatCanBeReadInTwoWaysKeepsTheServerFromStarting() {
        assertThatThrownBy(() -> TestServer.start(Map.of(
                        "TASKPILOT_POSTGRES_URL",
                        TestPostgres.database().url().value(),
                        "TASKPILOT_APPROVALS_WEBHOOK_URL",
                        "https://0x7f000001/ask",
                        "TASKPILOT_APPROVALS_WEBHOOK_SECRET",
                        "whsec_" + Base64.getEncoder().encodeToString(KEY))))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("approvals.webhook.url: no host");
    }

    private static String id(ApprovalView approval) {
        return "apr_" + approval.asked().approvalId();
    }

    private TestServer start(PostgresAddress database, HttpServer receiver) throws Exception {
        return start(database, receiver, Map.of());
    }

    private TestServer start(PostgresAddress database, HttpServer receiver, Map<String, String> more) throws Exception {
        var settings = new HashMap<>(Map.of(
                "TASKPILOT_POSTGRES_URL",
                database.url().value(),
                "TASKPILOT_APPROVALS_WEBHOOK_URL",
                "http://127.0.0.1:" + receiver.getAddress().getPort() + "/ask",
                "TASKPILOT_APPROVALS_WEBHOOK_SECRET",
                "whsec_" + Base64.getEncoder().encodeToString(KEY),
                "TASKPILOT_APPROVALS_WEBHOOK_PREVIOUS_SECRET",
                "whsec_" + Base64.getEncoder().encodeToString(OLD_KEY),
                "TASKPILOT_APPROVALS_WEBHOOK_ALLOW_PRIVATE",
                "true"));
        settings.putAll(more);
        return TestServer.start(settings);
    }

    private HttpServer receiver() throws IOException {
        var server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/ask", this::receive);
        server.start();
        return server;
    }

    private void receive(HttpExchange exchange) throws IOException {
        var headers = exchange.getRequestHeaders();
        told.add(new Told(
                headers.getFirst("webhook-id"),
                headers.getFirst("webhook-timestamp"),
                headers.getFirst("webhook-signature"),
                new String(exchange.getRequestBody().readAllBytes(), UTF_8)));
        var status = statuses.poll();
        exchange.sendResponseHeaders(status == null ? 204 : status, -1);
        exchange.close();
    }

    /** As a receiver would check it, by the specification of Standard Webhooks. */
    private static String signature(Told told, byte[] key) throws Exception {
        var mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(key, "HmacSHA256"));
        var signed = told.id() + "." + told.timestamp() + "." + told.body();
        return "v1," + Base64.getEncoder().encodeToString(mac.doFinal(signed.getBytes(UTF_8)));
    }

    private static JsonNode json(String text) throws IOException {
        return ApiUser.JSON.readTree(text);
    }
}
