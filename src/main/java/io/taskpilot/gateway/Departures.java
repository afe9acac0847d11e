package io.taskpilot.gateway;

import io.vertx.core.http.HttpConnection;
import io.vertx.ext.web.RoutingContext;
import java.util.HashMap;
import java.util.Map;
import java.util.function.BooleanSupplier;

/**
 * Sends HTTP/2 connections away while a server drains: GOAWAY goes out once nothing has been answered on one for a
 * moment. A JDK's client (17) fails every stream that is open when it reads GOAWAY, and also an answer that it has
 * received and not handed on yet. Belongs to one event loop.
 */
final class Departures {
    private static final long QUIET_MILLIS = 200;

    private final BooleanSupplier draining;
    /** Requests that are being answered, or were within the last moment. */
    private final Map<HttpConnection, Integer> connectionToRequests = new HashMap<>();

    Departures(BooleanSupplier draining) {
        this.draining = draining;
    }

    /** To be told of each HTTP/2 request as it comes. */
    void count(RoutingContext ctx) {
        var connection = ctx.request().connection();
        connectionToRequests.merge(connection, 1, Integer::sum);
        ctx.addEndHandler(unused -> {
            if (draining.getAsBoolean()) {
                ctx.vertx().setTimer(QUIET_MILLIS, later -> quiet(connection));
            } else {
                ended(connection);
            }
        });
    }

    private void quiet(HttpConnection connection) {
        if (ended(connection)) {
            connection.goAway(0);
        }
    }

    /** True when it was the last on that connection. */
    private boolean ended(HttpConnection connection) {
        return connectionToRequests.computeIfPresent(connection, (same, requests) -> requests > 1 ? requests - 1 : null)
                == null;
    }
}
