package io.taskpilot.run;

import java.time.Instant;
import java.util.UUID;

/** A verdict of policy as it was journaled, with the whole input it was given on. */
public record PastDecision(UUID runId, Instant at, RunEvent.PolicyDecided event) {

    /** What policy itself had said, before the workflow's own rules or a person overruled it. */
    public DecisionResult result() {
        var verdict = event.verdict();
        if (isOverruled()) {
            return DecisionResult.ALLOW; // they are laid over an allow only
        }
        var granted =
                verdict.result() == DecisionResult.ALLOW && verdict.reasons().contains(Rules.APPROVED);
        return granted ? DecisionResult.REQUIRE_APPROVAL : verdict.result();
    }

    /** The rule that decided; empty when another has taken its place in the journal. */
    public String rule() {
        return isOverruled() ? "" : event.verdict().rule();
    }

    private boolean isOverruled() {
        return Rules.OWN.contains(event.verdict().rule());
    }
}
