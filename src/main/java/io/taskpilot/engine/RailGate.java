package io.taskpilot.engine;

import io.taskpilot.config.TaskPilotConfig.OnError;
import io.taskpilot.resilience.Failure;
import io.taskpilot.run.Agent;
import io.taskpilot.run.CanonicalJson;
import io.taskpilot.run.DecisionResult;
import io.taskpilot.run.RailPhase;
import io.taskpilot.run.RunEvent.GuardrailChecked;
import io.vertx.core.Future;
import java.util.function.Function;
import java.util.function.LongConsumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Asks the guardrails, and turns whatever comes back, the lack of an answer included, into {@code guardrail.checked}. */
final class RailGate {
    private final Guardrails guardrails;
    private final EngineSettings settings;
    private final Patience patience;
    private final RunMetrics metrics;

    RailGate(Guardrails guardrails, EngineSettings settings, Patience patience, RunMetrics metrics) {
        this.guardrails = guardrails;
        this.settings = settings;
        this.patience = patience;
        this.metrics = metrics;
    }

    /** Fails only when the call was aborted. */
    Future<GuardrailChecked> check(
            RailPhase phase, @Nullable Agent agent, @Nullable String callId, String text, CallContext call) {
        var began = System.nanoTime();
        var sha256 = CanonicalJson.sha256Text(text);
        var onError = settings.onRailError(phase);
        return ask(
                        onError,
                        call,
                        limited -> guardrails.check(phase, text, limited),
                        nanos -> metrics.unchecked(phase, nanos))
                .transform((said, cause) -> {
                    if (call.isAborted()) {
                        return Future.failedFuture(
                                cause == null
                                        ? Failure.of(Failure.Kind.UNAVAILABLE, "guardrails-unavailable", "aborted")
                                        : cause);
                    }
                    var ms = (System.nanoTime() - began) / 1e6;
                    var checked = said != null
                            ? event(phase, agent, callId, said, sha256, ms)
                            : error(phase, agent, callId, cause, onError == OnError.ALLOW, sha256, ms);
                    metrics.checked(checked);
                    return Future.succeededFuture(checked);
                });
    }

    /**
     * Whether a part of an answer may be seen before all of it is written. It decides nothing, so it is no event, and no
     * check that an objective counts.
     */
    Future<Boolean> mayBeSeen(String part, CallContext call) {
        var onError = settings.onRailError(RailPhase.OUTPUT);
        return ask(onError, call, limited -> guardrails.checkPart(part, limited), nanos -> {})
                .map(said -> said instanceof Guardrails.Verdict.Passed)
                .recover(cause -> onError == OnError.ALLOW && !call.isAborted()
                        ? Future.succeededFuture(true)
                        : Future.failedFuture(cause));
    }

    private Future<Guardrails.Verdict> ask(
            OnError onError,
            CallContext call,
            Function<CallContext, Future<Guardrails.Verdict>> question,
            LongConsumer inVain) {
        Supplier<Future<Guardrails.Verdict>> asked = () -> call.within(settings.railTimeout(), question);
        return onError == OnError.WAIT ? patience.insist(call, asked, inVain) : asked.get();
    }

    private static GuardrailChecked event(
            RailPhase phase,
            @Nullable Agent agent,
            @Nullable String callId,
            Guardrails.Verdict verdict,
            String sha256,
            double ms) {
        if (verdict instanceof Guardrails.Verdict.Blocked blocked) {
            return new GuardrailChecked(
                    phase,
                    DecisionResult.DENY,
                    blocked.rail(),
                    blocked.reason(),
                    agent,
                    callId,
                    null,
                    false,
                    sha256,
                    ms);
        }
        if (verdict instanceof Guardrails.Verdict.Modified modified) {
            return new GuardrailChecked(
                    phase,
                    DecisionResult.MODIFIED,
                    modified.rail(),
                    "",
                    agent,
                    callId,
                    modified.text(),
                    false,
                    sha256,
                    ms);
        }
        return new GuardrailChecked(phase, DecisionResult.ALLOW, "", "", agent, callId, null, false, sha256, ms);
    }

    private static GuardrailChecked error(
            RailPhase phase,
            @Nullable Agent agent,
            @Nullable String callId,
            Throwable cause,
            boolean waived,
            String sha256,
            double ms) {
        var reason = Failure.from(cause).detail();
        return new GuardrailChecked(phase, DecisionResult.ERROR, "", reason, agent, callId, null, waived, sha256, ms);
    }
}
