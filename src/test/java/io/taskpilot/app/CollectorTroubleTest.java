package io.taskpilot.app;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import com.fasterxml.jackson.databind.JsonNode;
import io.taskpilot.LongRunning;
import io.taskpilot.config.ConfigException;
import io.taskpilot.outside.OutsideProcess;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A server without a collector, or with one that is dead, or hangs: runs go on as ever, and what is lost is counted. */
@LongRunning
class CollectorTroubleTest {
    private static final int RUNS = 20;
    private static final String INPUT = "Create a low priority task \"Water the plants\"";

    /** Nobody there at all, or somebody who accepts connections and never says a word. */
    enum Trouble {
        DEAD,
        HANGING
    }

    @ParameterizedTest
    @CsvSource({"DEAD,grpc", "DEAD,http/protobuf", "HANGING,grpc", "HANGING,http/protobuf"})
    void runsGoOnAndLostSpansAreCounted(Trouble trouble, String protocol) throws Exception {
        if (trouble == Trouble.DEAD) {
            loseSpans(OutsideProcess.unusedPort(), protocol, "not_taken");
            return;
        }
        try (var mute = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            loseSpans(mute.getLocalPort(), protocol, "queue_full");
        }
    }

    private static void loseSpans(int port, String protocol, String reason) throws Exception {
        var settings = Map.of(
                "OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:" + port,
                "OTEL_EXPORTER_OTLP_PROTOCOL", protocol,
                "OTEL_BSP_SCHEDULE_DELAY", "20",
                "OTEL_BSP_MAX_QUEUE_SIZE", "64",
                "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "32");
        try (var server = TestServer.start(settings)) {
            for (var i = 0; i < RUNS; i++) {
                assertThat(server.user().finish(INPUT).path("status").asText()).isEqualTo("succeeded");
            }
            awaitDropped(server, reason);
            assertThat(server.user().send("GET", "/health", null).statusCode()).isEqualTo(200);
        } // which waits for the last spans, and not for ever
    }

    private static void awaitDropped(TestServer server, String reason) throws Exception {
        var line = "taskpilot_telemetry_dropped_total{reason=\"%s\",signal=\"traces\"} ".formatted(reason);
        var management = new ApiUser(URI.create(server.managementUrl()));
        var end = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        while (System.nanoTime() < end) {
            var dropped = management
                    .send("GET", "/metrics", null)
                    .body()
                    .lines()
                    .filter(text -> text.startsWith(line))
                    .mapToDouble(text -> Double.parseDouble(text.substring(line.length())))
                    .sum();
            if (dropped > 0) {
                return;
            }
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(50));
        }
        throw new AssertionError("no " + line);
    }

    @Test
    void withoutASettingThereAreTraceIdsAndNobodyIsSentSpans() throws Exception {
        try (var server = TestServer.start(Map.of())) {
            var run = server.user().finish(INPUT);

            assertThat(traceIdOfDecisions(server, run)).matches("[0-9a-f]{32}");
            assertThat(server.user().send("GET", "/v1/runs", null).headers().firstValue("traceparent"))
                    .hasValueSatisfying(value -> assertThat(value).endsWith("-01"));
        }
    }

    @Test
    void withTheSdkDisabledThereIsNoTraceAtAll() throws Exception {
        try (var collector = new OtlpReceiver()) {
            var settings = new HashMap<>(collector.settings("grpc"));
            settings.put("OTEL_SDK_DISABLED", "true");
            try (var server = TestServer.start(settings)) {
                var run = server.user().finish(INPUT);

                assertThat(run.path("status").asText()).isEqualTo("succeeded");
                assertThat(traceIdOfDecisions(server, run)).isEmpty();
                assertThat(server.user().send("GET", "/v1/runs", null).headers().firstValue("traceparent"))
                        .isEmpty();
            }
            assertThat(collector.spans()).isEmpty();
        }
    }

    @Test
    void whatTheSamplerLeavesOutIsNotSentAndKeepsItsIds() throws Exception {
        try (var collector = new OtlpReceiver()) {
            var settings = new HashMap<>(collector.settings("grpc"));
            settings.put("OTEL_TRACES_SAMPLER", "parentbased_always_off");
            try (var server = TestServer.start(settings)) {
                var run = server.user().finish(INPUT);
                assertThat(traceIdOfDecisions(server, run)).matches("[0-9a-f]{32}");
                var sampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
                server.user().send("GET", "/v1/runs", null, "traceparent", sampled);

                collector.trace(sampled.substring(3, 35), trace -> trace.has("GET /v1/runs"));
            }
            assertThat(collector.spans())
                    .extracting(SeenSpan::name)
                    .containsOnly("GET /v1/runs", "evaluate_policy taskpilot/ingress/decision");
        }
    }

    @Test
    void theCollectorIsSentWhatItsHeadersSettingSays() throws Exception {
        try (var collector = new OtlpReceiver()) {
            var settings = new HashMap<>(collector.settings("http/protobuf"));
            settings.put("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20for-the-collector");
            try (var server = TestServer.start(settings)) {
                server.user().finish(INPUT);
            }
            assertThat(collector.authorizations()).isNotEmpty().containsOnly("Bearer for-the-collector");
        }
    }

    @Test
    void aValueThatTheSdkDoesNotTakeKeepsTheServerFromStarting() {
        var settings = Map.of("OTEL_TRACES_SAMPLER", "sometimes");

        assertThat(catchThrowable(() -> TestServer.start(settings)))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("OTEL_")
                .hasMessageContaining("sometimes");
    }

    private static String traceIdOfDecisions(TestServer server, JsonNode run) throws Exception {
        return server.user()
                .get("/v1/decisions?run_id=" + run.path("id").asText())
                .path("items")
                .path(0)
                .path("trace_id")
                .asText();
    }
}
