package io.taskpilot.gateway;

import io.taskpilot.engine.RunReader.RunFilter;
import io.taskpilot.engine.RunReader.RunView;
import io.taskpilot.engine.Runs.Submission;
import io.taskpilot.resilience.Failure;
import io.taskpilot.run.RunStatus;
import io.vertx.core.Future;
import io.vertx.ext.web.RoutingContext;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Submitting, reading and cancelling runs. */
final class RunResource {
    private static final List<String> STATUSES =
            Arrays.stream(RunStatus.values()).map(RunStatus::word).toList();
    private static final Set<String> NO_VERDICT = Set.of("policy-unavailable", "guardrails-unavailable");

    private final Gateway gateway;

    RunResource(Gateway gateway) {
        this.gateway = gateway;
    }

    Future<Void> submit(RoutingContext ctx) {
        var form = Accept.choose(ctx.request(), Accept.JSON, Accept.SSE);
        if (form.equals(Accept.SSE)) {
            gateway.streams().requireRoom();
        }
        Query.fields(ctx).done();
        var key = key(ctx);
        return gateway.submissions()
                .submit(
                        Endpoints.body(ctx, false),
                        Endpoints.caller(ctx),
                        RequestId.of(ctx),
                        key,
                        gateway.trace().current())
                .compose(submission ->
                        gateway.submissions().view(submission).compose(run -> answer(ctx, submission, run, form)));
    }

    private Future<Void> answer(RoutingContext ctx, Submission submission, RunView run, String form) {
        Accesses.run(ctx, RunJson.id(run.id()));
        ctx.response().putHeader("location", RunJson.path(run.id()));
        if (submission.replayed()) {
            ctx.response().putHeader("idempotency-replayed", "true");
        }
        if (form.equals(Accept.SSE)) {
            return SseStream.serve(gateway, ctx, run, 0);
        }
        var wait = Settling.wait(ctx);
        if (wait == null) {
            return Answer.json(ctx, 202, RunJson.run(run));
        }
        Answer.lasts(ctx, "wait");
        ctx.response().putHeader("preference-applied", "wait=" + wait.toSeconds());
        return Settling.settled(gateway, ctx, run, wait).compose(now -> settled(ctx, now));
    }

    private static Future<Void> settled(RoutingContext ctx, RunView run) {
        var problem = run.problem();
        if (problem != null && NO_VERDICT.contains(problem.slug())) {
            ProblemHandler.extend(ctx, "run_id", RunJson.id(run.id()));
            return Future.failedFuture(Failure.overloaded(problem.slug(), problem.detail(), Duration.ofSeconds(1)));
        }
        return Answer.json(ctx, run.status().isTerminal() ? 200 : 202, RunJson.run(run));
    }

    private static @Nullable String key(RoutingContext ctx) {
        var keys = ctx.request().headers().getAll("idempotency-key");
        if (keys.isEmpty()) {
            return null;
        }
        if (keys.size() > 1 || !Submissions.isKey(keys.get(0))) {
            throw Failure.invalid("#Idempotency-Key", "malformed (expected: one, of 1..255 visible ASCII characters)");
        }
        return keys.get(0);
    }

    Future<Void> get(RoutingContext ctx) {
        Accept.choose(ctx.request(), Accept.JSON);
        Query.fields(ctx).done();
        return gateway.reader()
                .run(Query.id(ctx, "run_", "run"))
                .compose(run -> Answer.json(ctx, 200, RunJson.run(run)));
    }

    Future<Void> list(RoutingContext ctx) {
        Accept.choose(ctx.request(), Accept.JSON);
        var in = Query.fields(ctx);
        var filter = new RunFilter(in.word("status", STATUSES, RunStatus::of), Query.instant(in, "since"));
        var page = Query.page(in);
        in.done();
        return gateway.reader()
                .runs(filter, page)
                .compose(runs -> Answer.page(ctx, runs.items(), runs.next(), RunJson::run));
    }

    Future<Void> cancel(RoutingContext ctx) {
        Accept.choose(ctx.request(), Accept.JSON);
        Fields.ofBody(Endpoints.body(ctx, true)).done();
        var id = Query.id(ctx, "run_", "run");
        return gateway.runs()
                .cancel(id, Endpoints.caller(ctx).id())
                .compose(unused -> gateway.reader().run(id))
                .compose(run -> Answer.json(ctx, 202, RunJson.run(run)));
    }

    Future<Void> feedback(RoutingContext ctx) {
        var in = Fields.ofBody(Endpoints.body(ctx, false));
        var correct = in.flag("correct");
        var comment = in.textOr("comment", "", 2_000);
        in.done();
        var caller = Endpoints.caller(ctx).id();
        return gateway.reader()
                .feedback(Query.id(ctx, "run_", "run"), caller, correct, comment)
                .compose(unused -> Answer.empty(ctx, 204));
    }
}
