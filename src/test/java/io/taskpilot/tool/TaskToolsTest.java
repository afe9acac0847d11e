package io.taskpilot.tool;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.taskpilot.engine.CallContext;
import io.taskpilot.engine.RunReader.Page;
import io.taskpilot.engine.RunReader.TaskFilter;
import io.taskpilot.engine.RunReader.TaskView;
import io.taskpilot.engine.Tool.Invocation;
import io.taskpilot.engine.Tool.Outcome;
import io.taskpilot.resilience.Deadline;
import io.taskpilot.resilience.Failure;
import io.taskpilot.run.Ids;
import io.taskpilot.run.TaskChange;
import io.taskpilot.run.TaskProposal;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** What the tools make of a task once it is read; reading is tested with a database. */
class TaskToolsTest {
    private static final UUID RUN = UUID.fromString("0197f3c2-4111-7111-8111-111111111111");
    private static final UUID TASK = UUID.fromString("0197f3c2-4111-7222-8111-111111111111");
    private static final TaskProposal OLD = new TaskProposal("Old", "low", "as it was");
    private static final TaskView VIEW = new TaskView(TASK, RUN, OLD, "executed", 7, Instant.EPOCH, Instant.EPOCH);

    @Test
    void reviewedTaskIsNotMadeAgain() {
        var outcome = create(TASK);

        assertThat(outcome)
                .isEqualTo(new Outcome.Returned(
                        Map.of("task_id", "task_" + TASK, "title", "New", "priority", "high", "status", "executed"),
                        List.of()));
    }

    @Test
    void approvedDeviationMakesAnotherTaskWithAnIdThatEveryAttemptDerives() {
        var outcome = (Outcome.Returned) create(null);

        var id = Ids.derived(RUN, "task:call_1");
        assertThat(outcome.changes())
                .containsExactly(
                        new TaskChange(TaskChange.Kind.CREATE, id, 0, new TaskProposal("New", "high", "as asked")));
        assertThat(outcome.result()).asInstanceOf(InstanceOfAssertFactories.MAP).containsEntry("task_id", "task_" + id);
        assertThat(create(null)).isEqualTo(outcome);
    }

    @Test
    void updateKeepsWhatIsLeftOutAndIsBoundToTheVersionRead() {
        var outcome =
                (Outcome.Returned) UpdateTask.updated(VIEW, Map.of("task_id", "task_" + TASK, "priority", "high"));

        assertThat(outcome.changes())
                .containsExactly(
                        new TaskChange(TaskChange.Kind.UPDATE, TASK, 7, new TaskProposal("Old", "high", "as it was")));
        assertThat(outcome.result())
                .isEqualTo(Map.of("task_id", "task_" + TASK, "title", "Old", "priority", "high", "status", "executed"));
    }

    @Test
    void deleteIsBoundToTheVersionRead() {
        var outcome = (Outcome.Returned) DeleteTask.deleted(VIEW);

        assertThat(outcome.changes()).containsExactly(new TaskChange(TaskChange.Kind.DELETE, TASK, 7, null));
    }

    @Test
    void listShowsTasksAndWhetherThereAreMore() {
        var outcome = ListTasks.listed(new Page<>(List.of(VIEW), "cursor"));

        assertThat(outcome)
                .isEqualTo(new Outcome.Returned(
                        Map.of(
                                "tasks",
                                List.of(Map.of(
                                        "task_id",
                                        "task_" + TASK,
                                        "title",
                                        "Old",
                                        "priority",
                                        "low",
                                        "status",
                                        "executed")),
                                "more",
                                true),
                        List.of()));
    }

    @Test
    void listReadsItsFilters() {
        assertThat(ListTasks.filter(Map.of())).isEqualTo(new TaskFilter(null, null, null));
        assertThat(ListTasks.filter(Map.of("status", "failed", "priority", "low")))
                .isEqualTo(new TaskFilter("failed", "low", null));
        assertThat(ListTasks.limit(Map.of())).isEqualTo(20);
        assertThat(ListTasks.limit(Map.of("limit", 3L))).isEqualTo(3);
    }

    @Test
    void taskIdIsReadWithItsPrefix() {
        assertThat(TaskFields.taskId(Map.of("task_id", "task_" + TASK))).isEqualTo(TASK);
        assertThatThrownBy(() -> TaskFields.taskId(Map.of("task_id", "nothing of the kind")))
                .isInstanceOf(Failure.class);
    }

    @Test
    void missingTaskIsARefusalAndAnUnreachableDatabaseIsNot() {
        var away = Failure.overloaded("overload-journal", "away", Duration.ofSeconds(1));

        assertThat(TaskRead.refusedIfMissing(Failure.notFound("task")).result())
                .isEqualTo(new Outcome.Refused("no such task"));
        assertThat(TaskRead.refusedIfMissing(away).cause()).isSameAs(away);
    }

    private static Outcome create(@Nullable UUID reviewed) {
        var arguments = Map.<String, Object>of("title", "New", "priority", "high", "description", "as asked");
        var invocation = new Invocation(RUN, "call_1", "run_" + RUN + ":call_1", "default", arguments, reviewed);
        var call = CallContext.ofRequest("req-1", Deadline.in(Duration.ofSeconds(10)));
        return new CreateTask().run(invocation, call).result();
    }
}
