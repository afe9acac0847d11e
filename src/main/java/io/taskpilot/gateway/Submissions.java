package io.taskpilot.gateway;

import io.taskpilot.engine.Journal.IdempotencyKey;
import io.taskpilot.engine.RunReader.RunView;
import io.taskpilot.engine.Runs.Submission;
import io.taskpilot.resilience.Failure;
import io.taskpilot.run.CanonicalJson;
import io.taskpilot.run.Ids;
import io.taskpilot.run.RunRequest;
import io.taskpilot.telemetry.Spans;
import io.taskpilot.telemetry.Trace;
import io.vertx.core.Future;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** From a body to an accepted run, however it came in. Shared by all loops. */
final class Submissions {
    private static final Pattern KEY = Pattern.compile("[\\x21-\\x7e]{1,255}");
    private static final String ROUTE = "POST /v1/runs";
    private static final int LONGEST_INPUT = 32_000;
    private static final Duration RETRY_AFTER = Duration.ofSeconds(1);

    private final Gateway gateway;
    private final int perKey;
    private final Map<String, Integer> callerToPending = new ConcurrentHashMap<>();

    /** @param perKey runs in flight that one caller may have on this node */
    Submissions(Gateway gateway, int perKey) {
        this.gateway = gateway;
        this.perKey = perKey;
    }

    /** Whether {@code text} may be an idempotency key: 1..255 visible ASCII characters. */
    static boolean isKey(String text) {
        return KEY.matcher(text).matches();
    }

    /**
     * Fails as {@code Runs.submit} does, with {@code caller-invalid}, or with {@code limit-runs-per-key} (429).
     *
     * @param key idempotency key, if one was given
     * @param trace where it is submitted: the run's spans are under it
     */
    Future<Submission> submit(
            Map<String, Object> body, Caller caller, String requestId, @Nullable String key, Trace trace) {
        var request = request(body, caller, requestId, trace);
        var idempotency = key == null ? null : new IdempotencyKey(caller.id(), ROUTE, key, CanonicalJson.sha256(body));
        var pending = callerToPending.merge(caller.id(), 1, Integer::sum);
        return Future.<Void>succeededFuture()
                .compose(unused -> pending + gateway.runs().inFlight(caller.id()) > perKey
                        ? Future.failedFuture(tooMany())
                        : gateway.runs().submit(request, idempotency))
                .onSuccess(submission -> trace.span().set(Spans.RUN_ID, RunJson.id(submission.runId())))
                .andThen((submission, cause) ->
                        callerToPending.computeIfPresent(caller.id(), (id, count) -> count > 1 ? count - 1 : null));
    }

    /** The run that was submitted. Only a replay is read, so that what was accepted is never answered with a 503. */
    Future<RunView> view(Submission submission) {
        return submission.accepted() == null
                ? gateway.reader().run(submission.runId())
                : Future.succeededFuture(submission.accepted());
    }

    private Failure tooMany() {
        gateway.metrics().admission().rejected("rate_limit");
        return Failure.limited(
                "limit-runs-per-key", "%d runs are in flight (limit: %d)".formatted(perKey, perKey), RETRY_AFTER);
    }

    private static RunRequest request(Map<String, Object> body, Caller caller, String requestId, Trace trace) {
        var in = Fields.ofBody(body);
        var input = in.text("input", LONGEST_INPUT);
        var metadata = in.pairs("metadata", 16, 64, 1_024);
        var timeout = Duration.ofSeconds(in.integerOr("timeout_s", 300, 1, 86_400));
        var requireApproval = in.flagOr("require_approval", false);
        in.done();
        var id = Ids.at(System.currentTimeMillis(), ThreadLocalRandom.current());
        return new RunRequest(
                id,
                caller.tenant(),
                caller.id(),
                caller.roles(),
                requestId,
                input,
                metadata,
                timeout,
                requireApproval,
                trace.traceparent());
    }
}
