package io.taskpilot.app;

import io.taskpilot.engine.CallContext;
import io.taskpilot.engine.PolicyEngine;
import io.taskpilot.run.PolicyVerdict;
import io.taskpilot.telemetry.HealthRegistry;
import io.vertx.core.Future;
import java.util.List;
import java.util.Map;

/** Tells {@code /health} of what becomes of an OPA server's answers. */
final class WatchedPolicy implements PolicyEngine {
    private final PolicyEngine engine;
    private final HealthRegistry health;

    WatchedPolicy(PolicyEngine engine, HealthRegistry health) {
        this.engine = engine;
        this.health = health;
    }

    @Override
    public Future<PolicyVerdict> decide(Map<String, Object> input, CallContext call) {
        return watched(engine.decide(input, call), call);
    }

    @Override
    public Future<List<String>> offered(Map<String, Object> input, CallContext call) {
        return watched(engine.offered(input, call), call);
    }

    private <T> Future<T> watched(Future<T> answer, CallContext call) {
        return answer.onSuccess(unused -> health.up("opa", "answers")).onFailure(cause -> {
            if (!call.isAborted()) {
                health.down("opa", "gives no verdict: runs fail or wait");
            }
        });
    }
}
