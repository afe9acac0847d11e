package io.taskpilot.journal;

import io.taskpilot.engine.RunReader.Answered;
import io.taskpilot.engine.RunReader.ApprovalView;
import io.taskpilot.engine.RunReader.DecisionView;
import io.taskpilot.engine.RunReader.RunView;
import io.taskpilot.engine.RunReader.TaskView;
import io.taskpilot.journal.DecisionChain.Link;
import io.taskpilot.run.ApprovalAnswer;
import io.taskpilot.run.Attempt;
import io.taskpilot.run.Decision;
import io.taskpilot.run.DecisionResult;
import io.taskpilot.run.DecisionType;
import io.taskpilot.run.EventCodec;
import io.taskpilot.run.RunEvent;
import io.taskpilot.run.RunStatus;
import io.taskpilot.run.TaskProposal;
import io.taskpilot.run.Usage;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import io.vertx.sqlclient.Row;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Rows of the projections as what the port gives. */
final class Rows {
    static final String RUN = """
            id, tenant, principal, request_id, status, input, metadata::text as metadata, timeout_s, require_approval,
            summary::text as summary, input_tokens, output_tokens, cost_usd, attempt, last_seq,
            cancel_requested_at is not null as cancel_requested, pending_approval, created_at, started_at, finished_at,
            parked_ms + coalesce((extract(epoch from clock_timestamp() - parked_at) * 1000)::int8, 0) as parked_ms
            """;

    static final String APPROVAL =
            "id, run_id, asked::text as asked, status, created_at, answer, answered_by, reason, answered_at, "
                    + "announcement::text as announcement";

    static final String TASK = "id, run_id, title, priority, description, status, version, created_at, updated_at";

    static final String DECISION = """
            chain_id, position, d.id, run_id, d.request_id, trace_id, d.tenant, d.principal, decision_type, phase, result,
            rule, reason, agent, tool, policy_revision, input_sha256, context, latency_ms, d.created_at, prev_hash, hash
            """;

    private Rows() {}

    static RunView run(Row row) {
        var status = RunStatus.of(row.getString("status"));
        var ended = ended(status, row.getString("summary"));
        return new RunView(
                row.getUUID("id"),
                row.getString("tenant"),
                row.getString("principal"),
                row.getString("request_id"),
                status,
                row.getString("input"),
                texts(row.getString("metadata")),
                Duration.ofSeconds(row.getLong("timeout_s")),
                row.getBoolean("require_approval"),
                ended == null ? null : ended.output(),
                ended == null ? null : ended.problem(),
                ended == null ? List.of() : ended.unsettled(),
                new Usage(row.getLong("input_tokens"), row.getLong("output_tokens"), row.getDouble("cost_usd")),
                row.getInteger("attempt"),
                row.getLong("last_seq"),
                row.getBoolean("cancel_requested"),
                row.getUUID("pending_approval"),
                at(row, "created_at"),
                atOrNull(row, "started_at"),
                atOrNull(row, "finished_at"),
                Duration.ofMillis(row.getLong("parked_ms")));
    }

    private static RunEvent.@Nullable Ended ended(RunStatus status, @Nullable String summary) {
        return summary == null
                ? null
                : (RunEvent.Ended) EventCodec.parse("run." + status.word(), JsonText.decodeObject(summary));
    }

    private static Map<String, String> texts(String json) {
        var texts = new HashMap<String, String>();
        JsonText.decodeObject(json).forEach((key, value) -> texts.put(key, (String) value));
        return texts;
    }

    static ApprovalView approval(Row row) {
        var asked = (RunEvent.ApprovalRequested)
                EventCodec.parse("approval.requested", JsonText.decodeObject(row.getString("asked")));
        var answer = row.getString("answer");
        return new ApprovalView(
                row.getUUID("run_id"),
                asked,
                row.getString("status"),
                at(row, "created_at"),
                answer == null
                        ? null
                        : new Answered(
                                ApprovalAnswer.of(answer),
                                row.getString("answered_by"),
                                row.getString("reason"),
                                at(row, "answered_at")),
                attempts(row.getString("announcement")));
    }

    private static List<Attempt> attempts(@Nullable String json) {
        return json == null
                ? List.of()
                : new JsonArray(json)
                        .stream()
                                .map(one -> Attempt.of(((JsonObject) one).getMap()))
                                .toList();
    }

    static TaskView task(Row row) {
        return new TaskView(
                row.getUUID("id"),
                row.getUUID("run_id"),
                new TaskProposal(row.getString("title"), row.getString("priority"), row.getString("description")),
                row.getString("status"),
                row.getLong("version"),
                at(row, "created_at"),
                at(row, "updated_at"));
    }

    static Link decision(Row row) {
        var decision = new Decision(
                row.getUUID("id"),
                DecisionType.of(row.getString("decision_type")),
                row.getString("phase"),
                DecisionResult.of(row.getString("result")),
                row.getString("rule"),
                row.getString("reason"),
                row.getString("agent"),
                row.getString("tool"),
                row.getString("policy_revision"),
                row.getString("input_sha256"),
                row.getString("context"),
                row.getDouble("latency_ms"));
        return new Link(
                row.getLong("position"),
                new DecisionView(
                        decision,
                        row.getUUID("chain_id"),
                        row.getUUID("run_id"),
                        row.getString("request_id"),
                        row.getString("trace_id"),
                        row.getString("tenant"),
                        row.getString("principal"),
                        at(row, "created_at"),
                        row.getString("prev_hash"),
                        row.getString("hash")));
    }

    private static Instant at(Row row, String column) {
        return Objects.requireNonNull(atOrNull(row, column), column);
    }

    private static @Nullable Instant atOrNull(Row row, String column) {
        var at = row.get(OffsetDateTime.class, column);
        return at == null ? null : at.toInstant();
    }
}
