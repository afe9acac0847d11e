package io.taskpilot.gateway;

import io.taskpilot.resilience.Failure;
import io.vertx.core.Future;
import io.vertx.ext.web.RoutingContext;
import java.util.LinkedHashMap;
import java.util.Map;

/** What a visitor may read without a key. */
final class PageResource {
    private static final String YAML = "application/yaml";

    private final Gateway gateway;

    PageResource(Gateway gateway) {
        this.gateway = gateway;
    }

    Future<Void> index(RoutingContext ctx) {
        var links = new LinkedHashMap<String, String>();
        links.put("runs", "/v1/runs");
        links.put("websocket", "/v1/ws");
        links.put("approvals", "/v1/approvals");
        links.put("tasks", "/v1/tasks");
        links.put("decisions", "/v1/decisions");
        links.put("verify", "/v1/decisions/verify");
        links.put("policy", "/v1/policy/evaluate");
        links.put("cost_report", "/v1/cost-report");
        links.put("golden_signals", "/v1/golden-signals");
        links.put("openapi", "/openapi.yaml");
        links.put("asyncapi", "/asyncapi.yaml");
        if (!gateway.http().managementOnly()) {
            links.put("health", "/health");
            links.put("metrics", "/metrics");
        }
        var body = new LinkedHashMap<String, Object>();
        body.put("product", "TaskPilot");
        body.put("version", gateway.version());
        body.put("links", links);
        return Answer.json(ctx, 200, body);
    }

    Future<Void> openApi(RoutingContext ctx) {
        return Answer.text(ctx, 200, YAML, gateway.documents().openApi());
    }

    Future<Void> asyncApi(RoutingContext ctx) {
        return Answer.text(ctx, 200, YAML, gateway.documents().asyncApi());
    }

    /** What a problem's {@code type} means. */
    Future<Void> problem(RoutingContext ctx) {
        var slug = ctx.pathParam("slug");
        var title = Problems.SLUG_TO_TITLE.get(slug);
        return title == null
                ? Future.failedFuture(Failure.notFound("problem"))
                : Answer.json(ctx, 200, Map.of("type", Problems.type(slug), "title", title));
    }
}
