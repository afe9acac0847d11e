package io.taskpilot.run;

import java.time.Duration;
import java.util.List;

/**
 * What policy says of one tool call.
 *
 * @param result {@code ALLOW}, {@code DENY}, {@code REQUIRE_APPROVAL}, or {@code ERROR} when no verdict could be had
 * @param rule the rule that decided; for {@code ERROR} the problem's slug
 * @param revision of the policy, empty when unknown
 * @param approverRoles who may answer, any one of them; empty leaves it to the configuration
 * @param approvalTtl how long an approval may wait; zero leaves it to the configuration
 */
public record PolicyVerdict(
        DecisionResult result,
        String rule,
        List<String> reasons,
        String revision,
        List<String> approverRoles,
        Duration approvalTtl) {

    public PolicyVerdict {
        reasons = List.copyOf(reasons);
        approverRoles = List.copyOf(approverRoles);
    }

    public static PolicyVerdict error(String slug, String reason) {
        return new PolicyVerdict(DecisionResult.ERROR, slug, List.of(reason), "", List.of(), Duration.ZERO);
    }
}
