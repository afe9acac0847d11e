package io.taskpilot.gateway;

import io.taskpilot.resilience.Failure;
import io.vertx.core.Future;
import io.vertx.ext.web.RoutingContext;
import java.util.Objects;

/** Upgrades to a WebSocket. */
final class SocketResource {
    private final Gateway gateway;

    SocketResource(Gateway gateway) {
        this.gateway = gateway;
    }

    Future<Void> open(RoutingContext ctx) {
        if (!"websocket".equalsIgnoreCase(ctx.request().getHeader("upgrade"))) {
            return Future.failedFuture(Failure.invalid("#Upgrade", "missing (expected: websocket)"));
        }
        gateway.streams().requireRoom();
        var caller = Endpoints.caller(ctx);
        var requestId = RequestId.of(ctx);
        var parent = gateway.trace().of(Objects.requireNonNullElse(ctx.request().getHeader("traceparent"), ""));
        var trace = parent.traceId().isEmpty() ? gateway.trace() : parent;
        return ctx.request()
                .toWebSocket()
                .onSuccess(socket -> new SocketSession(gateway, ctx.vertx(), socket, caller, requestId, trace).run())
                .mapEmpty();
    }
}
