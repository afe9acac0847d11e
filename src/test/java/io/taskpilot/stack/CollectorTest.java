package io.taskpilot.stack;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpServer;
import io.taskpilot.stack.Collector.Span;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The shipped configurations in the real collector: what it keeps, what it strips, what it counts, what it passes on. */
class CollectorTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final long SECOND = 1_000_000_000L;
    private static final String KEY = "tp_ab12cd34_" + "x".repeat(43);

    @TempDir
    Path directory;

    @Test
    void theCollectorLikesEachConfiguration() throws Exception {
        assertThat(Collector.validate(Map.of(), "otel/collector.yaml")).isEmpty();
        assertThat(Collector.validate(Map.of(), "otel/collector.yaml", "otel/kubernetes.yaml"))
                .isEmpty();
        assertThat(Collector.validate(Map.of("EXPORTER_INSTANCE", "pod-1"), "otel/metrics-exporter.yaml"))
                .isEmpty();
        assertThat(Collector.validate(
                        Map.of("TRACE_EXPORTERS", "[otlp_grpc/jaeger, otlp_grpc/tempo, file/backup]"),
                        "otel/collector.yaml"))
                .isEmpty();
    }

    /** The component is not to be had as a module, so all that it may say against the overlay is that it is unknown. */
    @Test
    void theServiceGraphIsAllThatIsUnknownInItsFile() throws Exception {
        assertThat(Collector.validate(Map.of(), "otel/collector.yaml", "otel/service-graph.yaml"))
                .contains("unknown type: \"service_graph\"")
                .doesNotContain("otlp_grpc")
                .containsOnlyOnce("unknown type");
    }

    /** As in {@code docker/init/tempo}. */
    @Test
    void theFlagsOfAProfileAreAConfigurationToo() throws Exception {
        var process = new ProcessBuilder("docker/init/tempo");
        process.environment().put("BACKENDS", directory.resolve("backends.yaml").toString());
        assertThat(process.start().waitFor()).isZero();

        assertThat(Collector.validate(
                        Map.of(),
                        "otel/collector.yaml",
                        directory.resolve("backends.yaml").toString()))
                .isEmpty();
    }

    @Test
    void whatWasSaidIsNotPassedOn() throws Exception {
        try (var collector = Collector.start(directory)) {
            collector.take(trace(
                    "chat offline",
                    SECOND,
                    0,
                    Map.of(
                            "gen_ai.operation.name", "chat",
                            "gen_ai.input.messages", "said-by-a-person",
                            "gen_ai.output.messages", "said-by-a-model",
                            "gen_ai.system_instructions", "said-by-us",
                            "gen_ai.tool.call.arguments", "said-to-a-tool",
                            "gen_ai.tool.call.result", "said-by-a-tool",
                            "http.request.header.authorization", "said-by-a-client",
                            "url.full", "https://user:said-in-a-url@example.com/x",
                            "note", "key " + KEY + " and Bearer abcdefgh.ijklmnop and sk-" + "y".repeat(24))));

            var said = Map.of("exception.message", "Bearer abcdefgh.ijklmnop", "gen_ai.prompt", "said-in-an-event");
            collector.take(trace("execute_tool create_task", SECOND, 2, Map.of(), said));

            var span = collector.await(spans -> spans.size() == 2).stream()
                    .filter(each -> each.name().equals("chat offline"))
                    .findFirst()
                    .orElseThrow();

            assertThat(span.attributes())
                    .containsEntry("gen_ai.operation.name", "chat")
                    .containsEntry("url.full", "https://***@example.com/x")
                    .containsEntry("note", "key *** and *** and ***");
            assertThat(collector.file()).doesNotContain("said-", "tp_ab12cd34", "sk-yy", "abcdefgh");
        }
    }

    /** By {@code tail_sampling}, with nothing kept by chance. */
    @ParameterizedTest
    @CsvSource({
        "a failed one, 1, 2, other, x",
        "a slow one, 6, 0, other, x",
        "a denied one, 1, 0, taskpilot.decision.result, deny",
        "one that waited for a person, 1, 0, taskpilot.decision.result, require_approval"
    })
    void whatSomebodyWillAskForIsKept(String why, int seconds, int status, String key, String value) throws Exception {
        try (var collector = Collector.start(directory, Map.of("SAMPLING_PERCENTAGE", "0"))) {
            collector.take(trace("ordinary", SECOND, 0, Map.of("taskpilot.decision.result", "allow")));
            collector.take(trace(why, seconds * SECOND, status, Map.of(key, value)));

            assertThat(collector.await(spans -> !spans.isEmpty()))
                    .extracting(Span::name)
                    .containsExactly(why);
            assertThat(collector.await(
                            collector.ownMetrics(),
                            metrics -> metrics.contains("otelcol_receiver_accepted_spans_total{")))
                    .containsPattern("otelcol_receiver_accepted_spans_total[{].*[}] 2");
        }
    }

    @Test
    void everySpanIsCountedBeforeOneIsDropped() throws Exception {
        try (var collector = Collector.start(directory, Map.of("SAMPLING_PERCENTAGE", "0"))) {
            for (var i = 0; i < 5; i++) {
                collector.take(trace(
                        "invoke_agent PlannerAgent",
                        SECOND / 100,
                        0,
                        Map.of("gen_ai.operation.name", "invoke_agent", "gen_ai.agent.name", "PlannerAgent")));
            }

            var metrics = collector.await(
                    collector.metrics(),
                    body -> body.matches("(?s).*traces_span_metrics_calls_total[{][^}]*[}] 5(\\.0)?\\b.*"));

            assertThat(metrics)
                    .contains("gen_ai_agent_name=\"PlannerAgent\"", "service_name=\"taskpilot\"")
                    .containsPattern("traces_span_metrics_duration_seconds_bucket[{][^}]*le=\"0[.]01\"[}] 5\\b");

            var exemplar = Pattern.compile(
                    "traces_span_metrics_duration_seconds_bucket[{][^}]*[}] [0-9]+ # [{][^}]*trace_id=");
            while (!exemplar.matcher(metrics).find()) { // they are of the last interval alone
                collector.take(trace("invoke_agent ReviewerAgent", SECOND / 100, 0, Map.of()));
                metrics = collector.await(collector.metrics(), any -> true);
            }
        }
    }

    /** A server, OPA and guardrails as far as the exporter sees them: three pages of metrics on loopback. */
    @Test
    void theExporterOffersAllOfAPodOnOnePort() throws Exception {
        var pages = new ArrayList<HttpServer>();
        try {
            var server = page(pages, """
                    # TYPE taskpilot_agent_duration_seconds histogram
                    # UNIT taskpilot_agent_duration_seconds seconds
                    # HELP taskpilot_agent_duration_seconds How long.
                    taskpilot_agent_duration_seconds_bucket{agent="PlannerAgent",le="0.5"} 2 # {trace_id="4bf92f3577b34da6a3ce929d0e0e4736",span_id="00f067aa0ba902b7"} 0.4 1.7e9
                    taskpilot_agent_duration_seconds_bucket{agent="PlannerAgent",le="+Inf"} 3
                    taskpilot_agent_duration_seconds_count{agent="PlannerAgent"} 3
                    taskpilot_agent_duration_seconds_sum{agent="PlannerAgent"} 2.5
                    # TYPE taskpilot_takeovers counter
                    taskpilot_takeovers_total{reason="released"} 7
                    # TYPE taskpilot_workflow_active gauge
                    taskpilot_workflow_active{workflow="taskpilot"} 4
                    # EOF
                    """);
            var opa = page(
                    pages,
                    "# TYPE http_request_duration_seconds counter\nhttp_request_duration_seconds_total 1\n# EOF\n");
            var guardrails = page(pages, "# TYPE guardrails_up gauge\nguardrails_up 1\n# EOF\n");
            var environment = Map.of(
                    "EXPORTER_INSTANCE", "taskpilot-7d4f-x1",
                    "EXPORTER_SERVER", server,
                    "EXPORTER_OPA", opa,
                    "EXPORTER_GUARDRAILS", guardrails);
            try (var exporter = Collector.exporter(directory, environment)) {
                var all = exporter.await(
                        exporter.metrics(),
                        body -> Stream.of(
                                        "taskpilot_workflow_active{",
                                        "http_request_duration_seconds_total{",
                                        "guardrails_up{")
                                .allMatch(body::contains));

                assertThat(all.lines().filter(line -> line.startsWith("taskpilot_takeovers_total{")))
                        .singleElement()
                        .asString()
                        .contains("job=\"taskpilot\"", "instance=\"taskpilot-7d4f-x1\"", "reason=\"released\"")
                        .endsWith("} 7.0");
                assertThat(all)
                        .containsPattern(
                                "taskpilot_agent_duration_seconds_bucket[{].*le=\"0[.]5\"[}] 2 # [{].*trace_id=\"4bf92f35")
                        .containsPattern("up[{].*job=\"opa\".*[}] 1")
                        .doesNotContain("_seconds_seconds", "_total_total");
            }
        } finally {
            pages.forEach(page -> page.stop(0));
        }
    }

    @Test
    void theExporterPassesSpansOnToTheCollector() throws Exception {
        var beside = Files.createDirectory(directory.resolve("exporter"));
        try (var collector = Collector.start(directory)) {
            var endpoint = collector.grpc().getAuthority();
            var environment = Map.of("EXPORTER_INSTANCE", "pod-1", "COLLECTOR_ENDPOINT", endpoint);
            try (var exporter = Collector.exporter(beside, environment)) {
                exporter.take(trace("invoke_workflow taskpilot", SECOND, 0, Map.of()));

                assertThat(collector.await(spans -> !spans.isEmpty()))
                        .extracting(Span::name)
                        .containsExactly("invoke_workflow taskpilot");
            }
        }
    }

    private static String page(List<HttpServer> pages, String text) throws Exception {
        var page = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        page.createContext("/metrics", exchange -> {
            exchange.getResponseHeaders()
                    .add("Content-Type", "application/openmetrics-text; version=1.0.0; charset=utf-8");
            exchange.sendResponseHeaders(200, 0);
            exchange.getResponseBody().write(text.getBytes(StandardCharsets.UTF_8));
            exchange.close();
        });
        page.start();
        pages.add(page);
        return "127.0.0.1:" + page.getAddress().getPort();
    }

    private static String trace(String name, long nanos, int status, Map<String, String> attributes) throws Exception {
        return trace(name, nanos, status, attributes, Map.of());
    }

    /**
     * A trace of one span that has just ended.
     *
     * @param event attributes of the one event that the span has; it has none when there are none
     */
    private static String trace(
            String name, long nanos, int status, Map<String, String> attributes, Map<String, String> event)
            throws Exception {
        var random = ThreadLocalRandom.current();
        var end = System.currentTimeMillis() * 1_000_000L;
        var span = Map.of(
                "traceId", "%016x%016x".formatted(random.nextLong(), random.nextLong()),
                "spanId", "%016x".formatted(random.nextLong()),
                "name", name,
                "kind", 1,
                "startTimeUnixNano", String.valueOf(end - nanos),
                "endTimeUnixNano", String.valueOf(end),
                "status", Map.of("code", status),
                "attributes", attributes(attributes),
                "events",
                        event.isEmpty()
                                ? List.of()
                                : List.of(Map.of("name", "noted", "attributes", attributes(event))));
        return JSON.writeValueAsString(Map.of(
                "resourceSpans",
                List.of(Map.of(
                        "resource", Map.of("attributes", attributes(Map.of("service.name", "taskpilot"))),
                        "scopeSpans", List.of(Map.of("spans", List.of(span)))))));
    }

    private static List<Map<String, Object>> attributes(Map<String, String> values) {
        return values.entrySet().stream()
                .map(value ->
                        Map.<String, Object>of("key", value.getKey(), "value", Map.of("stringValue", value.getValue())))
                .toList();
    }
}
