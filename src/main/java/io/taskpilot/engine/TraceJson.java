package io.taskpilot.engine;

import io.taskpilot.engine.RunReader.DecisionView;
import io.taskpilot.run.EventCodec;
import io.taskpilot.run.Recorded;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;

/** Events and decisions as JSON: what the API shows and the archive keeps. */
public final class TraceJson {
    private TraceJson() {}

    public static Map<String, Object> event(UUID runId, Recorded recorded, int attempt) {
        var json = new LinkedHashMap<String, Object>();
        json.put("seq", recorded.seq());
        json.put("run_id", "run_" + runId);
        json.put("type", EventCodec.type(recorded.event()));
        json.put("at", recorded.at().toString());
        json.put("attempt", attempt);
        json.put("data", EventCodec.data(recorded.event()));
        return json;
    }

    /** @throws IllegalArgumentException when it is not what {@link #event} made */
    @SuppressWarnings("unchecked") // what a JSON decoder gives
    static Recorded event(Map<String, Object> json) {
        try {
            var data = (Map<String, Object>) member(json, "data");
            var at = Instant.parse((String) member(json, "at"));
            var event = EventCodec.parse((String) member(json, "type"), data);
            return new Recorded(((Number) member(json, "seq")).longValue(), at, event);
        } catch (ClassCastException | NullPointerException | DateTimeException e) {
            throw new IllegalArgumentException("not an event", e);
        }
    }

    private static Object member(Map<String, Object> json, String name) {
        return Objects.requireNonNull(json.get(name), name);
    }

    @SuppressWarnings("NullAway") // JSON nulls: every member is always there
    public static Map<String, Object> decision(DecisionView view) {
        var decision = view.decision();
        var json = new LinkedHashMap<String, Object>();
        json.put("id", "dec_" + decision.id());
        json.put("chain_id", view.chainId().toString());
        json.put("run_id", view.runId() == null ? null : "run_" + view.runId());
        json.put("request_id", view.requestId());
        json.put("trace_id", view.traceId());
        json.put("tenant", view.tenant());
        json.put("principal", view.principal());
        json.put("decision_type", decision.type().word());
        json.put("phase", decision.phase());
        json.put("result", decision.result().word());
        json.put("reason", decision.reason());
        json.put("rule", decision.rule());
        json.put("agent", decision.agent());
        json.put("tool", decision.tool());
        json.put("policy_revision", decision.policyRevision());
        json.put("input_sha256", decision.inputSha256());
        json.put("context", decision.context());
        json.put("latency_ms", decision.latencyMs());
        json.put("created_at", view.createdAt().toString());
        json.put("prev_hash", view.prevHash());
        json.put("hash", view.hash());
        return json;
    }
}
