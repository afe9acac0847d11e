package io.taskpilot.gateway;

import io.vertx.core.Future;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.json.Json;
import io.vertx.ext.web.RoutingContext;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Writes whole answers. */
final class Answer {
    private Answer() {}

    static Future<Void> json(RoutingContext ctx, int status, Map<String, Object> body) {
        return text(ctx, status, Accept.JSON, Json.encode(body));
    }

    /** A page of a list. */
    static <T> Future<Void> page(
            RoutingContext ctx, List<T> items, @Nullable String next, Function<T, Map<String, Object>> view) {
        var body = new LinkedHashMap<String, @Nullable Object>();
        body.put("items", items.stream().map(view).toList());
        body.put("next_cursor", next);
        return text(ctx, 200, Accept.JSON, Json.encode(body));
    }

    static Future<Void> text(RoutingContext ctx, int status, String type, String body) {
        return ctx.response()
                .setStatusCode(status)
                .putHeader("content-type", type)
                .end(Buffer.buffer(body));
    }

    /**
     * Metrics count this answer under a route of its own, as in {@code /v1/runs#wait}: how long it takes is the caller's
     * wish, and no measure of this server.
     */
    static void lasts(RoutingContext ctx, String how) {
        var route = ctx.currentRoute();
        if (route != null && route.getPath() != null) {
            ctx.request().routed(route.getPath() + "#" + how);
        }
    }

    static Future<Void> empty(RoutingContext ctx, int status) {
        return ctx.response().setStatusCode(status).end();
    }
}
