package io.taskpilot.policy;

import io.taskpilot.engine.CallContext;
import io.taskpilot.engine.IngressPolicy;
import io.taskpilot.engine.PolicyEngine;
import io.taskpilot.resilience.Breaker;
import io.taskpilot.resilience.Breaker.Evidence;
import io.taskpilot.resilience.Deadline;
import io.taskpilot.resilience.Failure;
import io.taskpilot.run.PolicyVerdict;
import io.taskpilot.telemetry.HealthRegistry;
import io.taskpilot.telemetry.Metrics;
import io.taskpilot.telemetry.Spans;
import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClient;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Asks an OPA server by its data API, one POST a question, within its time limit or what is left of the call's deadline.
 * A lost connection is tried once more, nothing else is. Any answer but a 200 with a complete verdict, and OPA's 200 for
 * an undefined rule, is a failed future with {@code policy-unavailable}.
 *
 * <p>A server that does not answer is left alone for a second at a time by a {@link Breaker}, and asked a question of no
 * consequence until it answers again, so that no run has to be the one that finds out. Usable from any context.
 */
public final class OpaServerEngine implements PolicyEngine, IngressPolicy {
    private static final Logger log = LoggerFactory.getLogger(OpaServerEngine.class);
    private static final String NAME = "opa";
    private static final String DECISION = "/v1/data/taskpilot/tool_calls/decision";
    private static final String OFFERED = "/v1/data/taskpilot/tool_calls/offered";
    private static final String INGRESS = "/v1/data/taskpilot/ingress/decision";
    private static final Duration PAUSE = Duration.ofSeconds(1);
    private static final Breaker.Settings BREAKER = new Breaker.Settings(5, 0.5, 20, Duration.ofSeconds(10), PAUSE);
    // What a proxy says when there is no server behind it. OPA's own 400 and 500 are about the question.
    private static final Set<Integer> NOBODY_THERE = Set.of(502, 503, 504);
    private static final Map<String, Object> NO_CALL = Map.of(
            "tool_name",
            "",
            "agent_type",
            "",
            "parameters",
            Map.of(),
            "principal",
            Map.of("id", "", "roles", List.of()));
    private static final Map<String, Object> NO_CALLER = Map.of(
            "method",
            "GET",
            "route",
            "/v1/runs",
            "principal",
            Map.of("id", "probe", "roles", List.of(), "scopes", List.of()),
            "tenant",
            "probe",
            "auth_mode",
            "none",
            "environment",
            "probe");

    private final Vertx vertx;
    private final Context probes;
    private final OpaClient client;
    private final URI server;
    private final Duration longest;
    private final HealthRegistry health;
    private final Breaker breaker;
    private final AtomicBoolean probing = new AtomicBoolean();
    private final AtomicLong saidWrongNanos = new AtomicLong(System.nanoTime() - PAUSE.toNanos());
    /** It owes an answer about the API: until it gives one, no other answer makes it well. */
    private volatile boolean owesIngress;

    private volatile boolean closed;

    /**
     * @param server of which only scheme, host, port and a path prefix count, as in {@code http://opa:8181}
     * @param longest of one question, the second try included
     */
    public OpaServerEngine(
            Vertx vertx, HttpClient http, URI server, Duration longest, HealthRegistry health, Metrics metrics) {
        this.vertx = vertx;
        this.probes = vertx.getOrCreateContext();
        this.client = new OpaClient(http, server);
        this.server = server;
        this.longest = longest;
        this.health = health;
        breaker = new Breaker(
                NAME,
                BREAKER,
                System::nanoTime,
                (from, to) -> log.warn("circuit changed dependency={} from={} to={}", NAME, from, to));
        metrics.dependencies().circuit(NAME, () -> breaker.state().level());
    }

    @Override
    public Future<PolicyVerdict> decide(Map<String, Object> input, CallContext call) {
        return ask(DECISION, input, call, longest, OpaServerEngine::verdict);
    }

    @Override
    public Future<List<String>> offered(Map<String, Object> input, CallContext call) {
        return ask(OFFERED, input, call, longest, served -> PolicyAnswer.offered(served.result()));
    }

    @Override
    public Future<PolicyVerdict> admit(Map<String, Object> input, CallContext call) {
        return admit(input, call, longest);
    }

    private Future<PolicyVerdict> admit(Map<String, Object> input, CallContext call, Duration budget) {
        return ask(
                INGRESS,
                input,
                call,
                budget,
                served -> PolicyAnswer.admission(served.result()).withDecisionId(served.decisionId()));
    }

    /**
     * One decision nobody needs, so that the first run does not pay for connecting. Gives the policy's revision; fails
     * when there is no verdict, and goes on asking then.
     */
    public Future<String> warmUp(Duration budget) {
        return probe(budget).map(PolicyVerdict::revision);
    }

    /**
     * As {@link #warmUp}, with the rule about the API.
     *
     * @return fails with an {@link IllegalArgumentException} that says what mends it when the server has the policy
     *     without that rule
     */
    public Future<String> warmUpWithIngress(Duration budget) {
        owesIngress = true;
        return probe(budget).map(PolicyVerdict::revision);
    }

    /** Ends the probes; what is asked after that is still answered. */
    public void close() {
        closed = true;
    }

    private Future<PolicyVerdict> probe(Duration budget) {
        var call = CallContext.ofRequest("probe", Deadline.in(budget));
        return ask(DECISION, NO_CALL, call, budget, OpaServerEngine::verdict)
                .compose(verdict -> owesIngress
                        ? admit(NO_CALLER, call, budget)
                                .recover(OpaServerEngine::withoutIngress)
                                .map(verdict)
                        : Future.succeededFuture(verdict));
    }

    /** A server that is about to load its policy has no rule at all, so one with the other rule lacks this one. */
    private static Future<PolicyVerdict> withoutIngress(Throwable cause) {
        return Future.failedFuture(
                PolicyAnswer.isUndefined(cause)
                        ? new IllegalArgumentException("opa.url: the server's policy has no taskpilot/ingress/decision;"
                                + " give it ingress.rego of conf/policy, or set policy.ingress to none")
                        : cause);
    }

    private static PolicyVerdict verdict(PolicyAnswer.Served served) {
        return PolicyAnswer.verdict(served.result()).withDecisionId(served.decisionId());
    }

    private <T> Future<T> ask(
            String path,
            Map<String, Object> input,
            CallContext call,
            Duration budget,
            Function<PolicyAnswer.Served, T> read) {
        var span = Spans.post(path).at(server.getHost(), server.getPort());
        return PolicySpans.around(span, call, here -> send(path, input, here, budget, read));
    }

    private <T> Future<T> send(
            String path,
            Map<String, Object> input,
            CallContext call,
            Duration budget,
            Function<PolicyAnswer.Served, T> read) {
        var deadline = call.deadline().within(budget);
        return Future.<Void>succeededFuture()
                .map(unused -> Buffer.buffer(PolicyAnswer.json(Map.of("input", input))))
                .compose(body -> breaker.run(
                        () -> client.post(path, body, call, deadline).map(OpaServerEngine::fromOpa),
                        cause -> call.isAborted() ? Evidence.NONE : Evidence.FAILED))
                .map(reply -> read(path, reply, read))
                .onSuccess(unused -> answered(path))
                .onFailure(unused -> failed(path, call))
                .recover(PolicyAnswer::none);
    }

    private <T> T read(String path, OpaClient.Reply reply, Function<PolicyAnswer.Served, T> read) {
        try {
            return read.apply(PolicyAnswer.ofServer(ok(reply)));
        } catch (Failure wrong) {
            var now = System.nanoTime();
            var last = saidWrongNanos.get();
            if (now - last >= PAUSE.toNanos() && saidWrongNanos.compareAndSet(last, now)) { // thousands may ask
                log.warn("policy answered wrongly path={} detail={}", path, wrong.detail());
            }
            throw wrong;
        }
    }

    private static OpaClient.Reply fromOpa(OpaClient.Reply reply) {
        if (NOBODY_THERE.contains(reply.status())) {
            throw PolicyAnswer.unreadable("the OPA server answered " + reply.status());
        }
        return reply;
    }

    private static String ok(OpaClient.Reply reply) {
        if (reply.status() != 200) {
            throw PolicyAnswer.unreadable("the OPA server answered " + reply.status());
        }
        return reply.body();
    }

    private void answered(String path) {
        if (path.equals(INGRESS)) {
            owesIngress = false;
        }
        if (!owesIngress) {
            health.up(NAME, "answers");
        }
    }

    private void failed(String path, CallContext call) {
        if (call.isAborted()) {
            return;
        }
        if (path.equals(INGRESS)) {
            owesIngress = true;
        }
        health.down(NAME, "gives no verdict: runs fail or wait");
        if (probing.compareAndSet(false, true)) {
            probeLater();
        }
    }

    /** On a context of its own: a timer of the caller's would end with the caller. */
    private void probeLater() {
        probes.runOnContext(unused -> vertx.setTimer(PAUSE.toMillis(), timer -> probeAgain()));
    }

    private void probeAgain() {
        if (!closed) {
            probing.set(false); // before it is asked: its own failure begins the next round
            probe(longest).onSuccess(verdict -> log.info("policy answers again revision={}", verdict.revision()));
        }
    }
}
