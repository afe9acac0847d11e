package io.taskpilot.guardrail;

import io.taskpilot.engine.CallContext;
import io.taskpilot.resilience.Deadline;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClientAgent;
import io.vertx.core.http.HttpClientOptions;
import io.vertx.core.http.HttpClientRequest;
import io.vertx.core.http.HttpClientResponse;
import io.vertx.core.http.HttpClosedException;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.PoolOptions;
import io.vertx.core.http.RequestOptions;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * HTTP to a NeMo Guardrails server. A connection that can't be made, or that ends before the answer does, is tried once
 * more within the same deadline: a check has no effect. Nothing else is repeated.
 */
final class NemoClient {
    static final String CHECKS = "/v1/checks";
    private static final int CONNECTIONS = 32;
    private static final int WAITING = 4_096;
    // Below the 5 s after which the server (uvicorn) closes a connection: else a check could meet it closing.
    private static final int KEEP_ALIVE_S = 4;
    private static final int LEAST_BOUND = 1024 * 1024;

    /** A whole HTTP answer, whatever it says. */
    record Reply(int status, String body) {}

    private final HttpClientAgent http;
    private final String server;

    /**
     * @param server of which only scheme, host, port and a path prefix count, as in {@code http://nemo:8000}
     * @param connectionLost is run on an event loop when any connection has ended, an idle one too
     */
    NemoClient(Vertx vertx, URI server, Runnable connectionLost) {
        this.server = server.toString().replaceFirst("/+$", "");
        http = vertx.httpClientBuilder()
                .with(new HttpClientOptions().setMetricsName("guardrails").setKeepAliveTimeout(KEEP_ALIVE_S))
                .with(new PoolOptions().setHttp1MaxSize(CONNECTIONS).setMaxWaitQueueSize(WAITING))
                .withConnectHandler(connection -> connection.closeHandler(unused -> connectionLost.run()))
                .build();
    }

    /** Fails with whatever kept the whole answer from coming before the call's deadline. */
    Future<Reply> check(byte[] question, CallContext call) {
        return twice(call, () -> once(HttpMethod.POST, CHECKS, Buffer.buffer(question), call));
    }

    /** The configurations that the server has. */
    Future<Reply> configs(CallContext call) {
        return twice(call, () -> once(HttpMethod.GET, "/v1/rails/configs", null, call));
    }

    Future<Void> close() {
        return http.close();
    }

    private static Future<Reply> twice(CallContext call, Supplier<Future<Reply>> attempt) {
        return attempt.get()
                .recover(cause -> isConnection(cause)
                                && !call.isAborted()
                                && !call.deadline().hasPassed()
                        ? attempt.get()
                        : Future.failedFuture(cause));
    }

    private static boolean isConnection(Throwable cause) {
        return cause instanceof IOException || cause instanceof HttpClosedException;
    }

    private Future<Reply> once(HttpMethod method, String path, @Nullable Buffer body, CallContext call) {
        var deadline = call.deadline();
        var options = new RequestOptions()
                .setMethod(method)
                .setAbsoluteURI(server + path)
                .setFollowRedirects(false)
                .setConnectTimeout(deadline.remainingMillis());
        return http.request(options)
                .compose(request -> exchange(request, body, call, deadline))
                .timeout(deadline.remainingMillis(), TimeUnit.MILLISECONDS);
    }

    /** Resets the connection or stream when the answer is late, wrong, or wanted no more. */
    private static Future<Reply> exchange(
            HttpClientRequest request, @Nullable Buffer body, CallContext call, Deadline deadline) {
        if (deadline.hasPassed() || call.isAborted()) {
            return request.reset().compose(unused -> Future.failedFuture(NemoAnswer.none("asked too late")));
        }
        var forget = call.onAbort(request::reset);
        request.putHeader("X-Request-Id", call.requestId());
        call.trace().send((name, value) -> request.putHeader(name, value));
        // A checked text comes back in the answer, and a rail may make it longer.
        var bound = body == null ? LEAST_BOUND : LEAST_BOUND + 2 * body.length();
        var response = body == null
                ? request.send()
                : request.putHeader("Content-Type", "application/json").send(body);
        return response.compose(answer -> whole(answer, bound))
                .timeout(deadline.remainingMillis(), TimeUnit.MILLISECONDS)
                .onFailure(unused -> request.reset())
                .onComplete(unused -> forget.run());
    }

    // The body is read whatever the status: only then can the connection serve the next question.
    private static Future<Reply> whole(HttpClientResponse response, int bound) {
        var whole = Promise.<Reply>promise();
        var read = Buffer.buffer();
        response.handler(chunk -> {
            if (read.length() + chunk.length() > bound) {
                whole.tryFail(NemoAnswer.none("an answer of more than %d bytes".formatted(bound)));
            } else {
                read.appendBuffer(chunk);
            }
        });
        response.exceptionHandler(whole::tryFail);
        response.endHandler(
                unused -> whole.tryComplete(new Reply(response.statusCode(), read.toString(StandardCharsets.UTF_8))));
        return whole.future();
    }
}
