package io.taskpilot.telemetry;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;

/** What the control points decide, and how long they take for it. Thread-safe. */
public final class GovernanceMetrics {
    private final Family<Counter> decisions;
    private final Family<Timer> policy;
    private final Family<Counter> candidates;
    private final Family<Timer> guardrails;
    private final Family<Counter> blocks;
    private final Family<Counter> unauthenticated;
    private final Family<Counter> unrecorded;
    private final Family<Timer> ingressCommit;
    private final Family<Counter> caches;

    GovernanceMetrics(Meters meters) {
        decisions = meters.counter(Metric.DECISIONS);
        policy = meters.timer(Metric.POLICY_EVALUATION);
        candidates = meters.counter(Metric.POLICY_CANDIDATE);
        guardrails = meters.timer(Metric.GUARDRAIL_CHECK);
        blocks = meters.counter(Metric.GUARDRAIL_BLOCKS);
        unauthenticated = meters.counter(Metric.INGRESS_UNAUTHENTICATED);
        unrecorded = meters.counter(Metric.INGRESS_UNRECORDED);
        ingressCommit = meters.timer(Metric.INGRESS_COMMIT);
        caches = meters.counter(Metric.CACHE_REQUESTS);
    }

    /**
     * One row of the decision log.
     *
     * @param agent empty when none takes part
     */
    public void decided(String type, String result, String agent) {
        decisions.of(type, result, agent).increment();
    }

    /** @param outcome the verdict, or {@code error} */
    public void policyEvaluated(String type, String outcome, Duration took) {
        policy.of(type, outcome).record(took);
    }

    /**
     * What a policy on trial said beside the real one.
     *
     * @param verdict of the policy that decides
     * @param candidate its verdict, or {@code error}
     */
    public void candidateDecided(String verdict, String candidate) {
        candidates.of(verdict, candidate).increment();
    }

    /** @param outcome the verdict, or {@code error} */
    public void guardrailChecked(String type, String outcome, Duration took) {
        guardrails.of(type, outcome).record(took);
    }

    /** @param agent empty when none takes part */
    public void guardrailBlocked(String phase, String rail, String agent) {
        blocks.of(phase, rail, agent).increment();
    }

    /** @param problem caller-unauthenticated or caller-foreign-origin: nobody is named in a decision */
    public void unauthenticated(String problem) {
        unauthenticated.of(problem).increment();
    }

    /** A request that policy could not judge, and that is on no record either. */
    public void unrecorded() {
        unrecorded.of().increment();
    }

    /** One batch of decisions on requests that were not let in. */
    public void ingressCommitted(int rows, Duration took) {
        ingressCommit.of().record(took);
    }

    /**
     * Somebody looked for a verdict among those kept.
     *
     * @param cache {@code guardrails} or {@code ingress}
     */
    public void looked(String cache, boolean hit) {
        caches.of(cache, hit ? "hit" : "miss").increment();
    }
}
