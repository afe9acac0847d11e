package io.taskpilot.gateway;

import io.taskpilot.engine.RunReader.CostLine;
import io.taskpilot.engine.RunReader.GoldenSignals;
import io.vertx.core.Future;
import io.vertx.ext.web.RoutingContext;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;

/** What runs cost, and how well they do. */
final class ReportResource {
    private static final Duration COSTS = Duration.ofDays(30);
    private static final Duration SIGNALS = Duration.ofDays(1);
    private static final List<String> BY = List.of("agent", "model", "tenant");

    private final Gateway gateway;

    ReportResource(Gateway gateway) {
        this.gateway = gateway;
    }

    /** Since 30 days ago, unless asked otherwise. */
    Future<Void> costs(RoutingContext ctx) {
        var form = Accept.choose(ctx.request(), Accept.JSON, Accept.CSV, Accept.TEXT);
        var in = Query.fields(ctx);
        var since = since(in, COSTS);
        var by = Objects.requireNonNullElse(in.word("by", BY, word -> word), "agent");
        in.done();
        return gateway.reader().costReport(since, by).compose(lines -> switch (form) {
            case Accept.CSV -> Answer.text(ctx, 200, form + "; charset=utf-8; header=present", csv(lines, by));
            case Accept.TEXT -> Answer.text(ctx, 200, form + "; charset=utf-8", table(lines, by));
            default -> Answer.json(ctx, 200, json(lines, by, since));
        });
    }

    private static Instant since(Fields in, Duration ago) {
        return Objects.requireNonNullElseGet(
                Query.instant(in, "since"),
                () -> Instant.ofEpochSecond(Instant.now().getEpochSecond()).minus(ago));
    }

    private static Map<String, Object> json(List<CostLine> lines, String by, Instant since) {
        var json = new LinkedHashMap<String, Object>();
        json.put("since", since.toString());
        json.put("by", by);
        json.put("items", lines.stream().map(ReportResource::json).toList());
        return json;
    }

    private static Map<String, Object> json(CostLine line) {
        var json = new LinkedHashMap<String, Object>();
        json.put("key", line.key());
        json.put("runs", line.runs());
        json.put("usage", RunJson.usage(line.usage()));
        return json;
    }

    private static String csv(List<CostLine> lines, String by) {
        var csv = new StringBuilder(Csv.row(List.of(by, "runs", "input_tokens", "output_tokens", "cost_usd")));
        for (var line : lines) {
            var usage = line.usage();
            csv.append(Csv.row(
                    List.of(line.key(), line.runs(), usage.inputTokens(), usage.outputTokens(), usage.costUsd())));
        }
        return csv.toString();
    }

    private static String table(List<CostLine> lines, String by) {
        var row = "%-24s %10s %14s %14s %14s%n";
        var table = new StringBuilder(row.formatted(by, "runs", "input tokens", "output tokens", "cost USD"));
        for (var line : lines) {
            var usage = line.usage();
            table.append(row.formatted(
                    line.key(),
                    line.runs(),
                    usage.inputTokens(),
                    usage.outputTokens(),
                    String.format(Locale.ROOT, "%.6f", usage.costUsd())));
        }
        return table.toString();
    }

    /** Since a day ago, unless asked otherwise. */
    Future<Void> goldenSignals(RoutingContext ctx) {
        Accept.choose(ctx.request(), Accept.JSON);
        var in = Query.fields(ctx);
        var since = since(in, SIGNALS);
        in.done();
        return gateway.reader().goldenSignals(since).compose(signals -> Answer.json(ctx, 200, json(signals, since)));
    }

    @SuppressWarnings("NullAway") // JSON nulls: there was nothing to count
    private static Map<String, Object> json(GoldenSignals signals, Instant since) {
        var json = new LinkedHashMap<String, Object>();
        json.put("since", since.toString());
        json.put("runs", signals.runs());
        json.put("success_rate", signals.successRate());
        json.put("p95_latency_s", signals.p95Seconds());
        json.put("cost_per_successful_run_usd", signals.costPerSuccessfulRun());
        json.put("policy_violation_rate", signals.policyViolationRate());
        json.put("user_confirmed_correctness", signals.confirmedCorrect());
        return json;
    }
}
