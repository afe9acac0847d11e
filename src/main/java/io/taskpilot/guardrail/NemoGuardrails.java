package io.taskpilot.guardrail;

import io.taskpilot.engine.CallContext;
import io.taskpilot.engine.Guardrails;
import io.taskpilot.resilience.Breaker;
import io.taskpilot.resilience.Breaker.Evidence;
import io.taskpilot.resilience.Deadline;
import io.taskpilot.resilience.Failure;
import io.taskpilot.run.RailPhase;
import io.taskpilot.run.StorableText;
import io.taskpilot.telemetry.HealthRegistry;
import io.taskpilot.telemetry.Metrics;
import io.taskpilot.telemetry.Spans;
import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.net.URI;
import java.time.Duration;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Asks a NeMo Guardrails server, one {@code POST /v1/checks} a text. Whatever is no verdict of its rails is a failed
 * future with {@code guardrails-unavailable}; that includes the answers by which the server says that a rail broke.
 *
 * <p>A server that does not answer is left alone by a {@link Breaker}. The engine itself looks every second whether the
 * server has our configuration, and after trouble sends a check of its own through every rail, so that no run has to be
 * the one that finds out. Usable from any context.
 */
public final class NemoGuardrails implements Guardrails {
    private static final Logger log = LoggerFactory.getLogger(NemoGuardrails.class);
    private static final String NAME = "guardrails";
    private static final Duration PAUSE = Duration.ofSeconds(1);
    private static final Breaker.Settings BREAKER = new Breaker.Settings(5, 0.5, 20, Duration.ofSeconds(10), PAUSE);
    // The server reads its configuration with the first check that names it.
    private static final Duration WARM_UP = Duration.ofSeconds(5);
    // What a proxy says when there is no server behind it. Any other status is about the question.
    private static final Set<Integer> NOBODY_THERE = Set.of(502, 503, 504);
    private static final int MOST_CACHED = 10_000;
    private static final Duration CACHED_FOR = Duration.ofMinutes(1);

    private final Vertx vertx;
    private final Context own;
    private final NemoClient client;
    private final URI server;
    private final Duration longest;
    private final HealthRegistry health;
    private final Metrics metrics;
    private final Breaker breaker;
    private final @Nullable VerdictCache cache;
    private volatile boolean doubted = true;
    private volatile boolean closed;

    /**
     * @param server of which only scheme, host, port and a path prefix count, as in {@code http://nemo:8000}
     * @param longest of one check, the second try included
     * @param pure the rails say the same of the same text every time, so that their verdicts may be kept
     */
    public NemoGuardrails(
            Vertx vertx, URI server, Duration longest, boolean pure, HealthRegistry health, Metrics metrics) {
        this.vertx = vertx;
        this.own = vertx.getOrCreateContext();
        this.server = server;
        this.longest = longest;
        this.health = health;
        this.metrics = metrics;
        cache = pure ? new VerdictCache(MOST_CACHED, CACHED_FOR, System::nanoTime) : null;
        client = new NemoClient(vertx, server, this::forget);
        breaker = new Breaker(
                NAME,
                BREAKER,
                System::nanoTime,
                (from, to) -> log.info("circuit changed dependency={} from={} to={}", NAME, from, to));
        metrics.dependencies().circuit(NAME, () -> breaker.state().level());
    }

    @Override
    public Future<Verdict> check(RailPhase phase, String text, CallContext call) {
        var clean = StorableText.clean(text);
        if (cache == null) {
            return ask(phase, clean, call, longest);
        }
        var key = VerdictCache.key(phase, clean);
        var known = cache.get(key);
        metrics.governance().looked(NAME, known != null);
        if (known != null) {
            return RailSpans.around(Spans.rails(phase.word()), phase, call, (here, span) -> {
                span.set(Spans.CACHED, true);
                return Future.succeededFuture(known);
            });
        }
        var asked = cache.epoch();
        return ask(phase, clean, call, longest).onSuccess(verdict -> keep(cache, key, verdict, asked));
    }

    @Override
    public Future<Verdict> checkPart(String text, CallContext call) {
        return ask(RailPhase.OUTPUT, StorableText.clean(text), call, longest);
    }

    /** Pure rails change nothing: where one did, the server has other rails than we know. */
    private static void keep(VerdictCache cache, String key, Verdict verdict, long asked) {
        if (!(verdict instanceof Verdict.Modified)) {
            cache.put(key, verdict, asked);
        }
    }

    /**
     * Looks at the server and warms up every rail type; then looks again every second until closed. Completes when the
     * first look is over, whatever it found: {@code /health} has that.
     */
    public Future<Void> start() {
        return look().onComplete(unused -> lookLater());
    }

    /** Closes the connections; checks under way fail. */
    public Future<Void> close() {
        closed = true;
        return client.close();
    }

    private Future<Verdict> ask(RailPhase phase, String text, CallContext call, Duration budget) {
        var span = Spans.post(NemoClient.CHECKS).at(server.getHost(), server.getPort());
        return RailSpans.around(span, phase, call, (here, unused) -> send(phase, text, here, budget));
    }

    private Future<Verdict> send(RailPhase phase, String text, CallContext call, Duration budget) {
        return call.within(
                budget,
                limited -> Future.<Void>succeededFuture()
                        .map(unused -> NemoAnswer.question(phase, text))
                        .compose(question -> breaker.run(
                                () -> client.check(question, limited).map(NemoGuardrails::fromNemo),
                                cause -> call.isAborted() ? Evidence.NONE : Evidence.FAILED))
                        .onFailure(cause -> unanswered(call))
                        .map(reply -> NemoAnswer.verdict(reply, text))
                        .onFailure(cause -> doubt(call))
                        .recover(cause -> Future.failedFuture(unavailable(cause))));
    }

    private static NemoClient.Reply fromNemo(NemoClient.Reply reply) {
        if (NOBODY_THERE.contains(reply.status())) {
            throw NemoAnswer.none("the NeMo Guardrails server answered " + reply.status());
        }
        return reply;
    }

    private static Failure unavailable(Throwable cause) {
        return cause instanceof Failure failure && failure.slug().equals("guardrails-unavailable")
                ? failure
                : NemoAnswer.none("the NeMo Guardrails server did not answer", cause);
    }

    private void doubt(CallContext call) {
        if (!call.isAborted()) {
            doubted = true;
        }
    }

    /** An answer that is no verdict may be the text's fault; none at all is the server's. */
    private void unanswered(CallContext call) {
        if (!call.isAborted()) {
            forget();
            health.down(NAME, "does not answer: runs fail or wait");
        }
    }

    /** The server may have ended, and may come back with other rails: what it said before counts no more. */
    private void forget() {
        if (cache != null) {
            cache.forget();
        }
    }

    /** On a context of its own: a timer of the caller's would end with the caller. */
    private void lookLater() {
        own.runOnContext(unused -> vertx.setTimer(PAUSE.toMillis(), timer -> {
            if (!closed) {
                look().onComplete(done -> lookLater());
            }
        }));
    }

    private Future<Void> look() {
        return client.configs(probe(longest))
                .map(NemoAnswer::serves)
                .recover(cause -> Future.failedFuture(unavailable(cause)))
                .compose(serves -> {
                    if (!serves) {
                        throw NemoAnswer.none("the server has no configuration '%s'".formatted(NemoAnswer.CONFIG_ID));
                    }
                    return doubted || breaker.state() != Breaker.State.CLOSED ? warmUp() : Future.succeededFuture();
                })
                .onFailure(cause -> {
                    if (!closed) {
                        doubted = true;
                        forget();
                        health.down(NAME, "no verdicts: " + Failure.from(cause).detail());
                    }
                })
                .otherwiseEmpty();
    }

    /** A text of no consequence through the rails of each type. */
    private Future<Void> warmUp() {
        doubted = false; // before it is asked: what fails meanwhile must be looked into again
        return ask(RailPhase.INPUT, "warm up", probe(WARM_UP), WARM_UP)
                .compose(unused -> ask(RailPhase.OUTPUT, "warm up", probe(WARM_UP), WARM_UP))
                .onSuccess(unused -> {
                    health.up(NAME, "answers");
                    log.info("guardrails answer config_id={}", NemoAnswer.CONFIG_ID);
                })
                .mapEmpty();
    }

    private static CallContext probe(Duration budget) {
        return CallContext.ofRequest("probe", Deadline.in(budget));
    }
}
