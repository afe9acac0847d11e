package io.taskpilot.gateway;

import io.netty.handler.codec.http.TooLongHttpHeaderException;
import io.netty.handler.codec.http.TooLongHttpLineException;
import io.taskpilot.resilience.Failure;
import io.taskpilot.resilience.Failure.Kind;
import io.vertx.core.Handler;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpVersion;
import io.vertx.core.json.Json;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import java.util.Map;
import java.util.UUID;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The one place that answers for failures, and logs them. */
final class ProblemHandler implements Handler<RoutingContext> {
    private static final Logger log = LoggerFactory.getLogger(ProblemHandler.class);
    private static final Pattern BAD_ESCAPE = Pattern.compile("%(?![0-9a-fA-F]{2})");
    private static final String EXTENSION = "problem-extension";

    private final Sampled strangers = new Sampled(1, System::nanoTime);

    @Override
    public void handle(RoutingContext ctx) {
        var response = ctx.response();
        if ((response.closed() || response.ended()) && !(ctx.failure() instanceof Failure)) {
            log.debug("caller left request_id={}", RequestId.of(ctx), ctx.failure());
            return;
        }
        var failure = failure(ctx);
        if (failure.kind() == Kind.UNAUTHENTICATED) {
            sample(ctx);
        } else {
            log(failure, RequestId.of(ctx), ctx.request().method().name(), ctx.normalizedPath());
        }
        if (response.closed() || response.ended()) {
            return;
        }
        if (response.headWritten()) {
            response.reset(); // too late for a status: a cut connection is the only honest answer left
            return;
        }
        if (failure.kind() == Kind.UNAUTHENTICATED) {
            response.putHeader("www-authenticate", "Bearer realm=\"taskpilot\"");
        }
        if (failure.kind() == Kind.TOO_LARGE && ctx.request().version() != HttpVersion.HTTP_2) {
            response.putHeader("connection", "close"); // the rest of the body is not read
        }
        var retryAfter = failure.retryAfter();
        if (retryAfter != null) {
            response.putHeader("retry-after", String.valueOf(Math.max(1, retryAfter.toSeconds())));
        }
        var problem = Problems.json(failure, ctx.normalizedPath(), RequestId.of(ctx));
        problem.putAll(ctx.<Map<String, Object>>get(EXTENSION, Map.of()));
        response.setStatusCode(failure.kind().status())
                .putHeader("content-type", Problems.MEDIA_TYPE)
                .end(Buffer.buffer(Json.encode(problem)));
    }

    /** Adds a member to the problem that this request will be answered with. */
    static void extend(RoutingContext ctx, String member, Object value) {
        ctx.put(EXTENSION, Map.of(member, value));
    }

    /** Anybody can cause these, as often as they like. */
    private void sample(RoutingContext ctx) {
        var skipped = strangers.take();
        if (skipped >= 0) {
            log.info(
                    "caller unknown request_id={} method={} path={} skipped={}",
                    RequestId.of(ctx),
                    ctx.request().method().name(),
                    ctx.normalizedPath(),
                    skipped);
        }
    }

    private static void log(Failure failure, String id, String method, String path) {
        if (failure.kind() == Kind.INTERNAL) {
            log.error("request failed request_id={} method={} path={}", id, method, path, failure);
        } else {
            log.info(
                    "request refused request_id={} method={} path={} slug={} status={}",
                    id,
                    method,
                    path,
                    failure.slug(),
                    failure.kind().status());
        }
    }

    private static Failure failure(RoutingContext ctx) {
        if (ctx.failure() instanceof Failure failure) {
            return failure;
        }
        return switch (ctx.statusCode()) {
            case 400 -> Failure.of(Kind.INVALID, "caller-bad-request", "the path or the query is malformed");
            case 404 -> Failure.notFound("resource");
            case 405 -> Failure.of(Kind.METHOD_NOT_ALLOWED, "caller-method-not-allowed", "see the Allow header");
            case 413 -> Failure.of(Kind.TOO_LARGE, "caller-too-large", "the body is over 1 MiB");
            default -> Failure.from(ctx.failure() == null ? new IllegalStateException("no cause") : ctx.failure());
        };
    }

    /** Answers what the HTTP decoder refused, before any route could see it. */
    static void refuse(HttpServerRequest request) {
        var cause = request.decoderResult().cause();
        if (cause instanceof TooLongHttpLineException) {
            refuse(request, Failure.of(Kind.URI_TOO_LONG, "caller-uri-too-long", "the request line is over 8 KiB"));
        } else if (cause instanceof TooLongHttpHeaderException) {
            var detail = "the headers are over 16 KiB";
            refuse(request, Failure.of(Kind.HEADERS_TOO_LARGE, "caller-headers-too-large", detail));
        } else {
            refuse(request, Failure.of(Kind.INVALID, "caller-bad-request", "not HTTP as this server reads it"));
        }
    }

    /** A router throws at a path that it can't decode; this stands before it. */
    static Handler<HttpServerRequest> before(Router router) {
        return request -> {
            var path = request.path();
            if (path == null || BAD_ESCAPE.matcher(path).find()) {
                refuse(request, Failure.of(Kind.INVALID, "caller-bad-request", "the path is malformed"));
            } else {
                router.handle(request);
            }
        };
    }

    private static void refuse(HttpServerRequest request, Failure failure) {
        var id = UUID.randomUUID().toString();
        log(failure, id, "-", "-");
        request.response()
                .setStatusCode(failure.kind().status())
                .putHeader("x-request-id", id)
                .putHeader("content-type", Problems.MEDIA_TYPE)
                .putHeader("connection", "close")
                .end(Buffer.buffer(Json.encode(Problems.json(failure, null, id))))
                .onComplete(
                        unused -> Accesses.refused(request, id, failure.kind().status()))
                .eventually(() -> request.connection().close());
    }
}
