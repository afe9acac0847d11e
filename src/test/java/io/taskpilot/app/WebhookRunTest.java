package io.taskpilot.app;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.sun.net.httpserver.HttpServer;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whoever reads a run sees how its webhooks went. */
class WebhookRunTest {
    private static final String ASKS = "Create a low priority task \"Tell them\" and notify the team";
    private static final int CUT = 0;

    @TempDir
    Path directory;

    private final BlockingQueue<Integer> statuses = new LinkedBlockingQueue<>();
    private HttpServer receiver;

    @BeforeEach
    void open() throws Exception {
        receiver = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        receiver.createContext("/", exchange -> {
            exchange.getRequestBody().readAllBytes();
            var status = statuses.remove();
            if (status != CUT) {
                exchange.sendResponseHeaders(status, -1);
            }
            exchange.close();
        });
        receiver.start();
    }

    @AfterEach
    void close() {
        receiver.stop(0);
    }

    private List<JsonNode> run(String last) throws Exception {
        var conf = WebhookConf.write(
                directory.resolve("conf"), receiver.getAddress().getPort(), "60s");
        try (var server = TestServer.start(Map.of("TASKPILOT_CONF_DIR", conf.toString()))) {
            var run = server.user().submit(ASKS);
            return server.user()
                    .follow(run, 0, event -> event.path("type").asText().equals(last));
        }
    }

    private static JsonNode webhook(List<JsonNode> events, String type) {
        return events.stream()
                .filter(event -> event.path("type").asText().equals(type))
                .map(event -> event.path("data"))
                .filter(data -> data.path("tool").asText().equals("notify_external_system"))
                .findFirst()
                .orElseThrow();
    }

    private static List<JsonNode> attempts(JsonNode data) {
        var attempts = new ArrayList<JsonNode>();
        data.path("attempts").forEach(attempts::add);
        return attempts;
    }

    @Test
    void answeredAttemptIsInTheEventOfTheAnswer() throws Exception {
        statuses.add(200);

        var completed = webhook(run("run.succeeded"), "tool.completed");

        assertThat(attempts(completed)).hasSize(1).allSatisfy(attempt -> {
            assertThat(attempt.path("status").asInt()).isEqualTo(200);
            assertThat(attempt.has("failure")).isFalse();
            assertThat(attempt.path("duration_ms").isIntegralNumber()).isTrue();
        });
    }

    @Test
    void unansweredAttemptIsInTheEventThatSaysSo() throws Exception {
        statuses.add(CUT);

        var unknown = webhook(run("approval.requested"), "tool.outcome_unknown");

        assertThat(attempts(unknown)).hasSize(1).allSatisfy(attempt -> {
            assertThat(attempt.path("failure").asText()).isEqualTo("no_answer");
            assertThat(attempt.has("status")).isFalse();
            assertThat(attempt.toString()).doesNotContain("hook", "127.0.0.1");
        });
    }

    @Test
    void callThatWentNowhereHasNone() throws Exception {
        statuses.add(200);

        var events = run("run.succeeded");

        assertThat(events.stream()
                        .map(event -> event.path("data"))
                        .filter(data -> data.path("tool").asText().equals("create_task")))
                .isNotEmpty()
                .allSatisfy(data -> assertThat(data.has("attempts")).isFalse());
    }
}
