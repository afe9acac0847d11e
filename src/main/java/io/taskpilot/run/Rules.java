package io.taskpilot.run;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;

/** The workflow's own rules, laid over policy's answers. */
final class Rules {
    private static final String REQUESTED = "request.require_approval";
    private static final String MISMATCH = "proposal.mismatch";

    /** Stand in the journal in place of the rule of policy that they overruled. */
    static final Set<String> OWN = Set.of(REQUESTED, MISMATCH);

    /** The reason of an allow that policy had made depend on a person. */
    static final String APPROVED = "approved by a person";

    private final boolean tellDenials;

    Rules(boolean tellDenials) {
        this.tellDenials = tellDenials;
    }

    List<RunEvent> decided(RunState run, List<Ruling> rulings) {
        var verdicts = govern(run, rulings);
        var stops = verdicts.stream().anyMatch(this::stops);
        var events = new ArrayList<RunEvent>();
        for (var i = 0; i < rulings.size(); i++) {
            var ruling = rulings.get(i);
            var verdict = verdicts.get(i);
            var allowed = verdict.result() == DecisionResult.ALLOW;
            if (allowed && stops) {
                continue;
            }
            var call = call(run, ruling);
            if (!allowed && call.isUnanswered() && call.isUnsettled()) {
                events.add(new RunEvent.ToolOutcomeUnknown(
                        call.call().id(), call.call().tool(), "its node stopped"));
            }
            events.add(new RunEvent.PolicyDecided(
                    ruling.call(), verdict, ruling.input(), ruling.inputSha256(), ruling.latencyMs()));
            if (allowed) {
                events.add(ruling.start());
            }
        }
        return events;
    }

    /** True for a verdict that ends the run. */
    boolean stops(PolicyVerdict verdict) {
        return verdict.result() == DecisionResult.ERROR || (verdict.result() == DecisionResult.DENY && !tellDenials);
    }

    private static CallState call(RunState run, Ruling ruling) {
        return Objects.requireNonNull(run.calls().get(ruling.call().id()));
    }

    private static List<PolicyVerdict> govern(RunState run, List<Ruling> rulings) {
        var verdicts = new ArrayList<PolicyVerdict>();
        var reviewedStarts = false;
        for (var ruling : rulings) {
            var reviewed = !reviewedStarts && isReviewed(run, ruling.call());
            var verdict = govern(run, ruling, reviewed);
            reviewedStarts |= reviewed && verdict.result() == DecisionResult.ALLOW;
            verdicts.add(verdict);
        }
        return verdicts;
    }

    private static PolicyVerdict govern(RunState run, Ruling ruling, boolean reviewed) {
        var verdict = ruling.verdict();
        var call = call(run, ruling);
        if (verdict.result() == DecisionResult.REQUIRE_APPROVAL && call.isGrantedFor(verdict.approverRoles())) {
            return verdict.as(DecisionResult.ALLOW, verdict.rule(), APPROVED);
        }
        if (verdict.result() != DecisionResult.ALLOW || call.isGrantedFor(List.of())) {
            return verdict;
        }
        if (run.request().requireApproval()) {
            return verdict.as(DecisionResult.REQUIRE_APPROVAL, REQUESTED, "the request asks for it");
        }
        if (ruling.call().tool().equals(Workflow.CREATE_TASK) && !reviewed) {
            return verdict.as(DecisionResult.REQUIRE_APPROVAL, MISMATCH, "it is not the reviewed proposal");
        }
        return verdict;
    }

    static boolean isReviewed(RunState run, ToolCall call) {
        var proposal = Objects.requireNonNull(run.proposal());
        var started = run.reviewedCall();
        return call.tool().equals(Workflow.CREATE_TASK)
                && proposal.equalsArguments(call.arguments())
                && (started == null || started.equals(call.id()));
    }
}
