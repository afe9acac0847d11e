package io.taskpilot.policy;

import io.taskpilot.engine.CallContext;
import io.taskpilot.resilience.Deadline;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClient;
import io.vertx.core.http.HttpClientRequest;
import io.vertx.core.http.HttpClientResponse;
import io.vertx.core.http.HttpClosedException;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.RequestOptions;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;

/**
 * Posts to an OPA server. A connection that can't be made, or that ends before the answer does, is tried once more
 * within the same deadline: a question has no effect, and a server that was restarted leaves closed connections in the
 * pool. Nothing else is repeated.
 */
final class OpaClient {
    private static final int LONGEST_ANSWER = 1024 * 1024;

    /** A whole HTTP answer, whatever it says. */
    record Reply(int status, String body) {}

    private final HttpClient http;
    private final String server;

    /** @param server of which only scheme, host, port and a path prefix count, as in {@code http://opa:8181} */
    OpaClient(HttpClient http, URI server) {
        this.http = http;
        this.server = server.toString().replaceFirst("/+$", "");
    }

    /** Fails with whatever kept the whole answer from coming before the deadline. */
    Future<Reply> post(String path, Buffer body, CallContext call, Deadline deadline) {
        return once(path, body, call, deadline)
                .recover(cause -> isConnection(cause) && !call.isAborted() && !deadline.hasPassed()
                        ? once(path, body, call, deadline)
                        : Future.failedFuture(cause));
    }

    private static boolean isConnection(Throwable cause) {
        return cause instanceof IOException || cause instanceof HttpClosedException;
    }

    private Future<Reply> once(String path, Buffer body, CallContext call, Deadline deadline) {
        var options = new RequestOptions()
                .setMethod(HttpMethod.POST)
                .setAbsoluteURI(server + path)
                .setFollowRedirects(false)
                .setConnectTimeout(deadline.remainingMillis());
        return http.request(options)
                .compose(request -> exchange(request, body, call, deadline))
                .timeout(deadline.remainingMillis(), TimeUnit.MILLISECONDS);
    }

    /** Resets the connection or stream when the answer is late, wrong, or wanted no more. */
    private static Future<Reply> exchange(HttpClientRequest request, Buffer body, CallContext call, Deadline deadline) {
        if (deadline.hasPassed() || call.isAborted()) {
            return request.reset().compose(unused -> Future.failedFuture(PolicyAnswer.unreadable("asked too late")));
        }
        var forget = call.onAbort(request::reset);
        call.trace().send((name, value) -> request.putHeader(name, value));
        return request.putHeader("Content-Type", "application/json")
                .putHeader("X-Request-Id", call.requestId())
                .send(body)
                .compose(OpaClient::whole)
                .timeout(deadline.remainingMillis(), TimeUnit.MILLISECONDS)
                .onFailure(unused -> request.reset())
                .onComplete(unused -> forget.run());
    }

    // The body is read whatever the status: only then can the connection serve the next question.
    private static Future<Reply> whole(HttpClientResponse response) {
        var whole = Promise.<Reply>promise();
        var read = Buffer.buffer();
        response.handler(chunk -> {
            if (read.length() + chunk.length() > LONGEST_ANSWER) {
                whole.tryFail(PolicyAnswer.unreadable("an answer of more than %d bytes".formatted(LONGEST_ANSWER)));
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
