package io.taskpilot.run;

import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What policy says of one tool call.
 *
 * @param result {@code ALLOW}, {@code DENY}, {@code REQUIRE_APPROVAL}, or {@code ERROR} when no verdict could be had
 * @param rule the rule that decided; for {@code ERROR} the problem's slug
 * @param revision of the policy, empty when unknown
 * @param approverRoles who may answer, any one of them; empty leaves it to the configuration
 * @param approvalTtl how long an approval may wait; zero leaves it to the configuration
 * @param decisionId the engine's own name for this verdict, to find it in the engine's log; empty when it gave none
 * @param candidate what a policy on trial says of the same call; it decides nothing
 */
public record PolicyVerdict(
        DecisionResult result,
        String rule,
        List<String> reasons,
        String revision,
        List<String> approverRoles,
        Duration approvalTtl,
        String decisionId,
        @Nullable Candidate candidate) {

    /** @param result {@code ERROR} when it gave no verdict in time */
    public record Candidate(DecisionResult result, String rule, String revision) {}

    public PolicyVerdict {
        reasons = List.copyOf(reasons);
        approverRoles = List.copyOf(approverRoles);
    }

    public PolicyVerdict(
            DecisionResult result,
            String rule,
            List<String> reasons,
            String revision,
            List<String> approverRoles,
            Duration approvalTtl) {
        this(result, rule, reasons, revision, approverRoles, approvalTtl, "", null);
    }

    public static PolicyVerdict error(String slug, String reason) {
        return new PolicyVerdict(DecisionResult.ERROR, slug, List.of(reason), "", List.of(), Duration.ZERO);
    }

    /** The same, overruled by a rule that is not policy's. */
    PolicyVerdict as(DecisionResult other, String otherRule, String reason) {
        return new PolicyVerdict(
                other, otherRule, List.of(reason), revision, approverRoles, approvalTtl, decisionId, candidate);
    }

    public PolicyVerdict withDecisionId(String id) {
        return new PolicyVerdict(result, rule, reasons, revision, approverRoles, approvalTtl, id, candidate);
    }

    public PolicyVerdict withCandidate(Candidate other) {
        return new PolicyVerdict(result, rule, reasons, revision, approverRoles, approvalTtl, decisionId, other);
    }
}
