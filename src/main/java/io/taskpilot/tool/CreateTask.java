package io.taskpilot.tool;

import io.taskpilot.engine.CallContext;
import io.taskpilot.engine.Tool;
import io.taskpilot.run.Ids;
import io.taskpilot.run.TaskChange;
import io.taskpilot.run.TaskProposal;
import io.taskpilot.run.TaskStatus;
import io.vertx.core.Future;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/**
 * Makes the task that was reviewed. That one is there since it was proposed, and the run's own events move it to
 * executed; only a deviation that a person approved makes another.
 */
public final class CreateTask implements Tool {
    private static final Spec SPEC = new Spec(
            "create_task",
            "Creates the approved task. Call it with exactly the title, priority and description that were approved.",
            TaskFields.schema(
                    Map.of(
                            "title", TaskFields.TITLE,
                            "priority", TaskFields.PRIORITY,
                            "description", TaskFields.DESCRIPTION),
                    List.of("title", "priority", "description")),
            Duration.ofSeconds(10),
            false);

    @Override
    public Spec spec() {
        return SPEC;
    }

    @Override
    public Future<Outcome> run(Invocation invocation, CallContext call) {
        return Future.succeededFuture(outcome(invocation));
    }

    private static Outcome outcome(Invocation invocation) {
        var arguments = invocation.arguments();
        var task = new TaskProposal(
                TaskFields.text(arguments, "title", ""),
                TaskFields.text(arguments, "priority", ""),
                TaskFields.text(arguments, "description", ""));
        var status = TaskStatus.EXECUTED.word();
        var reviewed = invocation.reviewedTask();
        if (reviewed != null) {
            return new Outcome.Returned(TaskFields.view(reviewed, task, status), List.of());
        }
        var taskId = Ids.derived(invocation.runId(), "task:" + invocation.callId());
        var change = new TaskChange(TaskChange.Kind.CREATE, taskId, 0, task);
        return new Outcome.Returned(TaskFields.view(taskId, task, status), List.of(change));
    }
}
