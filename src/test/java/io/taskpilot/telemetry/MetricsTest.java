package io.taskpilot.telemetry;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

final class MetricsTest {
    private final Metrics metrics = new Metrics("1.2.3", "abc");

    private String scrape() {
        return metrics.scrape("text/plain; version=0.0.4");
    }

    @Test
    void everyMeterHasTheNameThatDashboardsKnow() {
        var second = Duration.ofSeconds(1);
        metrics.workflowStarted("taskpilot");
        metrics.workflowCompleted("taskpilot", "succeeded", second);
        metrics.workflowActive("taskpilot", () -> 1);
        metrics.agent("PlannerAgent", "success", second);
        metrics.toolCall("create_task", "executed", second);
        metrics.decision("tool_call", "allow", "ExecutorAgent");
        metrics.policyEvaluated("tool_call", "allow", second);
        metrics.guardrailChecked("guardrails_input", "deny", second);
        metrics.guardrailBlocked("input", "regex check input", "");
        metrics.cacheRequest("guardrails", "hit");
        metrics.journalCommitted(3, second);
        metrics.journalPending(() -> 2);
        metrics.takenOver("node_dead");
        metrics.fenceLost();
        metrics.runPoisoned();
        metrics.runsStuck(2);
        metrics.runHandedBack();
        metrics.sealAge(() -> 3_600);
        metrics.sealCopiesPending(2);
        metrics.seal("sealed");
        metrics.partitionHeadroom(() -> 90);
        metrics.approvalsPending(() -> 1);
        metrics.approvalAnswered(second);
        metrics.llmRequest("openai", "gpt", "success", second);
        metrics.llmFirstToken("openai", "gpt", second);
        metrics.llmTokens("openai", "gpt", "input", 10);
        metrics.llmCost("openai", "gpt", 0.5);
        metrics.llmRetry("openai", "gpt", "rate_limited");
        metrics.streamOpened("sse");
        metrics.streamClosed("sse", "complete");
        metrics.streamDropped("sse", 1);
        metrics.streamFirstEvent("sse", second);
        metrics.admissionRejected("overload");
        metrics.eventLoopLag(second);
        metrics.eventLoopBlocked();
        var health = new HealthRegistry();
        metrics.dependency("postgres", health);
        metrics.circuit("opa", () -> 2);
        metrics.candidateDecided("allow", "deny");
        metrics.ingressUnauthenticated("caller-unauthenticated");
        metrics.ingressUnrecorded();
        metrics.ingressCommitted(3, second);

        var text = scrape();

        for (var name : List.of(
                "taskpilot_build_info{java=",
                "taskpilot_workflow_started_total{workflow=\"taskpilot\"} 1.0",
                "taskpilot_workflow_completed_total{outcome=\"succeeded\",workflow=\"taskpilot\"} 1.0",
                "taskpilot_workflow_duration_seconds_bucket{outcome=\"succeeded\",workflow=\"taskpilot\",le=\"5.0\"} 1",
                "taskpilot_workflow_active{workflow=\"taskpilot\"} 1.0",
                "taskpilot_agent_duration_seconds_bucket{agent=\"PlannerAgent\"",
                "taskpilot_cache_requests_total{cache=\"guardrails\",result=\"hit\"} 1.0",
                "taskpilot_tool_calls_total{outcome=\"executed\",tool=\"create_task\"} 1.0",
                "taskpilot_tool_duration_seconds_bucket",
                "taskpilot_decision_logs_total{agent=\"ExecutorAgent\",decision_type=\"tool_call\",result=\"allow\"} 1.0",
                "taskpilot_policy_evaluation_seconds_bucket",
                "taskpilot_guardrail_check_seconds_bucket",
                "taskpilot_guardrail_blocks_total{agent=\"\",phase=\"input\",rail=\"regex check input\"} 1.0",
                "taskpilot_journal_commit_seconds_bucket",
                "taskpilot_journal_batch_rows_bucket",
                "taskpilot_journal_pending_appends 2.0",
                "taskpilot_ingress_unauthenticated_total{problem=\"caller-unauthenticated\"} 1.0",
                "taskpilot_ingress_unrecorded_total 1.0",
                "taskpilot_ingress_commit_seconds_bucket",
                "taskpilot_policy_candidate_total{candidate=\"deny\",verdict=\"allow\"} 1.0",
                "taskpilot_circuit_state{dependency=\"opa\"} 2.0",
                "taskpilot_takeovers_total{reason=\"node_dead\"} 1.0",
                "taskpilot_fence_lost_total 1.0",
                "taskpilot_runs_poisoned_total 1.0",
                "taskpilot_runs_stuck 2.0",
                "taskpilot_runs_handed_back_total 1.0",
                "taskpilot_seal_age_seconds 3600.0",
                "taskpilot_seal_copies_pending 2.0",
                "taskpilot_seals_total{outcome=\"sealed\"} 1.0",
                "taskpilot_partition_headroom_days 90.0",
                "taskpilot_approvals_pending 1.0",
                "taskpilot_approval_wait_seconds_bucket",
                "taskpilot_llm_request_duration_seconds_bucket",
                "taskpilot_llm_first_token_seconds_bucket",
                "taskpilot_llm_tokens_total{model=\"gpt\",provider=\"openai\",type=\"input\"} 10.0",
                "taskpilot_llm_cost_usd_total{model=\"gpt\",provider=\"openai\"} 0.5",
                "taskpilot_llm_retries_total{model=\"gpt\",provider=\"openai\",reason=\"rate_limited\"} 1.0",
                "taskpilot_stream_connections{transport=\"sse\"} 0.0",
                "taskpilot_stream_closed_total{reason=\"complete\",transport=\"sse\"} 1.0",
                "taskpilot_stream_dropped_events_total{transport=\"sse\"} 1.0",
                "taskpilot_stream_first_event_seconds_bucket",
                "taskpilot_admission_rejected_total{reason=\"overload\"} 1.0",
                "taskpilot_admission_in_flight 1.0",
                "taskpilot_dependency_up{dependency=\"postgres\"} 0.0",
                "taskpilot_event_loop_lag_seconds_bucket",
                "taskpilot_event_loop_blocked_total 1.0")) {
            assertThat(text).contains("\n" + name);
        }
        health.degraded("postgres", "slow");
        assertThat(scrape()).contains("taskpilot_dependency_up{dependency=\"postgres\"} 1.0");
    }

    /** Nothing but the registry has the lambda, and a registry's own reference to it is weak unless asked otherwise. */
    @Test
    void aDependencyIsStillAskedAfterACollection() {
        metrics.optionalDependency("objects", new Switch(1)::isOn);
        var sentinel = new WeakReference<>(new Switch(2));
        while (sentinel.get() != null) {
            System.gc();
        }

        assertThat(scrape()).contains("taskpilot_dependency_up{dependency=\"objects\"} 1.0");
    }

    private record Switch(int position) {
        boolean isOn() {
            return position > 0;
        }
    }

    @Test
    void noInputMakesSeriesWithoutEnd() {
        for (var i = 0; i < 1_000; i++) {
            metrics.toolCall("tool_" + i, "outcome_" + i, Duration.ZERO);
            metrics.decision("type_" + i, "allow", "Agent" + i);
        }

        var text = scrape();
        assertThat(text.lines().filter(line -> line.startsWith("taskpilot_tool_calls_total")))
                .hasSize(101);
        assertThat(text.lines().filter(line -> line.startsWith("taskpilot_decision_logs_total")))
                .hasSize(1);
        assertThat(text).contains("taskpilot_tool_calls_total{outcome=\"other\",tool=\"other\"} 900.0");
    }
}
