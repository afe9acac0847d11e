package io.taskpilot.gateway;

import io.taskpilot.engine.RunReader.DecisionFilter;
import io.taskpilot.engine.RunReader.DecisionView;
import io.taskpilot.engine.TraceJson;
import io.taskpilot.run.DecisionResult;
import io.taskpilot.run.DecisionType;
import io.vertx.core.Future;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.json.Json;
import io.vertx.ext.web.RoutingContext;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** The decision log: as a list, as an export, and whether it is intact. */
final class DecisionResource {
    private static final List<String> TYPES =
            Arrays.stream(DecisionType.values()).map(DecisionType::word).toList();
    private static final List<String> RESULTS =
            Arrays.stream(DecisionResult.values()).map(DecisionResult::word).toList();
    private static final List<String> COLUMNS = List.of(
            "id",
            "chain_id",
            "run_id",
            "request_id",
            "trace_id",
            "tenant",
            "principal",
            "decision_type",
            "phase",
            "result",
            "reason",
            "rule",
            "agent",
            "tool",
            "policy_revision",
            "input_sha256",
            "context",
            "latency_ms",
            "created_at",
            "prev_hash",
            "hash");

    private final Gateway gateway;

    DecisionResource(Gateway gateway) {
        this.gateway = gateway;
    }

    Future<Void> list(RoutingContext ctx) {
        var form = Accept.choose(ctx.request(), Accept.JSON, Accept.NDJSON, Accept.CSV);
        var in = Query.fields(ctx);
        var filter = new DecisionFilter(
                in.idOrNull("run_id", "run_"),
                in.word("decision_type", TYPES, word -> word),
                in.word("result", RESULTS, word -> word),
                Query.text(in, "tool", 100),
                Query.text(in, "agent", 100),
                Query.instant(in, "since"));
        if (form.equals(Accept.JSON)) {
            return page(ctx, filter, in);
        }
        for (var name : List.of("cursor", "limit")) {
            in.absent(name, "with application/json only; an export has everything");
        }
        in.done();
        return form.equals(Accept.CSV) ? csv(ctx, filter) : ndjson(ctx, filter);
    }

    private Future<Void> page(RoutingContext ctx, DecisionFilter filter, Fields in) {
        var page = Query.page(in);
        in.done();
        return gateway.reader()
                .decisions(filter, page)
                .compose(found -> Answer.page(ctx, found.items(), found.next(), TraceJson::decision));
    }

    private Future<Void> ndjson(RoutingContext ctx, DecisionFilter filter) {
        return new Export(gateway, ctx, Accept.NDJSON, "")
                .write(out -> gateway.reader().exportDecisions(filter, decisions -> out.write(lines(decisions))));
    }

    private static Buffer lines(List<DecisionView> decisions) {
        var lines = Buffer.buffer();
        decisions.forEach(decision -> lines.appendString(Json.encode(TraceJson.decision(decision)) + "\n"));
        return lines;
    }

    private Future<Void> csv(RoutingContext ctx, DecisionFilter filter) {
        return new Export(gateway, ctx, Accept.CSV + "; charset=utf-8; header=present", Csv.row(COLUMNS))
                .write(out -> gateway.reader().exportDecisions(filter, decisions -> out.write(rows(decisions))));
    }

    private static Buffer rows(List<DecisionView> decisions) {
        var rows = Buffer.buffer();
        decisions.forEach(decision -> {
            var json = TraceJson.decision(decision);
            rows.appendString(Csv.row(COLUMNS.stream().map(json::get).toList()));
        });
        return rows;
    }

    /** As NDJSON it says meanwhile how far it has come: the log of a year takes longer than clients wait in silence. */
    Future<Void> verify(RoutingContext ctx) {
        var form = Accept.choose(ctx.request(), Accept.JSON, Accept.NDJSON);
        var in = Query.fields(ctx);
        var run = in.idOrNull("run_id", "run_");
        in.done();
        return form.equals(Accept.JSON) ? verified(ctx, run) : verifying(ctx, run);
    }

    private Future<Void> verified(RoutingContext ctx, @Nullable UUID run) {
        var caller = new Outlet(ctx.vertx(), gateway.patience());
        ctx.response().closeHandler(unused -> caller.gone());
        return gateway.reader()
                .verifyDecisions(run, progress -> caller.room())
                .compose(verification -> Answer.json(ctx, 200, VerificationJson.of(verification)));
    }

    private Future<Void> verifying(RoutingContext ctx, @Nullable UUID run) {
        return new Export(gateway, ctx, Accept.NDJSON, "")
                .write(out -> gateway.reader()
                        .verifyDecisions(run, progress -> out.write(line(VerificationJson.of(progress))))
                        .compose(verification -> out.write(line(VerificationJson.of(verification)))));
    }

    private static Buffer line(Map<String, Object> json) {
        return Buffer.buffer(Json.encode(json) + "\n");
    }
}
