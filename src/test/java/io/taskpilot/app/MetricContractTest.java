package io.taskpilot.app;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.outside.Tool;
import io.taskpilot.telemetry.DocumentedMetrics;
import io.taskpilot.telemetry.Scrape;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What {@code docs/metrics.md} promises is what a server shows under a load that has everything in it. */
class MetricContractTest {
    /** For the checks of rules and dashboards, and for who wants to look. */
    private static final Path KEPT = Path.of("target/metrics");

    /** What a load of a minute cannot bring about, and why. */
    private static final Map<String, String> NOT_HERE = Map.of(
            "vertx_http_server_errors_total", "the network breaks a connection",
            "vertx_http_client_errors_total", "the network breaks a connection");

    private static String text;
    private static String openMetrics;

    private enum Format {
        TEXT,
        OPEN_METRICS
    }

    @BeforeAll
    static void load() throws Exception {
        try (var load = new MixedLoad()) {
            load.run();
            text = load.text();
            openMetrics = load.openMetrics();
        }
        Files.createDirectories(KEPT);
        Files.writeString(KEPT.resolve("scrape.txt"), text);
        Files.writeString(KEPT.resolve("scrape.openmetrics.txt"), openMetrics);
    }

    private static Scrape scrape(Format format) {
        return Scrape.parse(format == Format.TEXT ? text : openMetrics);
    }

    @ParameterizedTest
    @EnumSource
    void everyDocumentedMetricIsThere(Format format) {
        var missing = new TreeSet<>(DocumentedMetrics.read().keySet());
        missing.removeAll(scrape(format).families().keySet());
        missing.removeAll(NOT_HERE.keySet());

        assertThat(missing).isEmpty();
    }

    @ParameterizedTest
    @EnumSource
    void everySeriesIsDocumentedAsItIs(Format format) {
        var rows = DocumentedMetrics.read();

        for (var family : scrape(format).families().entrySet()) {
            var name = family.getKey();
            assertThat(rows).as("docs/metrics.md").containsKey(name);
            assertThat(family.getValue().help()).as(name).isNotEmpty();
            assertThat(family.getValue().labels())
                    .as(name)
                    .isSubsetOf(requireNonNull(rows.get(name)).labels());
        }
    }

    @Test
    void bothFormatsHaveTheSameMetrics() {
        assertThat(scrape(Format.OPEN_METRICS).families().keySet())
                .isEqualTo(scrape(Format.TEXT).families().keySet());
    }

    @Test
    void theLoadHadEverythingInIt() {
        var scrape = scrape(Format.TEXT);

        for (var outcome : new String[] {"succeeded", "blocked", "rejected", "failed", "cancelled"}) {
            assertThat(scrape.sum("taskpilot_workflow_completed_total", "outcome", outcome))
                    .as(outcome)
                    .isPositive();
        }
        for (var outcome : new String[] {"executed", "denied", "awaiting_approval"}) {
            assertThat(scrape.sum("taskpilot_tool_calls_total", "outcome", outcome))
                    .as(outcome)
                    .isPositive();
        }
        assertThat(scrape.sum("taskpilot_tool_calls_total", "tool", "other"))
                .as("a tool that nobody knows")
                .isPositive();
        assertThat(scrape.sum("taskpilot_policy_evaluation_seconds_count", "outcome", "error"))
                .isPositive();
        assertThat(scrape.sum("taskpilot_guardrail_check_seconds_count", "outcome", "error"))
                .isPositive();
        assertThat(scrape.sum("taskpilot_llm_request_duration_seconds_count", "outcome", "error"))
                .isPositive();
        assertThat(scrape.sum("taskpilot_llm_retries_total", "reason", "unreachable"))
                .isPositive();
        assertThat(scrape.sum("taskpilot_signals_reopened_total")).isPositive();
        assertThat(scrape.sum("taskpilot_trace_archive_objects_total", "outcome", "archived"))
                .isPositive();
        assertThat(scrape.sum("taskpilot_approvals_pending")).isPositive();
        assertThat(scrape.sum("taskpilot_approval_oldest_seconds")).isPositive();
        assertThat(scrape.sum("taskpilot_stream_first_event_seconds_count", "transport", "websocket"))
                .isPositive();
        assertThat(scrape.sum("vertx_http_server_requests_total", "route", "/v1/runs/:id/events#stream"))
                .isPositive();
        assertThat(scrape.sum("vertx_http_server_requests_total", "method", "other"))
                .isPositive();
        assertThat(scrape.sum("vertx_pool_completed_total", "pool_name", "postgres"))
                .isPositive();
        for (var client : new String[] {"opa", "guardrails", "llm"}) { // whose pools count who waits, and no more
            assertThat(scrape.sum("vertx_http_client_requests_total", "client_name", client))
                    .as(client)
                    .isPositive();
        }
        assertThat(scrape.sum("vertx_http_server_response_time_seconds_bucket", "le", "+Inf"))
                .isPositive();
    }

    /** Metrics, whatever was asked, said and configured, hold none of it. */
    @Test
    void noIdAndNoTextIsInIt() {
        assertThat(text)
                .doesNotContain("board deck")
                .doesNotContain("run_0")
                .doesNotContain("local-secret")
                .doesNotContain("127.0.0.1")
                .doesNotContain("whsec_");
    }

    @Test
    void promtoolHasNothingToSay() throws Exception {
        var promtool = Tool.orSkip("PROMTOOL", "promtool").toString();
        var said = Files.createTempFile("promtool", ".txt");
        try {
            var process = new ProcessBuilder(promtool, "check", "metrics")
                    .redirectInput(KEPT.resolve("scrape.txt").toFile())
                    .redirectErrorStream(true)
                    .redirectOutput(said.toFile())
                    .start();
            assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
            // the unit of a headroom that people plan by; all else in base units
            assertThat(Files.readAllLines(said))
                    .isSubsetOf("taskpilot_partition_headroom_days use base unit \"seconds\" instead of \"days\"");
        } finally {
            Files.delete(said);
        }
    }
}
