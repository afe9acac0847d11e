package io.taskpilot.gateway;

import static io.taskpilot.gateway.Scope.APPROVALS_DECIDE;
import static io.taskpilot.gateway.Scope.DECISIONS_READ;
import static io.taskpilot.gateway.Scope.POLICY_EVALUATE;
import static io.taskpilot.gateway.Scope.RUNS_READ;
import static io.taskpilot.gateway.Scope.RUNS_WRITE;

import io.vertx.core.Vertx;
import io.vertx.ext.web.Router;

/** Read top to bottom, this is the API. */
final class Routes {
    private final Gateway gateway;

    Routes(Gateway gateway) {
        this.gateway = gateway;
    }

    Router api(Vertx vertx) {
        var router = Router.router(vertx);
        mount(new Endpoints(router, gateway), vertx);
        return router;
    }

    void mount(Endpoints api, Vertx vertx) {
        var runs = new RunResource(gateway);
        var events = new EventResource(gateway);
        var approvals = new ApprovalResource(gateway);
        var tasks = new TaskResource(gateway);
        var decisions = new DecisionResource(gateway);
        var policy = new PolicyResource(gateway);
        var reports = new ReportResource(gateway);
        var pages = new PageResource(gateway);

        api.open("/", pages::index);
        api.open("/openapi.yaml", pages::openApi);
        api.open("/asyncapi.yaml", pages::asyncApi);
        api.open("/problems/:slug", pages::problem);

        api.post("/v1/runs", RUNS_WRITE, runs::submit);
        api.get("/v1/runs", RUNS_READ, runs::list);
        api.get("/v1/runs/:id", RUNS_READ, runs::get);
        api.get("/v1/runs/:id/events", RUNS_READ, events::events);
        api.get("/v1/runs/:id/trace", RUNS_READ, events::trace);
        api.post("/v1/runs/:id/cancel", RUNS_WRITE, runs::cancel);
        api.post("/v1/runs/:id/feedback", RUNS_WRITE, runs::feedback);
        api.socket("/v1/ws", new SocketResource(gateway)::open);

        api.get("/v1/approvals", RUNS_READ, approvals::list);
        api.get("/v1/approvals/:id", RUNS_READ, approvals::get);
        api.post("/v1/approvals/:id/answer", APPROVALS_DECIDE, approvals::answer);
        api.post("/v1/approvals/:id/approve", APPROVALS_DECIDE, approvals::approve);
        api.post("/v1/approvals/:id/reject", APPROVALS_DECIDE, approvals::reject);

        api.get("/v1/tasks", RUNS_READ, tasks::list);
        api.get("/v1/tasks/:id", RUNS_READ, tasks::get);

        api.get("/v1/decisions", DECISIONS_READ, decisions::list);
        api.get("/v1/decisions/verify", DECISIONS_READ, decisions::verify);
        api.post("/v1/policy/evaluate", POLICY_EVALUATE, policy::evaluate);
        api.get("/v1/cost-report", DECISIONS_READ, reports::costs);
        api.get("/v1/golden-signals", DECISIONS_READ, reports::goldenSignals);

        if (!gateway.http().managementOnly()) {
            new HealthResource(gateway, vertx, false).mount(api);
        }
    }

    Router management(Vertx vertx) {
        var router = Router.router(vertx);
        var endpoints = new Endpoints(router, gateway);
        new HealthResource(gateway, vertx, true).mount(endpoints);
        new LogLevelResource().mount(endpoints);
        return router;
    }
}
