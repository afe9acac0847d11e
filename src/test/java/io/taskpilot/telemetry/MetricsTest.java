package io.taskpilot.telemetry;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.prometheus.metrics.tracer.common.SpanContext;
import io.taskpilot.telemetry.ModelMetrics.Asked;
import io.taskpilot.telemetry.ModelMetrics.Used;
import io.taskpilot.telemetry.Scrape.Series;
import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

final class MetricsTest {
    private static final String TEXT = "text/plain; version=0.0.4";
    private static final String OPEN_METRICS = "application/openmetrics-text; version=1.0.0";
    private static final Duration SECOND = Duration.ofSeconds(1);
    private static final Asked GPT = new Asked("openai", "gpt");

    private final Metrics metrics = new Metrics("1.2.3", "abc", null, true);

    private Scrape scrape() {
        return Scrape.parse(metrics.scrape(TEXT));
    }

    /** Once of everything. */
    private void recordAll() {
        metrics.nameTools(Set.of("create_task"));
        metrics.nameModels(Set.of("gpt"));
        var workflows = metrics.workflows();
        workflows.started("taskpilot");
        workflows.completed("taskpilot", "succeeded", SECOND);
        workflows.active("taskpilot", () -> 1);
        workflows.agent("PlannerAgent", "success", SECOND);
        workflows.toolSettled("create_task", "awaiting_approval");
        workflows.toolCalled("create_task", "executed", SECOND);
        workflows.takenOver("node_dead");
        workflows.fenceLost();
        workflows.poisoned();
        workflows.stuck(2);
        workflows.handedBack();
        var governance = metrics.governance();
        governance.decided("tool_call", "allow", "ExecutorAgent");
        governance.policyEvaluated("tool_call", "allow", SECOND);
        governance.candidateDecided("allow", "deny");
        governance.guardrailChecked("guardrails_input", "deny", SECOND);
        governance.guardrailBlocked("input", "regex check input", "");
        governance.unauthenticated("caller-unauthenticated");
        governance.unrecorded();
        governance.ingressCommitted(3, SECOND);
        governance.looked("guardrails", true);
        metrics.stores().committed(3, SECOND);
        metrics.stores().pending(() -> 2);
        metrics.stores().trace("archived");
        metrics.stores().partitionHeadroom(() -> 90);
        metrics.stores().sealAge(() -> 3_600);
        metrics.stores().sealCopiesPending(2);
        metrics.stores().seal("sealed");
        metrics.stores().lastBackup(() -> 0);
        metrics.approvals().waiting(() -> 1, () -> 60);
        metrics.approvals().answered(SECOND);
        metrics.approvals().announced("delivered");
        metrics.models().answered(GPT, new Used(10, 5, 4, 3, 0.5, "gpt-1"), SECOND);
        metrics.models().failed(GPT, "error", "provider-error", SECOND);
        metrics.models().firstToken("openai", "gpt", SECOND);
        metrics.models().retried("openai", "gpt", "rate_limited");
        metrics.streams().opened("sse");
        metrics.streams().closed("sse", "complete");
        metrics.streams().dropped("sse", 1);
        metrics.streams().firstEvent("sse", SECOND);
        metrics.streams().exportCut("client_gone");
        metrics.admission().rejected("overload");
        metrics.admission().queue(() -> 4, 10);
        metrics.admission().driven(() -> 3, 20);
        metrics.signals().posted(1);
        metrics.signals().dropped(1);
        metrics.signals().droppedText(1);
        metrics.signals().reopened();
        metrics.dependencies().shown("postgres", () -> true);
        metrics.dependencies().circuit("opa", () -> 2);
        metrics.telemetryDropped("traces", "queue_full", () -> 1);
        metrics.loops().late(SECOND.toNanos());
    }

    @Test
    void aPauseOfTheWholeProcessIsOneBlockThoughEachLoopWasLate() {
        for (var loop = 0; loop < 4; loop++) {
            metrics.loops().late(SECOND.toNanos());
        }

        assertThat(scrape().sum("taskpilot_event_loop_blocked_total")).isEqualTo(1);
        assertThat(scrape().sum("taskpilot_event_loop_lag_seconds_count")).isEqualTo(4);
    }

    @ParameterizedTest
    @EnumSource
    void everyMetricIsRecordedAsItIsDefined(Metric metric) {
        recordAll();

        var definition = metric.definition();
        assertThat(scrape().families()).containsKey(definition.name());
        var family = requireNonNull(scrape().families().get(definition.name()));
        assertThat(family.labels())
                .containsExactlyInAnyOrderElementsOf(
                        definition.labels().stream().map(Label::name).toList());
        if (!definition.bounds().isEmpty()) {
            assertThat(bounds(definition.name()))
                    .containsExactlyElementsOf(new TreeSet<>(definition.bounds()))
                    .isNotEmpty();
        }
    }

    private Set<Double> bounds(String name) {
        return scrape().series()
                .filter(series -> series.name().equals(name + "_bucket"))
                .map(series -> series.labels().get("le"))
                .filter(bound -> !bound.equals("+Inf"))
                .map(Double::valueOf)
                .collect(Collectors.toCollection(TreeSet::new));
    }

    @ParameterizedTest
    @ValueSource(strings = {TEXT, OPEN_METRICS})
    void everySeriesIsDocumentedWithItsTypeAndHelp(String format) {
        recordAll();

        var scrape = Scrape.parse(metrics.scrape(format));

        var rows = DocumentedMetrics.read();
        assertThat(scrape.isEnded()).isEqualTo(format.equals(OPEN_METRICS));
        for (var family : scrape.families().entrySet()) {
            assertThat(rows).containsKey(family.getKey());
            assertThat(family.getValue().help()).isNotEmpty();
            assertThat(family.getValue().labels())
                    .containsExactlyElementsOf(
                            requireNonNull(rows.get(family.getKey())).labels());
        }
    }

    @Test
    void valuesAreThoseThatWereRecorded() {
        recordAll();

        var scrape = scrape();
        assertThat(scrape.sum("taskpilot_workflow_completed_total", "outcome", "succeeded"))
                .isEqualTo(1);
        assertThat(scrape.sum("taskpilot_workflow_duration_seconds_bucket", "le", "5.0"))
                .isEqualTo(1);
        assertThat(scrape.sum("taskpilot_workflow_duration_seconds_bucket", "le", "0.5"))
                .isZero();
        assertThat(scrape.sum("taskpilot_tool_duration_seconds_count", "tool", "create_task"))
                .as("what was held took no time")
                .isEqualTo(1);
        assertThat(scrape.sum("taskpilot_llm_tokens_total", "type", "input")).isEqualTo(10);
        assertThat(scrape.sum("taskpilot_llm_tokens_total", "type", "cache_read"))
                .isEqualTo(4);
        assertThat(scrape.sum("taskpilot_llm_tokens_total", "type", "reasoning"))
                .isEqualTo(3);
        assertThat(scrape.sum("taskpilot_llm_cost_usd_total", "model", "gpt")).isEqualTo(0.5);
        assertThat(scrape.sum("taskpilot_runs_stuck")).isEqualTo(2);
        assertThat(scrape.sum("taskpilot_circuit_state", "dependency", "opa")).isEqualTo(2);
        assertThat(scrape.sum("taskpilot_admission_queue_limit")).isEqualTo(10);
        assertThat(scrape.sum("taskpilot_build_info", "version", "1.2.3", "revision", "abc"))
                .isEqualTo(1);
        assertThat(scrape.sum("gen_ai_client_token_usage_sum", "gen_ai_token_type", "output"))
                .isEqualTo(5);
        assertThat(scrape.sum("gen_ai_client_operation_duration_seconds_count", "error_type", "provider-error"))
                .isEqualTo(1);
    }

    /** A counter that appears with its first event has no increase that a rule could see. */
    @Test
    void whatIsRareIsAtZeroFromTheStart() {
        var scrape = scrape();

        assertThat(scrape.families())
                .containsKeys(
                        "taskpilot_fence_lost_total",
                        "taskpilot_runs_poisoned_total",
                        "taskpilot_takeovers_total",
                        "taskpilot_workflow_completed_total",
                        "taskpilot_admission_rejected_total");
        assertThat(scrape.sum("taskpilot_workflow_completed_total")).isZero();
    }

    /** The first question to a policy that is away is the one to be seen. */
    @Test
    void whatIsTimedIsAtZeroFromTheStartToo() {
        var scrape = scrape();

        for (var decision : List.of("tool_call", "ingress")) {
            assertThat(scrape.series())
                    .filteredOn(series -> series.name().equals("taskpilot_policy_evaluation_seconds_count"))
                    .filteredOn(series -> series.labels()
                            .entrySet()
                            .containsAll(Map.of("decision_type", decision, "outcome", "error")
                                    .entrySet()))
                    .hasSize(1);
        }
        assertThat(scrape.families())
                .containsKeys(
                        "taskpilot_guardrail_check_seconds",
                        "taskpilot_workflow_duration_seconds",
                        "taskpilot_agent_duration_seconds",
                        "taskpilot_stream_first_event_seconds");
    }

    @Test
    void theConventionsOfGenAiAreOffUnlessAskedFor() {
        var own = new Metrics("1", "a");
        own.models().answered(GPT, new Used(1, 1, 0, 0, 0, null), SECOND);
        own.workflows().completed("taskpilot", "failed", SECOND);

        assertThat(own.scrape(TEXT)).doesNotContain("gen_ai").contains("taskpilot_llm_tokens_total{");
    }

    @Test
    void onlyOpenMetricsNamesTheSpanInWhichSomethingWasRecorded() {
        var traced = new Metrics("1", "a", new OneSpan(), false);
        traced.workflows().completed("taskpilot", "succeeded", SECOND);

        var exemplars = Scrape.parse(traced.scrape(OPEN_METRICS))
                .series()
                .filter(series -> series.name().equals("taskpilot_workflow_duration_seconds_bucket"))
                .map(Series::exemplar)
                .filter(exemplar -> !exemplar.isEmpty());

        assertThat(exemplars).containsExactly(Map.of("trace_id", OneSpan.TRACE, "span_id", OneSpan.SPAN));
        assertThat(traced.scrape(TEXT)).doesNotContain(OneSpan.TRACE);
    }

    private static final class OneSpan implements SpanContext {
        private static final String TRACE = "0af7651916cd43dd8448eb211c80319c";
        private static final String SPAN = "b7ad6b7169203331";

        @Override
        public String getCurrentTraceId() {
            return TRACE;
        }

        @Override
        public String getCurrentSpanId() {
            return SPAN;
        }

        @Override
        public boolean isCurrentSpanSampled() {
            return true;
        }

        @Override
        public void markCurrentSpanAsExemplar() {}
    }

    @Test
    void healthSaysWhetherADependencyIsUp() {
        var health = new HealthRegistry();
        metrics.dependencies().shown("postgres", health);
        assertThat(scrape().sum("taskpilot_dependency_up", "dependency", "postgres"))
                .isZero();

        health.degraded("postgres", "slow");
        assertThat(scrape().sum("taskpilot_dependency_up", "dependency", "postgres"))
                .isEqualTo(1);
    }

    /** Nothing but the registry has the lambda, and a registry's own reference to it is weak unless asked otherwise. */
    @Test
    void aDependencyIsStillAskedAfterACollection() {
        metrics.dependencies().shown("objects", new Switch(1)::isOn);
        var sentinel = new WeakReference<>(new Switch(2));
        while (sentinel.get() != null) {
            System.gc();
        }

        assertThat(scrape().sum("taskpilot_dependency_up", "dependency", "objects"))
                .isEqualTo(1);
    }

    private record Switch(int position) {
        boolean isOn() {
            return position > 0;
        }
    }

    @Test
    void noInputMakesSeriesWithoutEnd() {
        metrics.nameTools(List.of("create_task", "delete_task"));
        metrics.nameModels(List.of("gpt"));
        for (var i = 0; i < 1_000; i++) {
            metrics.workflows().toolCalled("tool_" + i, "outcome_" + i, Duration.ZERO);
            metrics.governance().decided("type_" + i, "allow", "Agent" + i);
            metrics.governance().guardrailBlocked("input", "rail " + i, "PlannerAgent");
            metrics.models().answered(new Asked("p" + i, "m" + i), new Used(1, 1, 0, 0, 0, "s" + i), SECOND);
        }
        metrics.workflows().toolCalled("create_task", "executed", Duration.ZERO);

        var sizes = scrape().sizes();
        assertThat(sizes)
                .containsEntry("taskpilot_tool_calls_total", 2L)
                .containsEntry("taskpilot_decision_logs_total", 1L)
                .containsEntry("taskpilot_guardrail_blocks_total", 101L)
                .containsEntry("taskpilot_llm_cost_usd_total", 1L)
                .containsEntry("gen_ai_client_operation_duration_seconds_count", 51L);
        assertThat(scrape().sum("taskpilot_tool_calls_total", "tool", "other", "outcome", "other"))
                .isEqualTo(1_000);
    }
}
