package io.taskpilot.telemetry;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class MetricsPageTest {

    @Test
    void thePageOfMetricsIsFresh() throws IOException {
        assertThat(Files.readString(Path.of("docs/metrics.md")))
                .describedAs("run: ./taskpilot metrics table > docs/metrics.md")
                .isEqualTo(MetricsTable.markdown());
    }

    @Test
    void everyMetricHasARow() {
        var names = Stream.concat(
                Arrays.stream(Metric.values()).map(metric -> metric.definition().name()),
                PlatformMetric.all().stream().map(PlatformMetric::name));

        assertThat(DocumentedMetrics.read().keySet()).containsExactlyInAnyOrderElementsOf(names.toList());
    }

    @ParameterizedTest
    @EnumSource
    void namesAreAsPrometheusWantsThem(Metric metric) {
        var definition = metric.definition();

        assertThat(definition.name()).matches("(taskpilot|gen_ai)(_[a-z]+)+");
        assertThat(definition.help()).matches("[A-Z0].*[.]");
        switch (definition.kind()) {
            case COUNTER -> assertThat(definition.name()).endsWith("_total");
            case TIMER -> assertThat(definition.name()).endsWith("_seconds");
            case INFO -> assertThat(definition.name()).endsWith("_info");
            default -> assertThat(definition.name()).doesNotEndWith("_total");
        }
        var labels = definition.labels().stream().map(Label::name).toList();
        assertThat(new HashSet<>(labels)).hasSameSizeAs(labels);
        assertThat(labels).allMatch(label -> label.matches("[a-z]+(_[a-z]+)*"));
        assertThat(definition.bounds()).isSorted().doesNotHaveDuplicates();
    }

    @Test
    void theNamesAreThoseOfTheSpecification() {
        assertThat(DocumentedMetrics.read().keySet())
                .contains(
                        "taskpilot_build_info",
                        "taskpilot_workflow_started_total",
                        "taskpilot_workflow_completed_total",
                        "taskpilot_workflow_duration_seconds",
                        "taskpilot_workflow_active",
                        "taskpilot_agent_duration_seconds",
                        "taskpilot_tool_calls_total",
                        "taskpilot_tool_duration_seconds",
                        "taskpilot_decision_logs_total",
                        "taskpilot_policy_evaluation_seconds",
                        "taskpilot_guardrail_check_seconds",
                        "taskpilot_guardrail_blocks_total",
                        "taskpilot_journal_commit_seconds",
                        "taskpilot_journal_batch_rows",
                        "taskpilot_journal_pending_appends",
                        "taskpilot_takeovers_total",
                        "taskpilot_fence_lost_total",
                        "taskpilot_runs_stuck",
                        "taskpilot_runs_poisoned_total",
                        "taskpilot_approvals_pending",
                        "taskpilot_approval_wait_seconds",
                        "taskpilot_approval_oldest_seconds",
                        "taskpilot_partition_headroom_days",
                        "taskpilot_seal_age_seconds",
                        "taskpilot_backup_last_success_timestamp_seconds",
                        "taskpilot_trace_archive_objects_total",
                        "taskpilot_llm_request_duration_seconds",
                        "taskpilot_llm_first_token_seconds",
                        "taskpilot_llm_tokens_total",
                        "taskpilot_llm_cost_usd_total",
                        "taskpilot_llm_retries_total",
                        "taskpilot_stream_connections",
                        "taskpilot_stream_closed_total",
                        "taskpilot_stream_dropped_events_total",
                        "taskpilot_stream_first_event_seconds",
                        "taskpilot_admission_rejected_total",
                        "taskpilot_admission_queue_depth",
                        "taskpilot_admission_limit",
                        "taskpilot_admission_in_flight",
                        "taskpilot_cache_requests_total",
                        "taskpilot_dependency_up",
                        "taskpilot_circuit_state",
                        "taskpilot_event_loop_lag_seconds",
                        "taskpilot_event_loop_blocked_total",
                        "gen_ai_client_operation_duration_seconds",
                        "gen_ai_client_token_usage",
                        "gen_ai_client_operation_time_to_first_chunk_seconds",
                        "gen_ai_workflow_duration_seconds",
                        "gen_ai_invoke_agent_duration_seconds",
                        "gen_ai_execute_tool_duration_seconds");
    }

    /** The bounds that objectives are measured by. */
    @Test
    void objectivesHaveABucketThatEndsAtTheirThreshold() {
        assertThat(Metric.WORKFLOW_DURATION.definition().bounds()).contains(5.0);
        assertThat(Metric.STREAM_FIRST_EVENT.definition().bounds()).contains(2.0);
    }
}
