package io.taskpilot.gateway;

import io.taskpilot.telemetry.LogLevels;
import io.taskpilot.telemetry.LogScope;
import io.taskpilot.telemetry.Spans;
import io.taskpilot.telemetry.Trace;
import io.vertx.core.Handler;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpVersion;
import io.vertx.ext.web.RoutingContext;
import java.util.List;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What is told of a request besides its answer: the caller learns where its trace is, the span what became of it, and the
 * log has a line once the answer is out. Of the URL it has the path alone, of the headers none: what callers write there
 * is theirs. Probes leave no line.
 */
final class Accesses implements Handler<RoutingContext> {
    private static final Logger log = LoggerFactory.getLogger(LogLevels.ACCESS);
    private static final List<String> PROBES = List.of("/health", "/metrics");
    private static final String OPERATION = "operation";
    private static final String RUN = "run";
    private static final int SERVER_ERROR = 500;
    private static final int CALLER_ERROR = 400;
    private static final int LONGEST_PATH = 1_024;

    private final Trace any;

    Accesses(Trace any) {
        this.any = any;
    }

    /** To be called once it is known which route answers. */
    static void route(RoutingContext ctx, Operation operation) {
        ctx.put(OPERATION, operation);
    }

    /** To be called once it is known which run it is about. */
    static void run(RoutingContext ctx, String id) {
        ctx.put(RUN, id);
        LogScope.add(Map.of(LogScope.RUN_ID, id));
    }

    /** A request that no route has seen, as it is no HTTP that the router reads. */
    static void refused(HttpServerRequest request, String id, int status) {
        log.atInfo()
                .addKeyValue("event.dataset", LogLevels.ACCESS)
                .addKeyValue("event.kind", "event")
                .addKeyValue("event.category", List.of("web"))
                .addKeyValue("event.outcome", "failure")
                .addKeyValue("http.response.status_code", status)
                .addKeyValue("http.response.body.bytes", request.response().bytesWritten())
                .addKeyValue(LogScope.REQUEST_ID, id)
                .log("- - {}", status);
    }

    @Override
    public void handle(RoutingContext ctx) {
        var began = System.nanoTime();
        var trace = any.current();
        var traceparent = trace.traceparent();
        if (!traceparent.isEmpty()) {
            ctx.response().putHeader("traceparent", traceparent);
            ctx.addHeadersEndHandler(unused -> tell(ctx, trace));
        }
        if (log.isInfoEnabled() && PROBES.stream().noneMatch(ctx.normalizedPath()::startsWith)) {
            ctx.addEndHandler(unused -> write(ctx, trace, System.nanoTime() - began));
        }
        ctx.next();
    }

    private static void tell(RoutingContext ctx, Trace trace) {
        var status = ctx.response().getStatusCode();
        var span = trace.span().set(Spans.STATUS, (long) status).set(Spans.REQUEST_ID, RequestId.of(ctx));
        Operation operation = ctx.get(OPERATION);
        if (operation != null) {
            span.named(operation.toString()).set(Spans.ROUTE, operation.route());
        }
        if (status >= SERVER_ERROR) {
            span.failed(Integer.toString(status));
        }
    }

    private static void write(RoutingContext ctx, Trace trace, long nanos) {
        var request = ctx.request();
        var response = ctx.response();
        var answered = response.headWritten();
        var status = response.getStatusCode();
        var caller = Endpoints.callerOrNull(ctx);
        Operation operation = ctx.get(OPERATION);
        var path = path(ctx);
        var line = log.atInfo()
                .addKeyValue("event.dataset", LogLevels.ACCESS)
                .addKeyValue("event.kind", "event")
                .addKeyValue("event.category", List.of("web"))
                .addKeyValue("event.outcome", answered && status < CALLER_ERROR ? "success" : "failure")
                .addKeyValue("event.duration", nanos)
                .addKeyValue("http.request.method", request.method().name())
                .addKeyValue("http.version", request.version() == HttpVersion.HTTP_2 ? "2" : "1.1")
                .addKeyValue("http.request.body.bytes", request.bytesRead())
                .addKeyValue("http.response.body.bytes", response.bytesWritten())
                .addKeyValue("url.path", path)
                .addKeyValue("labels.route", operation == null ? "" : operation.route())
                .addKeyValue(LogScope.REQUEST_ID, RequestId.of(ctx))
                .addKeyValue(LogScope.RUN_ID, ctx.get(RUN, ""))
                .addKeyValue(LogScope.USER_ID, caller == null ? "" : LogScope.user(caller.id()))
                .addKeyValue(LogScope.TRACE_ID, trace.traceId())
                .addKeyValue("span.id", trace.spanId())
                .addKeyValue("transaction.id", trace.spanId());
        if (answered) {
            line = line.addKeyValue("http.response.status_code", status);
        }
        line.log("{} {} {}", request.method(), path, answered ? status : "no answer");
    }

    /** Of a length that leaves what waits to be written small, whatever callers ask for. */
    private static String path(RoutingContext ctx) {
        var path = ctx.normalizedPath();
        return path.length() > LONGEST_PATH ? path.substring(0, LONGEST_PATH) : path;
    }
}
