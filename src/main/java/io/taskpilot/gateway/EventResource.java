package io.taskpilot.gateway;

import io.taskpilot.engine.RunReader.RunView;
import io.taskpilot.resilience.Failure;
import io.taskpilot.run.Recorded;
import io.vertx.core.Future;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.json.Json;
import io.vertx.ext.web.RoutingContext;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A run's events: as a list, as a stream, as a file. */
final class EventResource {
    private static final int PAGE = 200;

    /** The greatest {@code after}, on a socket too: beyond it JavaScript can't tell an integer from the next. */
    static final long LAST_SEQ = (1L << 53) - 1;

    private final Gateway gateway;

    EventResource(Gateway gateway) {
        this.gateway = gateway;
    }

    Future<Void> events(RoutingContext ctx) {
        var form = Accept.choose(ctx.request(), Accept.JSON, Accept.SSE);
        var id = Query.id(ctx, "run_", "run");
        var in = Query.fields(ctx);
        var after = in.integerOr("after", in.integerOr("cursor", 0, 0, LAST_SEQ), 0, LAST_SEQ);
        var limit = (int) in.integerOr("limit", 50, 1, PAGE);
        in.done();
        var resumed = form.equals(Accept.SSE) ? lastEventId(ctx) : null;
        return gateway.reader()
                .run(id)
                .compose(run -> form.equals(Accept.SSE)
                        ? stream(ctx, run, resumed == null ? after : resumed)
                        : list(ctx, run, after, limit));
    }

    /** What an EventSource sends when it reconnects; it knows better than the address it was first given. */
    private static @Nullable Long lastEventId(RoutingContext ctx) {
        var id = ctx.request().getHeader("last-event-id");
        if (id == null || id.isEmpty()) {
            return null;
        }
        if (!id.matches("[0-9]{1,18}")) {
            throw Failure.invalid("#Last-Event-ID", "malformed (expected: the id of an event of this stream)");
        }
        return Long.valueOf(id);
    }

    private Future<Void> stream(RoutingContext ctx, RunView run, long after) {
        if (run.status().isTerminal() && after >= run.lastSeq()) {
            return Answer.empty(ctx, 204); // an EventSource then stops
        }
        if (after > run.lastSeq()) {
            return Future.failedFuture(beyond(after, run));
        }
        gateway.streams().requireRoom();
        return SseStream.serve(gateway, ctx, run, after);
    }

    static Failure beyond(long after, RunView run) {
        return Failure.of(
                Failure.Kind.INVALID,
                "caller-bad-cursor",
                "after: %d (expected: at most %d, the last event)".formatted(after, run.lastSeq()));
    }

    private Future<Void> list(RoutingContext ctx, RunView run, long after, int limit) {
        return Attempts.after(gateway.reader(), run, after)
                .compose(attempts -> gateway.reader()
                        .events(run.id(), after, limit)
                        .compose(events -> Answer.page(
                                ctx,
                                events,
                                next(events, limit),
                                event -> RunJson.event(run.id(), event, attempts.of(event)))));
    }

    private static @Nullable String next(List<Recorded> events, int limit) {
        return events.size() < limit
                ? null
                : String.valueOf(events.get(limit - 1).seq());
    }

    /** All events so far, one a line. */
    Future<Void> trace(RoutingContext ctx) {
        Accept.choose(ctx.request(), Accept.JSONL, Accept.NDJSON);
        Query.fields(ctx).done();
        return gateway.reader()
                .run(Query.id(ctx, "run_", "run"))
                .compose(run -> Attempts.after(gateway.reader(), run, 0)
                        .compose(attempts ->
                                new Export(gateway, ctx, Accept.JSONL, "").write(out -> trace(out, run, attempts, 0))));
    }

    private Future<Void> trace(Export out, RunView run, Attempts attempts, long after) {
        return gateway.reader().events(run.id(), after, PAGE).compose(events -> {
            var lines = Buffer.buffer();
            events.forEach(event ->
                    lines.appendString(Json.encode(RunJson.event(run.id(), event, attempts.of(event))) + "\n"));
            var last = events.isEmpty() ? after : events.get(events.size() - 1).seq();
            return out.write(lines)
                    .compose(unused ->
                            events.size() < PAGE ? Future.succeededFuture() : trace(out, run, attempts, last));
        });
    }
}
