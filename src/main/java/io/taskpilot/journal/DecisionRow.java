package io.taskpilot.journal;

import io.taskpilot.journal.DecisionChain.Link;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A link of a chain as JSON, for statements that insert decisions. */
final class DecisionRow {
    private DecisionRow() {}

    static Map<String, @Nullable Object> of(Link link) {
        var view = link.view();
        var decision = view.decision();
        var row = new LinkedHashMap<String, @Nullable Object>();
        row.put("position", link.position());
        row.put("id", decision.id().toString());
        row.put("run_id", view.runId() == null ? null : view.runId().toString());
        row.put("request_id", view.requestId());
        row.put("trace_id", view.traceId());
        row.put("tenant", view.tenant());
        row.put("principal", view.principal());
        row.put("decision_type", decision.type().word());
        row.put("phase", decision.phase());
        row.put("result", decision.result().word());
        row.put("rule", decision.rule());
        row.put("reason", decision.reason());
        row.put("agent", decision.agent());
        row.put("tool", decision.tool());
        row.put("policy_revision", decision.policyRevision());
        row.put("input_sha256", decision.inputSha256());
        row.put("context", decision.context());
        row.put("latency_ms", decision.latencyMs());
        row.put("created_at", view.createdAt().toString());
        row.put("prev_hash", view.prevHash());
        row.put("hash", view.hash());
        return row;
    }
}
