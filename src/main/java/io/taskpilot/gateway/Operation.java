package io.taskpilot.gateway;

import io.vertx.core.http.HttpMethod;
import java.util.regex.Pattern;

/**
 * What may be called: a route, or an operation of a WebSocket.
 *
 * @param method GET or POST; {@code WS} on a WebSocket
 * @param route as the contract writes it, {@code /v1/runs/{id}}; on a WebSocket the {@code op} of the frame
 */
record Operation(String method, String route) {
    private static final Pattern PARAMETER = Pattern.compile(":([a-z]+)");

    /** @param path as the router has it, {@code /v1/runs/:id} */
    static Operation of(HttpMethod method, String path) {
        return new Operation(method.name(), PARAMETER.matcher(path).replaceAll("{$1}"));
    }

    static Operation ofSocket(String op) {
        return new Operation("WS", op);
    }

    /** As in {@code POST /v1/runs/{id}/cancel} and {@code WS cancel}. */
    @Override
    public String toString() {
        return method + " " + route;
    }
}
