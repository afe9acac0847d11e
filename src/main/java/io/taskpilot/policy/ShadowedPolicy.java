package io.taskpilot.policy;

import io.taskpilot.engine.CallContext;
import io.taskpilot.engine.PolicyEngine;
import io.taskpilot.resilience.BlockingIo;
import io.taskpilot.resilience.Breaker;
import io.taskpilot.run.DecisionResult;
import io.taskpilot.run.PolicyVerdict;
import io.taskpilot.run.PolicyVerdict.Candidate;
import io.taskpilot.telemetry.Metrics;
import io.taskpilot.telemetry.Trace;
import io.vertx.core.Future;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Asks a policy on trial what the real one is asked, and notes its verdict beside the real one. The candidate is evaluated
 * on a thread of its own and waited for {@value #LONGEST_MILLIS} ms at most, and not at all while it keeps failing: it
 * costs a run that much once in a while and nothing else.
 */
public final class ShadowedPolicy implements PolicyEngine {
    private static final Logger log = LoggerFactory.getLogger(ShadowedPolicy.class);
    private static final long LONGEST_MILLIS = 100;
    private static final Breaker.Settings BREAKER =
            new Breaker.Settings(3, 0.5, 20, Duration.ofSeconds(10), Duration.ofSeconds(10));

    private final PolicyEngine real;
    private final WasmPolicyEngine candidate;
    private final Metrics metrics;
    private final Breaker breaker;

    private ShadowedPolicy(PolicyEngine real, WasmPolicyEngine candidate, Metrics metrics) {
        this.real = real;
        this.candidate = candidate;
        this.metrics = metrics;
        breaker = new Breaker(
                "candidate",
                BREAKER,
                System::nanoTime,
                (from, to) -> log.info("circuit changed dependency=candidate from={} to={}", from, to));
        metrics.dependencies().circuit("candidate", () -> breaker.state().level());
    }

    /**
     * Fails like {@link WasmPolicyEngine#open} for a directory without a candidate that can be evaluated.
     *
     * @param own is used for nothing else
     */
    public static Future<ShadowedPolicy> open(PolicyEngine real, Path directory, BlockingIo own, Metrics metrics) {
        return WasmPolicyEngine.openOffLoop(directory, own)
                .map(candidate -> new ShadowedPolicy(real, candidate, metrics));
    }

    /** The revision of the candidate. */
    public String candidateRevision() {
        return candidate.revision();
    }

    @Override
    public Future<PolicyVerdict> decide(Map<String, Object> input, CallContext call) {
        var trial = tried(input, call); // beside the real one, not after it
        return real.decide(input, call)
                .compose(verdict -> trial.map(other -> {
                    metrics.governance()
                            .candidateDecided(
                                    verdict.result().word(), other.result().word());
                    return verdict.withCandidate(other);
                }));
    }

    private Future<Candidate> tried(Map<String, Object> input, CallContext call) {
        return breaker.run(() ->
                        candidate.decide(input, call.at(Trace.NONE)).timeout(LONGEST_MILLIS, TimeUnit.MILLISECONDS))
                .map(verdict -> new Candidate(verdict.result(), verdict.rule(), verdict.revision()))
                .otherwise(cause -> {
                    log.debug("candidate gave no verdict cause={}", cause.toString());
                    return new Candidate(DecisionResult.ERROR, PolicyAnswer.UNAVAILABLE, candidate.revision());
                });
    }

    /** The real policy's: a candidate offers nothing. */
    @Override
    public Future<List<String>> offered(Map<String, Object> input, CallContext call) {
        return real.offered(input, call);
    }
}
