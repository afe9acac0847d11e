package io.taskpilot.telemetry;

import io.vertx.core.Context;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.spi.tracing.SpanKind;
import io.vertx.core.spi.tracing.TagExtractor;
import io.vertx.core.spi.tracing.VertxTracer;
import io.vertx.core.tracing.TracingPolicy;
import java.util.Iterator;
import java.util.List;
import java.util.Map.Entry;
import java.util.function.BiConsumer;
import java.util.stream.StreamSupport;
import org.jspecify.annotations.Nullable;

/**
 * What of Vert.x is traced: requests to a server that are no probe. Of a request it takes the {@code traceparent} and
 * nothing else that callers may fill as they like, and its path without the query. Clients are traced by who uses them,
 * who know what for; queries and polls are not.
 */
final class RequestTracer<I, O> implements VertxTracer<I, O> {
    private static final List<String> UNTRACED = List.of("/health", "/metrics", "/log-level");
    private static final String PARENT = "traceparent";

    private static final TagExtractor<HttpServerRequest> TAGS = new TagExtractor<>() {
        @Override
        public int len(HttpServerRequest request) {
            return 3;
        }

        @Override
        public String name(HttpServerRequest request, int index) {
            return switch (index) {
                case 0 -> "http.request.method";
                case 1 -> "url.scheme";
                default -> "url.path";
            };
        }

        @Override
        public String value(HttpServerRequest request, int index) {
            return switch (index) {
                case 0 -> request.method().name();
                case 1 -> String.valueOf(request.scheme());
                default -> String.valueOf(request.path());
            };
        }
    };

    private final VertxTracer<I, O> real;

    private RequestTracer(VertxTracer<I, O> real) {
        this.real = real;
    }

    static <I, O> VertxTracer<I, O> around(VertxTracer<I, O> real) {
        return new RequestTracer<>(real);
    }

    @Override
    public <R> @Nullable I receiveRequest(
            Context context,
            SpanKind kind,
            TracingPolicy policy,
            R request,
            String operation,
            Iterable<Entry<String, String>> headers,
            TagExtractor<R> tags) {
        if (!(request instanceof HttpServerRequest http) || isUntraced(http)) {
            return null;
        }
        return real.receiveRequest(context, kind, policy, http, operation, () -> parent(headers), TAGS);
    }

    /** A socket is open for hours, and asks for much: each of its operations is traced instead. */
    private static boolean isUntraced(HttpServerRequest request) {
        var path = String.valueOf(request.path());
        return "websocket".equalsIgnoreCase(request.getHeader("upgrade"))
                || UNTRACED.stream().anyMatch(path::startsWith);
    }

    private static Iterator<Entry<String, String>> parent(Iterable<Entry<String, String>> headers) {
        return StreamSupport.stream(headers.spliterator(), false)
                .filter(header -> header.getKey().equalsIgnoreCase(PARENT))
                .iterator();
    }

    @Override
    public <R> void sendResponse(
            Context context,
            @Nullable R response,
            @Nullable I span,
            @Nullable Throwable failure,
            TagExtractor<R> tags) {
        if (span != null) { // what failed is told by the status; a message might quote anything
            real.sendResponse(context, response, span, null, TagExtractor.empty());
        }
    }

    @Override
    public <R> @Nullable O sendRequest(
            Context context,
            SpanKind kind,
            TracingPolicy policy,
            R request,
            String operation,
            BiConsumer<String, String> headers,
            TagExtractor<R> tags) {
        return null;
    }

    @Override
    public <R> void receiveResponse(
            Context context,
            @Nullable R response,
            @Nullable O span,
            @Nullable Throwable failure,
            TagExtractor<R> tags) {}
}
