package io.taskpilot.run;

import java.util.List;
import java.util.Locale;

/** Why a person is asked, and with it which answers are possible. */
public enum ApprovalKind {
    /** The reviewer said REVIEW. */
    REVIEW(List.of(ApprovalAnswer.APPROVE, ApprovalAnswer.REJECT)),
    /** Policy, the request, or a deviation from the proposal holds a tool call back. */
    TOOL_CALL(List.of(ApprovalAnswer.APPROVE, ApprovalAnswer.REJECT, ApprovalAnswer.EDIT)),
    /** A call that was started before would be sent again, as it was, and policy holds it back now. */
    REPEATED_CALL(List.of(ApprovalAnswer.APPROVE, ApprovalAnswer.REJECT)),
    /** A started call ended without a complete answer. */
    UNKNOWN_OUTCOME(List.of(ApprovalAnswer.RETRY, ApprovalAnswer.MARK_DONE, ApprovalAnswer.ABORT)),
    /** The database is from a backup: what the run did after it was made is not known. */
    RESTORED(List.of(ApprovalAnswer.CONTINUE, ApprovalAnswer.ABORT));

    @SuppressWarnings("ImmutableEnumChecker") // List.of
    private final List<ApprovalAnswer> answers;

    ApprovalKind(List<ApprovalAnswer> answers) {
        this.answers = answers;
    }

    /** True when one tool call is asked about, and not the run. */
    boolean isOfACall() {
        return this != REVIEW && this != RESTORED;
    }

    public List<ApprovalAnswer> answers() {
        return answers;
    }

    /** As in {@code tool_call}. */
    public String word() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** @throws IllegalArgumentException when no kind has that word */
    public static ApprovalKind of(String word) {
        return valueOf(word.toUpperCase(Locale.ROOT));
    }
}
