package io.taskpilot.run;

import java.util.Locale;

/** What a person answered; {@code EXPIRED} is what the keeper answers when nobody did. */
public enum ApprovalAnswer {
    APPROVE(DecisionResult.ALLOW),
    REJECT(DecisionResult.DENY),
    /** Other arguments for the same tool; rails and policy see them before it runs. */
    EDIT(DecisionResult.MODIFIED),
    RETRY(DecisionResult.ALLOW),
    MARK_DONE(DecisionResult.ALLOW),
    /** Go on, whatever has happened since the backup. */
    CONTINUE(DecisionResult.ALLOW),
    ABORT(DecisionResult.DENY),
    EXPIRED(DecisionResult.DENY);

    private final DecisionResult decision;

    ApprovalAnswer(DecisionResult decision) {
        this.decision = decision;
    }

    /** The result of the {@code human_approval} decision that records this answer. */
    public DecisionResult decision() {
        return decision;
    }

    /** As in {@code mark_done}. */
    public String word() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** @throws IllegalArgumentException when no answer has that word */
    public static ApprovalAnswer of(String word) {
        return valueOf(word.toUpperCase(Locale.ROOT));
    }
}
