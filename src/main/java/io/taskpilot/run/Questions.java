package io.taskpilot.run;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What people were asked of a run.
 *
 * @param open the one that waits for an answer, if one does
 * @param count how many so far
 * @param isRestored from the restore of the run's database until a person says that it may go on
 * @param review the answer to the question whether the proposal may be carried out
 */
record Questions(
        RunEvent.@Nullable ApprovalRequested open,
        int count,
        boolean isRestored,
        RunEvent.@Nullable ApprovalDecided review) {
    static final Questions NONE = new Questions(null, 0, false, null);

    Questions ask(RunEvent.ApprovalRequested question) {
        return new Questions(question, count + 1, isRestored, review);
    }

    Questions restored() {
        return new Questions(open, count, true, review);
    }

    /** @throws IllegalStateException when it is no answer to the open question */
    Questions answer(RunEvent.ApprovalDecided answer) {
        var question = question();
        if (!answer.approvalId().equals(question.approvalId())
                || !(answer.answer() == ApprovalAnswer.EXPIRED
                        || question.kind().answers().contains(answer.answer()))) {
            throw new IllegalStateException(
                    "%s does not answer %s".formatted(answer.answer().word(), question.approvalId()));
        }
        return new Questions(
                null,
                count,
                isRestored && question.kind() != ApprovalKind.RESTORED,
                question.kind() == ApprovalKind.REVIEW ? answer : review);
    }

    /** @throws NullPointerException when none is open */
    RunEvent.ApprovalRequested question() {
        return Objects.requireNonNull(open, "an answer without a question");
    }
}
