package io.taskpilot.run;

import java.util.Locale;
import java.util.Map;
import java.util.Set;

/** Where a task stands, from the planner's proposal to the executor's deed. */
public enum TaskStatus {
    PENDING,
    APPROVED,
    REJECTED,
    REVIEW,
    EXECUTED,
    FAILED;

    private static final Map<TaskStatus, Set<TaskStatus>> TABLE = Map.of(
            PENDING, Set.of(APPROVED, REJECTED, REVIEW, FAILED),
            REVIEW, Set.of(APPROVED, REJECTED, FAILED),
            APPROVED, Set.of(EXECUTED, FAILED));

    /** The statuses this one may change to; empty for a final one. */
    public Set<TaskStatus> next() {
        return TABLE.getOrDefault(this, Set.of());
    }

    /** As in {@code pending}. */
    public String word() {
        return name().toLowerCase(Locale.ROOT);
    }
}
