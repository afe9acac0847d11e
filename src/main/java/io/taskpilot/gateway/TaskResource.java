package io.taskpilot.gateway;

import io.taskpilot.engine.RunReader.TaskFilter;
import io.taskpilot.engine.RunReader.TaskView;
import io.taskpilot.run.TaskStatus;
import io.vertx.core.Future;
import io.vertx.ext.web.RoutingContext;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The tasks that runs made. */
final class TaskResource {
    private static final List<String> STATUSES =
            Arrays.stream(TaskStatus.values()).map(TaskStatus::word).toList();
    private static final List<String> PRIORITIES = List.of("high", "medium", "low");

    private final Gateway gateway;

    TaskResource(Gateway gateway) {
        this.gateway = gateway;
    }

    Future<Void> list(RoutingContext ctx) {
        Accept.choose(ctx.request(), Accept.JSON);
        var in = Query.fields(ctx);
        var filter = new TaskFilter(
                in.word("status", STATUSES, word -> word),
                in.word("priority", PRIORITIES, word -> word),
                in.idOrNull("run_id", "run_"));
        var page = Query.page(in);
        in.done();
        return gateway.reader()
                .tasks(filter, page)
                .compose(tasks -> Answer.page(ctx, tasks.items(), tasks.next(), TaskResource::json));
    }

    Future<Void> get(RoutingContext ctx) {
        Accept.choose(ctx.request(), Accept.JSON);
        return gateway.reader().task(Query.id(ctx, "task_", "task")).compose(task -> Answer.json(ctx, 200, json(task)));
    }

    private static Map<String, Object> json(TaskView task) {
        var json = new LinkedHashMap<String, Object>();
        json.put("id", "task_" + task.id());
        json.put("run_id", RunJson.id(task.runId()));
        json.putAll(task.task().arguments());
        json.put("status", task.status());
        json.put("version", task.version());
        json.put("created_at", task.createdAt().toString());
        json.put("updated_at", task.updatedAt().toString());
        return json;
    }
}
