package io.taskpilot.app;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.taskpilot.LongRunning;
import io.taskpilot.guardrail.RealNemo;
import io.taskpilot.journal.TestPostgres;
import io.taskpilot.policy.OpaProcess;
import io.taskpilot.stack.Collector;
import io.taskpilot.stack.Collector.Span;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * One run over two nodes, with OPA and NeMo Guardrails, the first node killed in the middle: its trace as a backend gets it,
 * through the real collector with the shipped configuration.
 */
@LongRunning
class RunTraceIT {
    private static final int CLIENT = 3;
    private static final String PLANTED = "the-board-deck-of-november";

    @TempDir
    Path directory;

    @Test
    void theBackendGetsOneWholeTraceWithoutAWordOfIt() throws Exception {
        Collector.orSkip();
        try (var collector = Collector.start(Files.createDirectory(directory.resolve("collector")));
                var opa = OpaProcess.start()) {
            var settings = new HashMap<>(Map.of(
                    "TASKPILOT_POSTGRES_URL",
                    TestPostgres.database().url().value(),
                    "TASKPILOT_OPA_URL",
                    opa.url().toString(),
                    "TASKPILOT_POLICY_TIMEOUT",
                    "5s",
                    "TASKPILOT_GUARDRAILS_URL",
                    RealNemo.shared().toString(),
                    "TASKPILOT_GUARDRAILS_TIMEOUT",
                    "20s",
                    "TASKPILOT_LLM_OFFLINE_LATENCY",
                    "4s",
                    "OTEL_EXPORTER_OTLP_ENDPOINT",
                    collector.grpc().toString(),
                    "OTEL_BSP_SCHEDULE_DELAY",
                    "50"));
            settings.put("OTEL_RESOURCE_ATTRIBUTES", "service.instance.id=first");
            try (var first = ServerProcess.start(directory.resolve("first"), settings)) {
                settings.put("OTEL_RESOURCE_ATTRIBUTES", "service.instance.id=second");
                try (var second = ServerProcess.start(directory.resolve("second"), settings)) {
                    var spans = killedInTheMiddle(collector, first, second);

                    assertOneTree(spans);
                    assertThat(collector.log()).doesNotContain("error");
                    assertThat(spans.toString()).doesNotContain(PLANTED);
                }
            }
        }
    }

    private static List<Span> killedInTheMiddle(Collector collector, ServerProcess first, ServerProcess second)
            throws Exception {
        var answer = first.user()
                .send(
                        "POST",
                        "/v1/runs",
                        "{\"input\": \"Create a high priority task to prepare %s\"}".formatted(PLANTED));
        var trace = answer.headers().firstValue("traceparent").orElseThrow().substring(3, 35);
        var run = ApiUser.JSON.readTree(answer.body()).path("id").asText();
        first.user().follow(run, 0, event -> isStart(event, "ReviewerAgent"));
        collector.await(all -> names(of(trace, all)).contains("plan")); // what has ended is out before the power goes
        first.kill();

        var events = second.user().events(run);
        assertThat(ApiUser.types(events)).contains("run.resumed").endsWith("run.succeeded");
        return of(
                trace,
                collector.await(all -> names(of(trace, all)).contains("invoke_workflow taskpilot")
                        && names(of(trace, all)).contains("invoke_agent ExecutorAgent")));
    }

    private static void assertOneTree(List<Span> spans) {
        var workflow = one(spans, "invoke_workflow taskpilot");
        assertThat(names(spans))
                .contains(
                        "plan",
                        "invoke_agent PlannerAgent",
                        "invoke_agent ReviewerAgent",
                        "invoke_agent ExecutorAgent",
                        "chat offline",
                        "execute_tool create_task")
                .anyMatch(name -> name.startsWith("POST /v1/data/taskpilot"))
                .contains("POST /v1/checks");
        assertThat(spans.stream()
                        .map(span -> span.attributes().get("service.instance.id"))
                        .distinct())
                .containsExactlyInAnyOrder("first", "second");
        assertThat(parentOf(spans, one(spans, "plan"))).isEqualTo(workflow);
        assertThat(spans)
                .filteredOn(span ->
                        span.name().startsWith("invoke_agent ") && !span.name().contains("Planner"))
                .allSatisfy(agent -> assertThat(parentOf(spans, agent)).isEqualTo(workflow));
        assertThat(parentOf(spans, one(spans, "execute_tool create_task")).name())
                .isEqualTo("invoke_agent ExecutorAgent");
        for (var span : spans) {
            if (span.name().startsWith("chat ")
                    || span.name().startsWith("POST /v1/data")
                    || span.name().equals("POST /v1/checks")) {
                assertThat(span.kind()).as(span.name()).isEqualTo(CLIENT);
            }
            if (span.name().equals("chat offline")) {
                assertThat(parentOf(spans, span).name()).startsWith("invoke_agent ");
            }
        }
        assertThat(spans)
                .filteredOn(span -> span.name().startsWith("invoke_agent ") && span.failed())
                .as("the turn that was cut")
                .singleElement()
                .satisfies(cut -> assertThat(spans)
                        .filteredOn(span -> span.name().equals(cut.name()) && !span.failed())
                        .singleElement()
                        .satisfies(next -> assertThat(next.links()).contains(cut.id())));
    }

    private static boolean isStart(JsonNode event, String agent) {
        return event.path("type").asText().equals("agent.started")
                && event.path("data").path("agent").asText().equals(agent);
    }

    private static List<Span> of(String trace, List<Span> spans) {
        return spans.stream().filter(span -> span.trace().equals(trace)).toList();
    }

    private static List<String> names(List<Span> spans) {
        return spans.stream().map(Span::name).collect(Collectors.toList());
    }

    private static Span one(List<Span> spans, String name) {
        var found = spans.stream().filter(span -> span.name().equals(name)).toList();
        assertThat(found).as(name).hasSize(1);
        return found.get(0);
    }

    private static Span parentOf(List<Span> spans, Span child) {
        var parents =
                spans.stream().filter(span -> span.id().equals(child.parent())).toList();
        assertThat(parents).as("parent of " + child.name()).hasSize(1);
        return parents.get(0);
    }
}
