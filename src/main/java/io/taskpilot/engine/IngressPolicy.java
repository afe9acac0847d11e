package io.taskpilot.engine;

import io.taskpilot.run.PolicyVerdict;
import io.vertx.core.Future;
import java.util.Map;

/** Decides who may call what of the API: the embedded Wasm engine, or an OPA server. */
@FunctionalInterface
public interface IngressPolicy {

    /**
     * The verdict of {@code taskpilot/ingress/decision} on {@code input} (JSON values): {@code ALLOW} or {@code DENY}.
     * Completes on the caller's context. Fails with {@code policy-unavailable} whenever there is no clear verdict; there
     * is no default.
     */
    Future<PolicyVerdict> admit(Map<String, Object> input, CallContext call);
}
