package io.taskpilot.gateway;

import io.taskpilot.telemetry.HealthRegistry.Level;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.json.JsonObject;
import io.vertx.ext.healthchecks.CheckResult;
import io.vertx.ext.healthchecks.HealthChecks;
import io.vertx.ext.healthchecks.Status;
import io.vertx.ext.web.RoutingContext;
import java.time.Duration;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/** Probes, and the metrics. Answers from what is known; calls nobody. Belongs to one event loop. */
final class HealthResource {
    private static final Duration STUCK = Duration.ofSeconds(10);
    private static final String METRICS_TEXT = "text/plain";

    private final Gateway gateway;
    private final boolean toOperators;
    private final HealthChecks probes;
    private final HealthChecks dependencies;
    private final Set<String> registered = new HashSet<>();

    /** @param toOperators shows how a dependency is set up too: on a port that only they reach */
    HealthResource(Gateway gateway, Vertx vertx, boolean toOperators) {
        this.gateway = gateway;
        this.toOperators = toOperators;
        var health = gateway.health();
        dependencies = HealthChecks.create(vertx);
        probes = HealthChecks.create(vertx)
                .register("live", answer -> say(answer, gateway.loops().areTurning(STUCK)))
                .register("ready", answer -> say(answer, health.isStarted() && !health.isDraining()))
                .register("started", answer -> say(answer, health.isStarted()));
    }

    void mount(Endpoints endpoints) {
        endpoints.open("/health", this::aggregate);
        endpoints.open("/health/live", ctx -> probe(ctx, "live"));
        endpoints.open("/health/ready", ctx -> probe(ctx, "ready"));
        endpoints.open("/health/started", ctx -> probe(ctx, "started"));
        endpoints.open("/metrics", this::metrics);
    }

    private static void say(Promise<Status> answer, boolean ok) {
        answer.complete(ok ? Status.OK() : Status.KO());
    }

    private Future<Void> probe(RoutingContext ctx, String name) {
        return probes.checkStatus(name).compose(result -> {
            var up = CheckResult.isUp(result);
            return answer(ctx, up ? "healthy" : "unhealthy", Map.of(name, Map.of("status", up ? "up" : "down")));
        });
    }

    private Future<Void> aggregate(RoutingContext ctx) {
        gateway.health().states().keySet().stream().filter(registered::add).forEach(this::register);
        return dependencies.checkStatus().compose(result -> {
            var checks = new LinkedHashMap<String, Object>();
            for (var check : Objects.requireNonNullElse(result.getChecks(), List.<CheckResult>of())) {
                checks.put(check.getId(), check.getStatus().getData());
            }
            return answer(ctx, status(), checks);
        });
    }

    private void register(String name) {
        dependencies.register(name, answer -> {
            var state = Objects.requireNonNull(gateway.health().states().get(name), name);
            var data = new JsonObject()
                    .put("status", state.level().name().toLowerCase(Locale.ROOT))
                    .put("detail", state.detail())
                    .put("since", state.since().toString());
            if (toOperators) {
                state.settings().forEach(data::put);
            }
            answer.complete(state.level() == Level.DOWN ? Status.KO(data) : Status.OK(data));
        });
    }

    private String status() {
        var level = gateway.health().isStarted() ? gateway.health().level() : Level.DOWN;
        return switch (level) {
            case UP -> "healthy";
            case DEGRADED -> "degraded";
            case DOWN -> "unhealthy";
        };
    }

    private static Future<Void> answer(RoutingContext ctx, String status, Map<String, ?> checks) {
        var body = new LinkedHashMap<String, Object>();
        body.put("status", status);
        body.put("checks", checks);
        return Answer.json(ctx, status.equals("unhealthy") ? 503 : 200, body);
    }

    private Future<Void> metrics(RoutingContext ctx) {
        gateway.authentication().requireMetricsToken(ctx.request());
        var openMetrics = "application/openmetrics-text";
        var asked = Accept.choose(ctx.request(), METRICS_TEXT, openMetrics);
        var type = asked.equals(openMetrics)
                ? openMetrics + "; version=1.0.0; charset=utf-8"
                : METRICS_TEXT + "; version=0.0.4; charset=utf-8";
        return Answer.text(ctx, 200, type, gateway.metrics().scrape(type));
    }
}
