package io.taskpilot.run;

import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * One row of the decision log: a verdict, projected from the event that carries it.
 *
 * @param phase of a guardrail, else empty
 * @param context for people, redacted: never an argument's value, a text that was checked, or a secret
 */
public record Decision(
        UUID id,
        DecisionType type,
        String phase,
        DecisionResult result,
        String rule,
        String reason,
        String agent,
        String tool,
        String policyRevision,
        String inputSha256,
        String context,
        double latencyMs) {

    /** The same, told in other words. */
    public Decision told(String otherReason, String otherContext) {
        return new Decision(
                id,
                type,
                phase,
                result,
                rule,
                otherReason,
                agent,
                tool,
                policyRevision,
                inputSha256,
                otherContext,
                latencyMs);
    }

    /**
     * @param before the run's state before the event
     * @param seq the event's place; the decision's id is derived from it
     * @return null when the event carries no verdict
     */
    public static @Nullable Decision of(RunState before, long seq, RunEvent event) {
        if (event instanceof RunEvent.GuardrailChecked check) {
            return of(id(before, seq), check);
        }
        if (event instanceof RunEvent.PolicyDecided decided) {
            var verdict = decided.verdict();
            return new Decision(
                    id(before, seq),
                    DecisionType.TOOL_CALL,
                    "",
                    verdict.result(),
                    verdict.rule(),
                    String.join("; ", verdict.reasons()),
                    decided.call().agent().title(),
                    decided.call().tool(),
                    verdict.revision(),
                    decided.inputSha256(),
                    context(decided),
                    decided.latencyMs());
        }
        if (event instanceof RunEvent.ApprovalDecided decided && before.asked() != null) {
            return of(id(before, seq), before, before.asked(), decided);
        }
        return null;
    }

    private static String context(RunEvent.PolicyDecided decided) {
        var verdict = decided.verdict();
        var context = new StringBuilder("call=").append(decided.call().id());
        if (!verdict.decisionId().isEmpty()) {
            context.append(" opa_decision=").append(verdict.decisionId());
        }
        var candidate = verdict.candidate();
        if (candidate != null) {
            context.append(" candidate=%s candidate_rule=%s candidate_revision=%s"
                    .formatted(candidate.result().word(), candidate.rule(), candidate.revision()));
        }
        return context.toString();
    }

    private static Decision of(UUID id, RunEvent.GuardrailChecked check) {
        return new Decision(
                id,
                check.phase() == RailPhase.OUTPUT ? DecisionType.GUARDRAILS_OUTPUT : DecisionType.GUARDRAILS_INPUT,
                check.phase().word(),
                check.result(),
                check.rail(),
                check.reason(),
                check.agent() == null ? "" : check.agent().title(),
                "",
                "",
                check.inputSha256(),
                check.waived() ? "waived by guardrails.onError" : "",
                check.latencyMs());
    }

    private static Decision of(
            UUID id, RunState before, RunEvent.ApprovalRequested asked, RunEvent.ApprovalDecided decided) {
        return new Decision(
                id,
                DecisionType.HUMAN_APPROVAL,
                "",
                decided.answer().decision(),
                asked.rule(),
                decided.answer() == ApprovalAnswer.EXPIRED ? "expired" : decided.reason(),
                asked.call().agent().title(),
                asked.call().tool(),
                asked.policyRevision(),
                asked.digest(),
                context(before, asked, decided),
                0);
    }

    /** An edited call is another call: its digest is what the answer is bound to. */
    private static String context(RunState before, RunEvent.ApprovalRequested asked, RunEvent.ApprovalDecided decided) {
        var answer = "answer=%s by=%s".formatted(decided.answer().word(), decided.by());
        if (decided.arguments() == null) {
            return answer;
        }
        var edited = asked.call().with(decided.arguments());
        return answer + " digest=" + edited.digest(before.request().runId());
    }

    private static UUID id(RunState before, long seq) {
        return Ids.derived(before.request().runId(), "decision:" + seq);
    }
}
