package io.taskpilot.policy;

import com.fasterxml.jackson.databind.JsonNode;
import io.taskpilot.engine.CallContext;
import io.taskpilot.engine.PolicyEngine;
import io.taskpilot.resilience.Deadline;
import io.taskpilot.run.PolicyVerdict;
import io.vertx.core.Future;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClient;
import io.vertx.core.http.HttpClientRequest;
import io.vertx.core.http.HttpClientResponse;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.RequestOptions;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

/**
 * Asks an OPA server by its data API, one POST a question, within its time limit or what is left of the call's deadline.
 * Nothing is retried. Any answer but a 200 with a complete verdict, and OPA's 200 for an undefined rule, is a failed
 * future with {@code policy-unavailable}.
 */
public final class OpaServerEngine implements PolicyEngine {
    private static final String DECISION = "/v1/data/taskpilot/tool_calls/decision";
    private static final String OFFERED = "/v1/data/taskpilot/tool_calls/offered";

    private final HttpClient http;
    private final String server;
    private final Duration longest;

    /**
     * @param server of which only scheme, host, port and a path prefix count, as in {@code http://opa:8181}
     * @param longest of one request
     */
    public OpaServerEngine(HttpClient http, URI server, Duration longest) {
        this.http = http;
        this.server = server.toString().replaceFirst("/+$", "");
        this.longest = longest;
    }

    @Override
    public Future<PolicyVerdict> decide(Map<String, Object> input, CallContext call) {
        return ask(DECISION, input, call, PolicyAnswer::verdict);
    }

    @Override
    public Future<List<String>> offered(Map<String, Object> input, CallContext call) {
        return ask(OFFERED, input, call, PolicyAnswer::offered);
    }

    private <T> Future<T> ask(String path, Map<String, Object> input, CallContext call, Function<JsonNode, T> read) {
        var deadline = call.deadline().within(longest);
        return Future.<Void>succeededFuture()
                .map(unused -> Buffer.buffer(PolicyAnswer.json(Map.of("input", input))))
                .compose(body -> post(path, body, call, deadline))
                .map(PolicyAnswer::ofServer)
                .map(read)
                .recover(PolicyAnswer::none);
    }

    private Future<String> post(String path, Buffer body, CallContext call, Deadline deadline) {
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
    private static Future<String> exchange(
            HttpClientRequest request, Buffer body, CallContext call, Deadline deadline) {
        if (deadline.hasPassed() || call.isAborted()) {
            return request.reset().compose(unused -> Future.failedFuture(PolicyAnswer.unreadable("asked too late")));
        }
        call.onAbort(request::reset);
        return request.putHeader("Content-Type", "application/json")
                .putHeader("X-Request-Id", call.requestId())
                .send(body)
                .compose(OpaServerEngine::text)
                .timeout(deadline.remainingMillis(), TimeUnit.MILLISECONDS)
                .onFailure(unused -> request.reset());
    }

    // The body is read whatever the status: only then can the connection serve the next question.
    private static Future<String> text(HttpClientResponse response) {
        return response.body().map(body -> {
            if (response.statusCode() != 200) {
                throw PolicyAnswer.unreadable("the OPA server answered " + response.statusCode());
            }
            return body.toString(StandardCharsets.UTF_8);
        });
    }
}
