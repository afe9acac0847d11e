package io.taskpilot.engine;

import io.taskpilot.run.PolicyVerdict;
import io.vertx.core.Future;
import java.util.List;
import java.util.Map;

/** Decides tool calls: the embedded Wasm engine, or an OPA server. */
public interface PolicyEngine {

    /**
     * The verdict of {@code taskpilot/tool_calls/decision} on {@code input} (JSON values). Completes on the caller's
     * context. Fails with {@code policy-unavailable} whenever there is no clear verdict; there is no default.
     */
    Future<PolicyVerdict> decide(Map<String, Object> input, CallContext call);

    /** The tool names that {@code taskpilot/tool_calls/offered} lists for an agent. Fails like {@link #decide}. */
    Future<List<String>> offered(Map<String, Object> input, CallContext call);
}
