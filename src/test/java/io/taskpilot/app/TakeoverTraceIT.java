package io.taskpilot.app;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.taskpilot.journal.TestPostgres;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BiConsumer;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfEnvironmentVariable;
import org.junit.jupiter.api.io.TempDir;

/**
 * The trace of a run whose node is killed: whole all the same. Also through a collector of whoever has one: it listens
 * at {@code TASKPILOT_TEST_OTLP_ENDPOINT}, and its file exporter writes to {@code TASKPILOT_TEST_OTLP_FILE}.
 */
class TakeoverTraceIT {
    private static final String ENDPOINT = "TASKPILOT_TEST_OTLP_ENDPOINT";
    private static final String FILE = "TASKPILOT_TEST_OTLP_FILE";
    private static final long PATIENCE_SECONDS = 120;

    @TempDir
    Path directory;

    @FunctionalInterface
    private interface Collected {
        SeenTrace trace(String traceId, Predicate<SeenTrace> whole);
    }

    @Test
    void theTraceOfARunWhoseNodeIsKilledIsWhole() throws Exception {
        try (var collector = new OtlpReceiver()) {
            var trace = takeOver(collector.settings("grpc"), collector::trace, (first, traceId) -> {
                collector.trace(traceId, seen -> seen.has("plan")); // what has ended is out before the power goes
                first.kill();
            });

            assertWhole(trace);
            assertThat(trace.one("invoke_workflow taskpilot").attribute("taskpilot.run.attempt"))
                    .isEqualTo("2");
            var reviews = trace.all("invoke_agent ReviewerAgent");
            assertThat(reviews.get(0).attribute("error.type")).isEqualTo("node_dead");
            assertThat(reviews.get(1).attribute("taskpilot.run.resumed")).isEqualTo("node_dead");
        }
    }

    /** The node is told to stop, so that it sends what it has; tail sampling may keep what takes over 5 s, as this does. */
    @Test
    @EnabledIfEnvironmentVariable(named = ENDPOINT, matches = ".+")
    void theTraceOfARunWhoseNodeStopsIsWholeBehindACollector() throws Exception {
        var settings = Map.of("OTEL_EXPORTER_OTLP_ENDPOINT", System.getenv(ENDPOINT));

        var trace = takeOver(settings, TakeoverTraceIT::exported, (first, traceId) -> first.stop());

        assertWhole(trace);
        var reviews = trace.all("invoke_agent ReviewerAgent");
        assertThat(reviews.get(0).attribute("taskpilot.run.suspended")).isEqualTo("released");
        assertThat(reviews.get(1).attribute("taskpilot.run.resumed")).isEqualTo("released");
    }

    private SeenTrace takeOver(Map<String, String> exporter, Collected collected, BiConsumer<ServerProcess, String> end)
            throws Exception {
        var settings = new HashMap<>(exporter);
        settings.put("TASKPILOT_POSTGRES_URL", TestPostgres.database().url().value());
        settings.put("TASKPILOT_LLM_OFFLINE_LATENCY", "2s");
        settings.put("TASKPILOT_DRAIN_ACCEPT", "0s");
        settings.put("OTEL_RESOURCE_ATTRIBUTES", "service.instance.id=first");
        try (var first = ServerProcess.start(directory.resolve("first"), settings)) {
            settings.put("OTEL_RESOURCE_ATTRIBUTES", "service.instance.id=second");
            try (var second = ServerProcess.start(directory.resolve("second"), settings)) {
                var answer = first.user().send("POST", "/v1/runs", """
                        {"input": "Create a high priority task to prepare the board deck"}""");
                var traceId =
                        answer.headers().firstValue("traceparent").orElseThrow().substring(3, 35);
                var runId = ApiUser.JSON.readTree(answer.body()).path("id").asText();
                first.user().follow(runId, 0, event -> isStart(event, "ReviewerAgent"));
                end.accept(first, traceId);

                second.user().events(runId);
                return collected.trace(
                        traceId,
                        seen -> seen.has("invoke_workflow taskpilot")
                                && seen.has("execute_tool create_task")
                                && seen.all("invoke_agent ReviewerAgent").size() == 2);
            }
        }
    }

    private static boolean isStart(JsonNode event, String agent) {
        return event.path("type").asText().equals("agent.started")
                && event.path("data").path("agent").asText().equals(agent);
    }

    private static void assertWhole(SeenTrace trace) {
        assertThat(trace.nodes()).isEqualTo(Set.of("first", "second"));
        assertThat(trace.one("plan").node()).isEqualTo("first");
        var workflow = trace.one("invoke_workflow taskpilot");
        assertThat(workflow.node()).isEqualTo("second");
        assertThat(trace.one("POST /v1/runs").spanId()).isEqualTo(workflow.parentId());
        assertThat(trace.children(workflow.spanId()).stream().map(SeenSpan::name))
                .containsExactly(
                        "check_guardrails input",
                        "plan",
                        "invoke_agent ReviewerAgent",
                        "invoke_agent ReviewerAgent",
                        "invoke_agent ExecutorAgent");
        var reviews = trace.all("invoke_agent ReviewerAgent");
        assertThat(reviews.get(1).links()).containsExactly(reviews.get(0).spanId());
        assertThat(trace.children(reviews.get(1).spanId()).stream().map(SeenSpan::name))
                .containsExactly("chat offline", "check_guardrails output");
        assertThat(trace.orphans("")).isEmpty();
    }

    /** What the collector has written of a trace. */
    private static SeenTrace exported(String traceId, Predicate<SeenTrace> whole) {
        var end = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
        while (true) {
            var trace = new SeenTrace(written().stream()
                    .filter(span -> span.traceId().equals(traceId))
                    .toList());
            if (whole.test(trace)) {
                return trace;
            }
            if (System.nanoTime() - end > 0) {
                throw new AssertionError("not what was awaited of trace %s:\n%s".formatted(traceId, trace.tree()));
            }
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(200));
        }
    }

    private static List<SeenSpan> written() {
        var spans = new ArrayList<SeenSpan>();
        try {
            var file = Path.of(System.getenv(FILE));
            for (var line : Files.exists(file) ? Files.readAllLines(file) : List.<String>of()) {
                if (line.endsWith("}")) { // the last one may be half written
                    spans.addAll(SeenSpan.of(ApiUser.JSON.readTree(line)));
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return spans;
    }
}
