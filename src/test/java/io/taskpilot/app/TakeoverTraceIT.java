package io.taskpilot.app;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.taskpilot.LongRunning;
import io.taskpilot.journal.TestPostgres;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The trace of a run whose node is killed: whole all the same. {@link RunTraceIT} has it through a collector. */
@LongRunning
class TakeoverTraceIT {
    @TempDir
    Path directory;

    @Test
    void theTraceOfARunWhoseNodeIsKilledIsWhole() throws Exception {
        try (var collector = new OtlpReceiver()) {
            var trace = takeOver(collector);

            assertWhole(trace);
            assertThat(trace.one("invoke_workflow taskpilot").attribute("taskpilot.run.attempt"))
                    .isEqualTo("2");
        }
    }

    private SeenTrace takeOver(OtlpReceiver collector) throws Exception {
        var settings = new HashMap<>(collector.settings("grpc"));
        settings.put("TASKPILOT_POSTGRES_URL", TestPostgres.database().url().value());
        settings.put("TASKPILOT_LLM_OFFLINE_LATENCY", "3s");
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
                collector.trace(traceId, seen -> seen.has("plan")); // what has ended is out before the power goes
                first.kill();

                second.user().events(runId);
                return collector.trace(
                        traceId,
                        seen -> seen.has("invoke_workflow taskpilot")
                                && seen.has("execute_tool create_task")
                                && seen.orphans("").isEmpty());
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
        // which agent it is depends on how soon the power goes
        var cut = trace.spans().stream()
                .filter(span -> span.attribute("error.type").equals("node_dead"))
                .toList();
        assertThat(cut).hasSize(1);
        assertThat(cut.get(0).name()).startsWith("invoke_agent ");
        var invocations = trace.all(cut.get(0).name());
        assertThat(invocations).hasSize(2).first().isEqualTo(cut.get(0));
        assertThat(invocations.get(1).attribute("taskpilot.run.resumed")).isEqualTo("node_dead");
        assertThat(invocations.get(1).links()).containsExactly(cut.get(0).spanId());
        assertThat(trace.children(invocations.get(1).spanId()).stream().map(SeenSpan::name))
                .contains("chat offline", "check_guardrails output");
        assertThat(trace.children(workflow.spanId()).stream()
                        .map(SeenSpan::name)
                        .distinct())
                .containsExactly(
                        "check_guardrails input", "plan", "invoke_agent ReviewerAgent", "invoke_agent ExecutorAgent");
        assertThat(trace.orphans("")).isEmpty();
    }
}
