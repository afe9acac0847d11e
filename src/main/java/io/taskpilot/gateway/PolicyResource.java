package io.taskpilot.gateway;

import io.taskpilot.engine.CallContext;
import io.taskpilot.resilience.Deadline;
import io.taskpilot.run.PolicyVerdict;
import io.vertx.core.Future;
import io.vertx.ext.web.RoutingContext;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;

/** What policy would say; nothing is recorded, nothing happens. */
final class PolicyResource {
    private static final Duration LONGEST = Duration.ofSeconds(2);

    private final Gateway gateway;

    PolicyResource(Gateway gateway) {
        this.gateway = gateway;
    }

    Future<Void> evaluate(RoutingContext ctx) {
        Accept.choose(ctx.request(), Accept.JSON);
        var in = Fields.ofBody(Endpoints.body(ctx, false));
        var input = in.object("input");
        in.done();
        return gateway.policy()
                .decide(input, CallContext.ofRequest(RequestId.of(ctx), Deadline.in(LONGEST)))
                .compose(verdict -> Answer.json(ctx, 200, json(verdict)));
    }

    private static Map<String, Object> json(PolicyVerdict verdict) {
        var approval = new LinkedHashMap<String, Object>();
        approval.put("roles", verdict.approverRoles());
        approval.put("ttl_s", verdict.approvalTtl().toSeconds());
        var json = new LinkedHashMap<String, Object>();
        json.put("decision", verdict.result().word());
        json.put("rule", verdict.rule());
        json.put("reasons", verdict.reasons());
        json.put("revision", verdict.revision());
        json.put("approval", approval);
        return json;
    }
}
