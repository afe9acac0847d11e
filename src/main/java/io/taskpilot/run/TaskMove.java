package io.taskpilot.run;

import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * How an event moves the run's task: the projection that the journal writes beside the event.
 *
 * @param inserted the task's content when the event makes it, else null
 */
public record TaskMove(
        UUID taskId, TaskStatus status, @Nullable TaskProposal inserted) {

    /** The move that {@code event} makes on a run in the state {@code before}; at most one. */
    public static List<TaskMove> of(RunState before, RunEvent event) {
        if (event instanceof RunEvent.TaskProposed proposed) {
            return List.of(new TaskMove(proposed.taskId(), TaskStatus.PENDING, proposed.task()));
        }
        var taskId = before.taskId();
        var current = before.taskStatus();
        var next = status(before, event);
        if (taskId == null || current == null || next == null || !current.next().contains(next)) {
            return List.of();
        }
        return List.of(new TaskMove(taskId, next, null));
    }

    private static @Nullable TaskStatus status(RunState before, RunEvent event) {
        if (event instanceof RunEvent.ReviewCompleted completed) {
            return switch (completed.verdict()) {
                case APPROVE -> TaskStatus.APPROVED;
                case REJECTED -> TaskStatus.REJECTED;
                case REVIEW -> TaskStatus.REVIEW;
            };
        }
        if (event instanceof RunEvent.ApprovalDecided decided
                && before.asked() != null
                && before.asked().kind() == ApprovalKind.REVIEW) {
            return decided.answer() == ApprovalAnswer.APPROVE ? TaskStatus.APPROVED : TaskStatus.REJECTED;
        }
        if (event instanceof RunEvent.ToolCompleted completed) {
            var executed = completed.callId().equals(before.reviewedCall()) && !completed.error();
            return executed ? TaskStatus.EXECUTED : null;
        }
        // Whatever the run came to, nobody will execute its task any more.
        return event instanceof RunEvent.Ended ? TaskStatus.FAILED : null;
    }
}
