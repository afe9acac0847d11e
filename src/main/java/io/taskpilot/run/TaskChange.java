package io.taskpilot.run;

import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A change to the tasks that the append of {@code tool.completed} applies, all or nothing with it.
 *
 * @param taskId the task; for {@code CREATE} a fresh one
 * @param version the version the change was made from: another in the table means a lost race. 0 for {@code CREATE}
 * @param task the new content; null for {@code DELETE}
 */
public record TaskChange(
        Kind kind, UUID taskId, long version, @Nullable TaskProposal task) {
    /** What happens to the row. */
    public enum Kind {
        CREATE,
        UPDATE,
        DELETE
    }
}
