package io.taskpilot.gateway;

import io.taskpilot.telemetry.LogScope;
import io.vertx.core.Handler;
import io.vertx.ext.web.RoutingContext;
import java.util.Map;
import java.util.UUID;
import java.util.regex.Pattern;

/** Names a request in logs and answers. A caller's own id is kept only if it cannot forge a log line. */
final class RequestId implements Handler<RoutingContext> {
    private static final String HEADER = "x-request-id";
    private static final Pattern SAFE = Pattern.compile("[\\w.-]{1,64}");

    @Override
    public void handle(RoutingContext ctx) {
        var given = ctx.request().getHeader(HEADER);
        var id = given != null && SAFE.matcher(given).matches()
                ? given
                : UUID.randomUUID().toString();
        ctx.put(HEADER, id);
        LogScope.add(Map.of(LogScope.REQUEST_ID, id));
        ctx.response().putHeader(HEADER, id);
        ctx.next();
    }

    static String of(RoutingContext ctx) {
        return ctx.<String>get(HEADER);
    }
}
