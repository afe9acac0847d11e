package io.taskpilot.gateway;

import io.taskpilot.engine.RunReader.Answered;
import io.taskpilot.engine.RunReader.ApprovalFilter;
import io.taskpilot.engine.RunReader.ApprovalView;
import io.taskpilot.engine.Runs;
import io.taskpilot.resilience.Failure;
import io.taskpilot.run.ApprovalAnswer;
import io.taskpilot.run.Attempt;
import io.taskpilot.telemetry.Trace;
import io.vertx.core.Future;
import io.vertx.ext.web.RoutingContext;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** What waits for a person, and the person's answer. */
final class ApprovalResource {
    private static final List<String> STATUSES = List.of("pending", "answered", "expired");
    private static final List<String> ANSWERS =
            List.of("approve", "reject", "edit", "retry", "mark_done", "continue", "abort");

    private final Gateway gateway;

    ApprovalResource(Gateway gateway) {
        this.gateway = gateway;
    }

    Future<Void> list(RoutingContext ctx) {
        Accept.choose(ctx.request(), Accept.JSON);
        var in = Query.fields(ctx);
        var filter = new ApprovalFilter(in.word("status", STATUSES, word -> word), in.idOrNull("run_id", "run_"));
        var page = Query.page(in);
        in.done();
        return gateway.reader()
                .approvals(filter, page)
                .compose(found -> Answer.page(ctx, found.items(), found.next(), ApprovalResource::json));
    }

    Future<Void> get(RoutingContext ctx) {
        Accept.choose(ctx.request(), Accept.JSON);
        return show(ctx, Query.id(ctx, "apr_", "approval"));
    }

    private Future<Void> show(RoutingContext ctx, UUID id) {
        return gateway.reader().approval(id).compose(approval -> Answer.json(ctx, 200, json(approval)));
    }

    Future<Void> answer(RoutingContext ctx) {
        var in = Fields.ofBody(Endpoints.body(ctx, false));
        return answer(ctx, read(in, Endpoints.caller(ctx), gateway.trace().current()));
    }

    Future<Void> approve(RoutingContext ctx) {
        return answer(ctx, shortForm(ctx, ApprovalAnswer.APPROVE));
    }

    Future<Void> reject(RoutingContext ctx) {
        return answer(ctx, shortForm(ctx, ApprovalAnswer.REJECT));
    }

    private Runs.Answer shortForm(RoutingContext ctx, ApprovalAnswer answer) {
        var in = Fields.ofBody(Endpoints.body(ctx, true));
        var reason = in.textOr("reason", "", 2_000);
        in.done();
        return of(
                answer,
                reason,
                null,
                null,
                Endpoints.caller(ctx),
                gateway.trace().current());
    }

    /** Reads {@code answer}, {@code reason}, {@code result} and {@code arguments}, and refuses what else is there. */
    static Runs.Answer read(Fields in, Caller caller, Trace trace) {
        var word = in.text("answer", 32);
        var reason = in.textOr("reason", "", 2_000);
        var result = in.any("result");
        if (!word.isEmpty() && !ANSWERS.contains(word)) {
            in.mistake("answer", Fields.quoted(word) + " (expected: one of " + String.join(", ", ANSWERS) + ")");
        }
        if (result != null && !word.equals(ApprovalAnswer.MARK_DONE.word())) {
            in.mistake("result", "present (expected: with mark_done only)");
        }
        var edits = word.equals(ApprovalAnswer.EDIT.word());
        var given = in.any("arguments") != null;
        if (given != edits) {
            in.mistake("arguments", given ? "present (expected: with edit only)" : "missing (expected: with edit)");
        }
        var arguments = edits && given ? in.object("arguments") : null;
        in.done();
        return of(ApprovalAnswer.of(word), reason, result, arguments, caller, trace);
    }

    private static Runs.Answer of(
            ApprovalAnswer answer,
            String reason,
            @Nullable Object result,
            @Nullable Map<String, Object> arguments,
            Caller caller,
            Trace trace) {
        return new Runs.Answer(
                answer,
                reason,
                result,
                arguments,
                caller.id(),
                caller.roles(),
                !caller.authenticated(),
                trace.traceparent());
    }

    private Future<Void> answer(RoutingContext ctx, Runs.Answer answer) {
        var id = Query.id(ctx, "apr_", "approval");
        return gateway.runs()
                .answer(id, answer)
                .recover(cause -> withFirstAnswer(ctx, id, cause))
                .compose(unused -> show(ctx, id));
    }

    /** Whoever comes second is told what the first one said. */
    private Future<Void> withFirstAnswer(RoutingContext ctx, UUID id, Throwable cause) {
        if (!(cause instanceof Failure failure) || failure.kind() != Failure.Kind.CONFLICT) {
            return Future.failedFuture(cause);
        }
        return gateway.reader().approval(id).compose(approval -> {
            if (approval.answered() != null) {
                ProblemHandler.extend(ctx, "answered", json(approval.answered()));
            }
            return Future.failedFuture(cause);
        });
    }

    @SuppressWarnings("NullAway") // JSON nulls: every member is always there
    static Map<String, Object> json(ApprovalView approval) {
        var asked = approval.asked();
        var json = new LinkedHashMap<String, Object>();
        json.put("id", "apr_" + asked.approvalId());
        json.put("run_id", RunJson.id(approval.runId()));
        json.put("status", approval.status());
        json.put("kind", asked.kind().word());
        json.put("agent", asked.call().agent().title());
        json.put("tool", asked.call().tool());
        json.put("call_id", asked.call().id());
        json.put("arguments", asked.call().arguments());
        json.put("digest", asked.digest());
        json.put("rule", asked.rule());
        json.put("reason", asked.reason());
        json.put("policy_revision", asked.policyRevision());
        json.put("roles", asked.roles());
        json.put(
                "answers",
                asked.kind().answers().stream().map(ApprovalAnswer::word).toList());
        json.put("created_at", approval.createdAt().toString());
        json.put("expires_at", asked.expiresAt().toString());
        json.put("answered", approval.answered() == null ? null : json(approval.answered()));
        json.put(
                "announcement",
                Map.of(
                        "attempts",
                        approval.announced().stream().map(Attempt::json).toList()));
        return json;
    }

    private static Map<String, Object> json(Answered answered) {
        var json = new LinkedHashMap<String, Object>();
        json.put("answer", answered.answer().word());
        json.put("by", answered.by());
        json.put("reason", answered.reason());
        json.put("at", answered.at().toString());
        return json;
    }
}
