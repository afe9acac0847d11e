package io.taskpilot.run;

import static io.taskpilot.run.TaskStatus.APPROVED;
import static io.taskpilot.run.TaskStatus.EXECUTED;
import static io.taskpilot.run.TaskStatus.FAILED;
import static io.taskpilot.run.TaskStatus.PENDING;
import static io.taskpilot.run.TaskStatus.REJECTED;
import static io.taskpilot.run.TaskStatus.REVIEW;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.EnumSet;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class TaskStatusTest {

    private static Set<TaskStatus> mayBecome(TaskStatus from) {
        return switch (from) {
            case PENDING -> EnumSet.of(APPROVED, REJECTED, REVIEW, FAILED);
            case REVIEW -> EnumSet.of(APPROVED, REJECTED, FAILED);
            case APPROVED -> EnumSet.of(EXECUTED, FAILED);
            case REJECTED, EXECUTED, FAILED -> EnumSet.noneOf(TaskStatus.class);
        };
    }

    @ParameterizedTest
    @EnumSource
    void everyCellOfTheTableIsAsDesigned(TaskStatus from) {
        for (var to : TaskStatus.values()) {
            assertThat(from.next().contains(to))
                    .as("%s -> %s", from, to)
                    .isEqualTo(mayBecome(from).contains(to));
        }
    }

    @Test
    void everyStatusIsReachedFromPendingAndNothingIsExecutedUnapproved() {
        var reached = EnumSet.of(PENDING);
        for (var i = 0; i < TaskStatus.values().length; i++) {
            EnumSet.copyOf(reached).forEach(status -> reached.addAll(status.next()));
        }

        assertThat(reached).containsExactlyInAnyOrder(TaskStatus.values());
        assertThat(EnumSet.allOf(TaskStatus.class))
                .allSatisfy(
                        status -> assertThat(status.next().contains(EXECUTED)).isEqualTo(status == APPROVED));
    }
}
