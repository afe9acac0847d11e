package io.taskpilot.gateway;

import io.taskpilot.engine.RunReader.RunView;
import io.taskpilot.gateway.Outlet.ReaderLost;
import io.taskpilot.run.EventCodec;
import io.taskpilot.run.Recorded;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.core.json.Json;
import io.vertx.ext.web.RoutingContext;
import java.time.Duration;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A run's events as a Server-Sent Events response (WHATWG HTML, section 9.2): the {@code id} is the {@code seq}, so that
 * {@code Last-Event-ID} resumes without a gap.
 */
final class SseStream {
    private static final Logger log = LoggerFactory.getLogger(SseStream.class);
    private static final long KEEP_ALIVE_MILLIS = 15_000;
    private static final Buffer KEEP_ALIVE = Buffer.buffer(": keep-alive\n\n");
    private static final Buffer RETRY = Buffer.buffer("retry: 2000\n\n");
    private static final Buffer RECONNECT = Buffer.buffer("event: reconnect\ndata: {\"reason\":\"draining\"}\n\n");

    private final Gateway gateway;
    private final Vertx vertx;
    private final RoutingContext ctx;
    private final HttpServerResponse response;
    private final Outlet outlet;
    private final UUID runId;
    private final long asked = System.nanoTime();
    private boolean awaitsFirst;

    /** @param awaitsFirst there is an event to send at once: how long that takes is the server's doing */
    private SseStream(Gateway gateway, RoutingContext ctx, UUID runId, boolean awaitsFirst) {
        this.gateway = gateway;
        this.vertx = ctx.vertx();
        this.ctx = ctx;
        this.response = ctx.response();
        this.outlet = new Outlet(vertx, gateway.patience());
        this.runId = runId;
        this.awaitsFirst = awaitsFirst;
    }

    /**
     * Answers with the run's events after {@code after}; completes once the stream runs, fails before any byte. Whether
     * there is room was asked before: not here, where a run may have been accepted meanwhile.
     */
    static Future<Void> serve(Gateway gateway, RoutingContext ctx, RunView run, long after) {
        var stream = new SseStream(gateway, ctx, run.id(), after < run.lastSeq());
        ctx.response().closeHandler(unused -> stream.outlet.gone());
        var live = new LiveText(stream::offer, () -> gateway.metrics().streams().textDropped("sse"));
        return Tail.open(gateway, ctx.vertx(), run, after, stream::write, live)
                .onSuccess(stream::run)
                .mapEmpty();
    }

    private void run(Tail tail) {
        if (outlet.isLost()) {
            tail.close();
            return;
        }
        Answer.lasts(ctx, "stream");
        response.setStatusCode(200)
                .setChunked(true)
                .putHeader("content-type", "text/event-stream; charset=utf-8")
                .putHeader("x-accel-buffering", "no")
                .write(RETRY);
        var open = gateway.streams().add(vertx, "sse", () -> leave(tail));
        var keepAlive = vertx.setPeriodic(KEEP_ALIVE_MILLIS, unused -> keepAlive());
        response.closeHandler(unused -> {
            outlet.gone();
            tail.close();
        });
        tail.start().onComplete((unused, cause) -> {
            vertx.cancelTimer(keepAlive);
            gateway.streams().remove(open, end(tail, cause));
        });
    }

    private Future<Void> write(Recorded event, int attempt) {
        if (outlet.isLost()) {
            return outlet.room();
        }
        if (awaitsFirst) {
            awaitsFirst = false;
            gateway.metrics().streams().firstEvent("sse", Duration.ofNanos(System.nanoTime() - asked));
        }
        var json = Json.encode(RunJson.event(runId, event, attempt));
        var text = Buffer.buffer(
                "id: %d\nevent: %s\ndata: %s\n\n".formatted(event.seq(), EventCodec.type(event.event()), json));
        return outlet.wrote(text.length(), response.write(text));
    }

    /** Without an {@code id}, so that the reader's cursor stays at the event before. */
    private boolean offer(Map<String, Object> delta) {
        if (outlet.isLost()) {
            return true; // nobody is there to be too slow
        }
        if (outlet.isRoomy()) {
            var text = Buffer.buffer("event: %s\ndata: %s\n\n".formatted(RunJson.DELTA, Json.encode(delta)));
            outlet.wrote(text.length(), response.write(text));
            return true;
        }
        return false;
    }

    private void keepAlive() {
        if (!outlet.isLost() && !outlet.isFull()) {
            response.write(KEEP_ALIVE);
        }
    }

    private Future<Void> leave(Tail tail) {
        if (!outlet.isLost() && !response.ended()) { // the last event may have gone out since the drain began
            response.write(RECONNECT);
        }
        tail.close();
        return Future.succeededFuture();
    }

    /** @return why it ended, as metrics have it */
    private String end(Tail tail, @Nullable Throwable cause) {
        if (cause == null && outlet.isLost()) {
            return "client_gone";
        } else if (cause == null) {
            response.end();
            return gateway.streams().isDraining() ? "draining" : "complete";
        }
        response.reset(); // the reader resumes after the last id it has
        if (cause instanceof ReaderLost lost) {
            if (lost.isStalled()) {
                gateway.metrics().streams().dropped("sse", tail.pending());
            }
            log.info("stream closed run_id={} reason={} last_seq={}", RunJson.id(runId), lost.reason(), tail.lastSeq());
            return lost.reason();
        }
        log.error("stream failed run_id={} last_seq={}", RunJson.id(runId), tail.lastSeq(), cause);
        return "error";
    }
}
