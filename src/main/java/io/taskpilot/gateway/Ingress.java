package io.taskpilot.gateway;

import io.taskpilot.engine.CallContext;
import io.taskpilot.engine.IngressLog;
import io.taskpilot.engine.IngressPolicy;
import io.taskpilot.gateway.RecentVerdicts.Question;
import io.taskpilot.resilience.Deadline;
import io.taskpilot.resilience.Failure;
import io.taskpilot.run.CanonicalJson;
import io.taskpilot.run.Decision;
import io.taskpilot.run.DecisionResult;
import io.taskpilot.run.DecisionType;
import io.taskpilot.run.Ids;
import io.taskpilot.run.PolicyVerdict;
import io.taskpilot.telemetry.GovernanceMetrics;
import io.taskpilot.telemetry.Trace;
import io.vertx.core.Future;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The control point of the API: what the scopes of a caller allow, policy may deny. Who is denied is told so once the
 * decision is on record; what policy can't answer is refused, and a sample of that is recorded. Shared by all loops.
 */
public final class Ingress {
    private static final Logger log = LoggerFactory.getLogger(Ingress.class);
    private static final Duration LONGEST = Duration.ofSeconds(2);
    private static final int ERRORS_A_SECOND = 10;
    private static final String UNAVAILABLE = "policy-unavailable";

    private final @Nullable Control control;

    /** What is there only when policy is asked. */
    private record Control(
            IngressPolicy policy,
            IngressLog decisions,
            boolean keys,
            String environment,
            GovernanceMetrics metrics,
            RecentVerdicts recent,
            Sampled errors) {}

    private Ingress(@Nullable Control control) {
        this.control = control;
    }

    /** Scopes alone decide, and nothing is recorded. */
    public static Ingress off() {
        return new Ingress(null);
    }

    /** @param keys whether callers have keys, which the policy is told, as it is the environment */
    public static Ingress enforce(
            IngressPolicy policy, IngressLog decisions, boolean keys, String environment, GovernanceMetrics metrics) {
        var recent = new RecentVerdicts(System::nanoTime);
        var errors = new Sampled(ERRORS_A_SECOND, System::nanoTime);
        return new Ingress(new Control(policy, decisions, keys, environment, metrics, recent, errors));
    }

    /**
     * Completes when the call may go on, at once if policy was asked the same within a second. Fails with {@code
     * caller-scope-missing} or {@code policy-denied} (403), recorded by then; with {@code policy-unavailable} (503), or
     * as {@link IngressLog} does when a denial can't be recorded.
     *
     * @param scope null when none is needed
     * @param trace of the call
     */
    Future<Void> admit(Operation operation, @Nullable Scope scope, Caller caller, String requestId, Trace trace) {
        var missing = scope == null ? null : caller.missing(scope);
        if (control == null) {
            return missing == null ? Future.succeededFuture() : Future.failedFuture(missing);
        }
        var call = new Call(control, operation, caller, requestId, trace);
        return missing == null ? call.decide() : call.deny("scope_missing", missing.detail(), null, 0, missing);
    }

    /** One call, and what becomes of it. */
    private record Call(Control control, Operation operation, Caller caller, String requestId, Trace trace) {

        Future<Void> decide() {
            var question = new Question(operation, caller);
            var known = control.recent.get(question);
            control.metrics.looked("ingress", known != null);
            return known == null ? ask(question) : judge(known, 0);
        }

        private Future<Void> ask(Question question) {
            var began = System.nanoTime();
            var asked = control.recent.epoch();
            var call = CallContext.ofRequest(requestId, Deadline.in(LONGEST)).at(trace);
            return control.policy.admit(input(), call).transform((verdict, cause) -> {
                var took = System.nanoTime() - began;
                if (cause != null) {
                    control.recent.forget();
                    return unavailable(cause, took);
                }
                control.metrics.policyEvaluated("ingress", verdict.result().word(), Duration.ofNanos(took));
                control.recent.put(question, verdict, asked);
                return judge(verdict, took);
            });
        }

        private Future<Void> judge(PolicyVerdict verdict, long took) {
            if (verdict.result() == DecisionResult.ALLOW) {
                return Future.succeededFuture();
            }
            var reasons = String.join("; ", verdict.reasons());
            var denied =
                    Failure.of(Failure.Kind.DENIED, "policy-denied", "rule %s: %s".formatted(verdict.rule(), reasons));
            return deny(verdict.rule(), reasons, verdict, took, denied);
        }

        Future<Void> deny(String rule, String reason, @Nullable PolicyVerdict verdict, long took, Failure denied) {
            return record(decision(DecisionResult.DENY, rule, reason, verdict, took))
                    .compose(unused -> Future.failedFuture(denied));
        }

        /** An outage makes as many of these as there are requests: a few a second stand for the rest. */
        private Future<Void> unavailable(Throwable cause, long took) {
            control.metrics.policyEvaluated("ingress", DecisionResult.ERROR.word(), Duration.ofNanos(took));
            var failure = Failure.from(cause);
            var skipped = control.errors.take();
            if (skipped < 0) {
                control.metrics.unrecorded();
            } else {
                record(decision(DecisionResult.ERROR, UNAVAILABLE, failure.detail(), null, took))
                        .onFailure(lost -> {
                            control.metrics.unrecorded();
                            log.warn(
                                    "lack of a verdict not recorded request_id={} cause={}",
                                    requestId,
                                    lost.toString());
                        });
            }
            return Future.failedFuture(failure);
        }

        private Future<Void> record(Decision decision) {
            return control.decisions.record(
                    new IngressLog.Entry(decision, requestId, trace.traceId(), caller.tenant(), caller.id()));
        }

        private Decision decision(
                DecisionResult result, String rule, String reason, @Nullable PolicyVerdict verdict, long took) {
            var opa = verdict == null || verdict.decisionId().isEmpty() ? "" : " opa_decision=" + verdict.decisionId();
            return new Decision(
                    Ids.at(System.currentTimeMillis(), ThreadLocalRandom.current()),
                    DecisionType.INGRESS,
                    "",
                    result,
                    rule,
                    reason,
                    "",
                    "",
                    verdict == null ? "" : verdict.revision(),
                    CanonicalJson.sha256(input()),
                    operation + opa,
                    took / 1e6);
        }

        /** The document of {@code conf/policy}. */
        private Map<String, Object> input() {
            var principal = new LinkedHashMap<String, Object>();
            principal.put("id", caller.id());
            principal.put("roles", caller.roles());
            principal.put("scopes", scopes());
            var input = new LinkedHashMap<String, Object>();
            input.put("method", operation.method());
            input.put("route", operation.route());
            input.put("principal", principal);
            input.put("tenant", caller.tenant());
            input.put("auth_mode", control.keys ? "keys" : "none");
            input.put("environment", control.environment);
            return input;
        }

        private List<String> scopes() {
            return caller.scopes().stream().map(Scope::word).sorted().toList();
        }
    }
}
