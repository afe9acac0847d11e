package io.taskpilot.telemetry;

import io.taskpilot.telemetry.Label.Source;
import java.util.Arrays;
import java.util.stream.Collectors;

/** The documentation of every metric, made by the definitions themselves. */
public final class MetricsTable {
    private static final String HEAD = """
            <!-- Generated: ./taskpilot metrics table > docs/metrics.md -->
            # Metrics

            `GET /metrics`, on the management port and, unless `http.managementOnly` is set, on the API's. The `Accept` header chooses
            Prometheus text 0.0.4 or OpenMetrics 1.0; only the latter carries exemplars. With `auth.metricsToken` set, both ask for it as a bearer
            token. A gateway in front must not route it (`docker/nginx/nginx.conf` does not).

            - Durations are in seconds. A histogram also has `_count`, `_sum` and a gauge `_max`: the most within the last two to three minutes.
            - No label takes a value from a request, and none is an id. Labels that name what an operator configures (tools, models, rails) are
              bounded; what was not foreseen counts as `other`. Metrics add up to some hundreds of series a node, whatever is asked of it.
            - `job` and `instance` are Prometheus's. Sum counters over instances. What is the same on every node says so: take its maximum.
            - A series is there from the start, at 0, unless the last column says what it waits for.
            - Exemplars carry `trace_id` and `span_id` of the span in which something was recorded.

            ## Of this server

            """;

    private static final String COLUMNS = """
            | metric | type | labels | what it says | there from |
            |---|---|---|---|---|
            """;

    private static final String BUCKETS = """

            ## Buckets

            Bounds of the histograms, without `+Inf`. Thresholds of objectives must be among them.

            | histogram | unit | bounds |
            |---|---|---|
            """;

    private static final String GUIDE = """

            ## Names of the deployment guide

            | the guide's | here |
            |---|---|
            | `workflow_runs` | `taskpilot_workflow_completed_total`, by `outcome`; `taskpilot_workflow_started_total` for those that began |
            | `workflow_errors` | `taskpilot_workflow_completed_total{outcome=~"failed|timed_out"}`; what policy, a rail or a person stopped is no error |
            | `workflow_latency_ms` | `taskpilot_workflow_duration_seconds`, in seconds: 5000 there is 5 here |
            | `agent_PlannerAgent_latency_ms`, `agent_ReviewerAgent_latency_ms` | `taskpilot_agent_duration_seconds{agent="PlannerAgent"}` and so on; the executor has it too |
            | `agent_*_guardrails_blocked` | `taskpilot_guardrail_blocks_total`, by `agent`, `phase` and `rail`; a request is blocked before any agent sees it, so its `agent` is empty |
            | `decision_logs_total{decision_type,result}` | `taskpilot_decision_logs_total`, the same labels and `agent` |
            """;

    private MetricsTable() {}

    /** The whole of {@code docs/metrics.md}. */
    public static String markdown() {
        var out = new StringBuilder(HEAD).append(COLUMNS);
        for (var metric : Metric.values()) {
            out.append(row(metric.definition()));
        }
        out.append(BUCKETS);
        for (var metric : Metric.values()) {
            if (!metric.definition().bounds().isEmpty()) {
                out.append(buckets(metric.definition()));
            }
        }
        return out.append(GUIDE).append(PlatformMetric.markdown()).toString();
    }

    private static String row(Definition metric) {
        var labels = metric.labels().stream().map(MetricsTable::label).collect(Collectors.joining("; "));
        return "| `%s` | %s | %s | %s | %s |\n"
                .formatted(metric.name(), metric.kind().type(), labels, metric.help(), metric.condition());
    }

    private static String label(Label label) {
        var values = label.values().stream()
                .map(value -> value.isEmpty() ? "empty" : "`" + value + "`")
                .collect(Collectors.joining(", "));
        if (label.source() == Source.CLOSED) {
            return "`%s`: %s".formatted(label.name(), values);
        } else if (label.most() == 1) {
            return "`%s`".formatted(label.name());
        }
        var from = label.source() == Source.CONFIGURED ? "as configured" : "as they come";
        return "`%s`: %s, %d at most, else `%s`".formatted(label.name(), from, label.most(), Label.OTHER);
    }

    private static String buckets(Definition metric) {
        var bounds = metric.bounds().stream().map(MetricsTable::number).collect(Collectors.joining(", "));
        return "| `%s` | %s | %s |\n".formatted(metric.name(), unit(metric.name()), bounds);
    }

    private static String unit(String name) {
        var words = name.split("_", -1);
        var last = words[words.length - 1];
        return Arrays.asList("seconds", "rows").contains(last) ? last : "tokens";
    }

    private static String number(double bound) {
        return bound == Math.rint(bound) ? String.valueOf((long) bound) : String.valueOf(bound);
    }
}
