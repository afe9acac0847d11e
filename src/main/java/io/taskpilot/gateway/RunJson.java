package io.taskpilot.gateway;

import io.taskpilot.engine.AgentDelta;
import io.taskpilot.engine.RunReader.RunView;
import io.taskpilot.engine.TraceJson;
import io.taskpilot.run.EventCodec;
import io.taskpilot.run.Recorded;
import io.taskpilot.run.Usage;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Runs and events as the API shows them. */
final class RunJson {
    static final String DELTA = "agent.delta";

    private RunJson() {}

    static String id(UUID runId) {
        return "run_" + runId;
    }

    static String path(UUID runId) {
        return "/v1/runs/" + id(runId);
    }

    @SuppressWarnings("NullAway") // JSON nulls: every member is always there
    static Map<String, Object> run(RunView run) {
        var json = new LinkedHashMap<String, Object>();
        json.put("id", id(run.id()));
        json.put("status", run.status().word());
        json.put("input", run.input());
        json.put("metadata", run.metadata());
        json.put("timeout_s", run.timeout().toSeconds());
        json.put("require_approval", run.requireApproval());
        json.put("output", run.output() == null ? null : EventCodec.output(run.output()));
        json.put("error", run.problem() == null ? null : Problems.json(run.problem()));
        json.put("unsettled", run.unsettled());
        json.put("usage", usage(run.usage()));
        json.put("attempt", run.attempt());
        json.put("last_seq", run.lastSeq());
        json.put("cancel_requested", run.cancelRequested());
        json.put("approval_id", run.pendingApproval() == null ? null : "apr_" + run.pendingApproval());
        json.put("tenant", run.tenant());
        json.put("principal", run.principal());
        json.put("request_id", run.requestId());
        json.put("created_at", run.createdAt().toString());
        json.put("started_at", text(run.startedAt()));
        json.put("finished_at", text(run.finishedAt()));
        json.put("parked_s", seconds(run.parked()));
        json.put("duration_s", duration(run));
        json.put("links", links(run.id()));
        return json;
    }

    /** Accepted to terminal, without the time parked; null before. */
    private static @Nullable Double duration(RunView run) {
        return run.finishedAt() == null
                ? null
                : seconds(Duration.between(run.createdAt(), run.finishedAt()).minus(run.parked()));
    }

    private static double seconds(Duration duration) {
        return duration.toMillis() / 1_000.0;
    }

    static @Nullable String text(@Nullable Instant at) {
        return at == null ? null : at.toString();
    }

    static Map<String, Object> usage(Usage usage) {
        var json = new LinkedHashMap<String, Object>();
        json.put("input_tokens", usage.inputTokens());
        json.put("output_tokens", usage.outputTokens());
        json.put("cost_usd", usage.costUsd());
        return json;
    }

    private static Map<String, Object> links(UUID runId) {
        var json = new LinkedHashMap<String, Object>();
        json.put("self", path(runId));
        json.put("events", path(runId) + "/events");
        json.put("trace", path(runId) + "/trace");
        json.put("cancel", path(runId) + "/cancel");
        json.put("feedback", path(runId) + "/feedback");
        return json;
    }

    static Map<String, Object> event(UUID runId, Recorded recorded, int attempt) {
        return TraceJson.event(runId, recorded, attempt);
    }

    /** In the form of an event, though it is in no journal: the seq is that of the event before it, the time ours. */
    static Map<String, Object> delta(AgentDelta delta, int attempt) {
        var data = new LinkedHashMap<String, Object>();
        data.put("agent", delta.agent().title());
        data.put("offset", delta.offset());
        data.put("text", delta.text());
        var json = new LinkedHashMap<String, Object>();
        json.put("seq", delta.seq());
        json.put("run_id", id(delta.runId()));
        json.put("type", DELTA);
        json.put("at", Instant.now().truncatedTo(ChronoUnit.MICROS).toString()); // as PostgreSQL has those of events
        json.put("attempt", attempt);
        json.put("data", data);
        return json;
    }
}
