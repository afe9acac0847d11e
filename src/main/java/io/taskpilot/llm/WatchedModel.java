package io.taskpilot.llm;

import io.taskpilot.engine.CallContext;
import io.taskpilot.engine.ChatModel;
import io.taskpilot.resilience.Breaker;
import io.taskpilot.resilience.Breaker.Evidence;
import io.taskpilot.resilience.Deadline;
import io.taskpilot.resilience.Failure;
import io.taskpilot.telemetry.HealthRegistry;
import io.taskpilot.telemetry.Metrics;
import io.taskpilot.telemetry.ModelMetrics;
import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A provider that is left alone while it does not answer: calls fail at once then, with {@code provider-unreachable},
 * instead of after a time-out each.
 *
 * <p>After a call without an answer it is asked a question of a few tokens each second until it answers, so that no run
 * has to be the one that finds out. What a request causes (a 4xx, a refusal, an answer that is too long) and a limit of
 * the provider (429) are answers; the time a call waits for one of our own connections says nothing. Usable from any context.
 */
public final class WatchedModel implements ChatModel {
    private static final Logger log = LoggerFactory.getLogger(WatchedModel.class);
    private static final String NAME = "llm";
    private static final Duration PAUSE = Duration.ofSeconds(1);
    private static final Breaker.Settings BREAKER = new Breaker.Settings(5, 0.5, 20, Duration.ofSeconds(30), PAUSE);
    private static final Duration PROBE = Duration.ofSeconds(10);
    private static final int PROBE_TOKENS = 16;

    private final Vertx vertx;
    private final Context probes;
    private final ChatModel model;
    private final ChatModel probed;
    private final Duration enough;
    private final String engine;
    private final HealthRegistry health;
    private final ModelMetrics models;
    private final Breaker breaker;
    private final AtomicBoolean probing = new AtomicBoolean();
    private volatile boolean closed;

    /**
     * @param probed the same provider on a connection of its own: a probe that waits in line with the calls would take
     *     our queue for an outage
     * @param timeout of a call; one that had less than half of it, and less than 10 s, and was not answered in time says
     *     nothing about the provider
     * @param engine names the provider in {@code /health}
     */
    public WatchedModel(
            Vertx vertx,
            ChatModel model,
            ChatModel probed,
            Duration timeout,
            String engine,
            HealthRegistry health,
            Metrics metrics) {
        this.vertx = vertx;
        this.probes = vertx.getOrCreateContext();
        this.model = model;
        this.probed = probed;
        var half = timeout.dividedBy(2);
        this.enough = half.compareTo(PROBE) < 0 ? half : PROBE;
        this.engine = engine;
        this.health = health;
        models = metrics.models();
        breaker = new Breaker(NAME, BREAKER, System::nanoTime, this::changed);
        metrics.dependencies().circuit(NAME, () -> breaker.state().level());
    }

    @Override
    public Future<Answer> chat(Request request, CallContext call, Consumer<String> text) {
        if (breaker.state() != Breaker.State.CLOSED) {
            return Future.failedFuture(leftAlone()); // a call may take minutes: the probe is quicker to find out
        }
        var enoughTime = call.deadline().remaining().compareTo(enough) >= 0;
        return breaker.run(() -> model.chat(request, call, text), cause -> evidence(cause, call, enoughTime))
                .onSuccess(unused -> answers())
                .recover(cause -> {
                    if (evidence(cause, call, enoughTime) == Evidence.FAILED) {
                        doubt(request.model());
                    }
                    return Future.failedFuture(Breaker.isRefusal(cause) ? leftAlone() : cause);
                });
    }

    /** Ends the probes. */
    public void close() {
        closed = true;
    }

    private static Failure leftAlone() {
        var detail = "the provider did not answer the last calls; it is asked again within %d ms"
                .formatted(PAUSE.toMillis());
        return Failure.of(Failure.Kind.UPSTREAM, "provider-unreachable", detail);
    }

    private Evidence evidence(Throwable cause, CallContext call, boolean enoughTime) {
        if (call.isAborted() || !(cause instanceof Failure failure)) {
            return Evidence.NONE;
        }
        return switch (failure.slug()) {
            case "provider-unreachable", "provider-cut-stream" -> Evidence.FAILED;
            case "provider-error" -> ModelFailures.isDeclined(failure) ? Evidence.ANSWERED : Evidence.FAILED;
            case "provider-timeout" ->
                enoughTime && ModelFailures.hadEnough(failure, enough) ? Evidence.FAILED : Evidence.NONE;
            case "provider-rate-limited", "provider-refused", "provider-truncated" -> Evidence.ANSWERED;
            default -> Evidence.NONE;
        };
    }

    private void changed(Breaker.State from, Breaker.State to) {
        log.warn("circuit changed dependency={} from={} to={}", NAME, from, to);
        if (to == Breaker.State.OPEN) {
            isDown();
        }
    }

    private void answers() {
        if (breaker.state() == Breaker.State.CLOSED) {
            health.up(NAME, engine);
        }
    }

    private void isDown() {
        health.down(NAME, "does not answer: runs fail");
    }

    private void doubt(String name) {
        if (probing.compareAndSet(false, true)) {
            probeLater(name);
        }
    }

    /** On a context of its own: a timer of the caller's would end with the caller. */
    private void probeLater(String name) {
        probes.runOnContext(unused -> vertx.setTimer(PAUSE.toMillis(), timer -> {
            if (!closed) {
                probe(name);
            }
        }));
    }

    private void probe(String name) {
        var question = Message.of(Role.USER, "Answer with the word ok.");
        var request = new Request(name, List.of(question), List.of(), null, 0, PROBE_TOKENS);
        var call = CallContext.ofRequest("probe", Deadline.in(PROBE));
        var began = System.nanoTime();
        breaker.run(() -> probed.chat(request, call, piece -> {}), cause -> evidence(cause, call, true))
                .onSuccess(answer -> MeteredModel.answered(models, request, answer, began))
                .onComplete(answer -> {
                    if (answer.succeeded() || evidence(answer.cause(), call, true) == Evidence.ANSWERED) {
                        answered(name);
                    } else {
                        isDown();
                        probeLater(name);
                    }
                });
    }

    private void answered(String name) {
        probing.set(false);
        answers();
        if (breaker.state() != Breaker.State.CLOSED) {
            doubt(name); // it opened after this probe was sent, and only a later one closes it
        }
    }
}
