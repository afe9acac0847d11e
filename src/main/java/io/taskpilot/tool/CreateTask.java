package io.taskpilot.tool;

import static io.taskpilot.tool.TaskArguments.DESCRIPTION;
import static io.taskpilot.tool.TaskArguments.PRIORITY;
import static io.taskpilot.tool.TaskArguments.TITLE;

import io.taskpilot.engine.CallContext;
import io.taskpilot.engine.Tool;
import io.taskpilot.run.Ids;
import io.taskpilot.run.TaskChange;
import io.taskpilot.run.TaskProposal;
import io.taskpilot.run.Workflow;
import io.vertx.core.Future;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/** Executes the reviewed proposal; with an approval, also makes a task that differs from it. */
final class CreateTask implements Tool {
    private static final Spec SPEC = new Spec(
            Workflow.CREATE_TASK,
            "Creates the task that was proposed and reviewed.",
            TaskArguments.schema(
                    Map.of("title", TITLE, "priority", PRIORITY, "description", DESCRIPTION), "title", "priority"),
            Duration.ofSeconds(30),
            false);

    @Override
    public Spec spec() {
        return SPEC;
    }

    @Override
    public Future<Outcome> run(Invocation invocation, CallContext call) {
        var task = TaskArguments.task(invocation.arguments(), new TaskProposal("", "", ""));
        var reviewed = invocation.reviewedTask();
        if (reviewed != null) {
            return Future.succeededFuture(
                    new Outcome.Returned(TaskArguments.result(reviewed, task, "executed"), List.of()));
        }
        var id = Ids.derived(invocation.runId(), "task:" + invocation.callId());
        return Future.succeededFuture(new Outcome.Returned(
                TaskArguments.result(id, task, "executed"),
                List.of(new TaskChange(TaskChange.Kind.CREATE, id, 0, task))));
    }
}
