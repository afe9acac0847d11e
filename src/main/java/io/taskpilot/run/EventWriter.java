package io.taskpilot.run;

import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** The writing half of {@link EventCodec}. */
final class EventWriter {
    private EventWriter() {}

    static Map<String, Object> data(RunEvent event) {
        var out = new Out();
        if (event instanceof RunEvent.Accepted e) {
            var r = e.request();
            out.put("run_id", "run_" + r.runId()).put("tenant", r.tenant()).put("principal", r.principal());
            out.put("roles", r.roles()).put("request_id", r.requestId()).put("input", r.input());
            out.put("metadata", new TreeMap<>(r.metadata()))
                    .put("timeout_s", r.timeout().toSeconds());
            out.put("require_approval", r.requireApproval()).put("traceparent", orNull(r.traceparent()));
        } else if (event instanceof RunEvent.Resumed e) {
            out.put("cause", e.cause());
        } else if (event instanceof RunEvent.GuardrailChecked e) {
            out.put("phase", e.phase().word()).put("result", e.result().word()).put("rail", e.rail());
            out.put("reason", e.reason())
                    .put("agent", e.agent())
                    .put("call_id", e.callId())
                    .put("text", e.text());
            out.put("waived", e.waived() ? true : null).put("input_sha256", e.inputSha256());
            out.put("latency_ms", e.latencyMs());
        } else if (event instanceof RunEvent.AgentStarted e) {
            out.put("agent", e.agent()).put("turn", e.turn());
        } else if (event instanceof RunEvent.AgentCompleted e) {
            out.put("agent", e.agent()).put("turn", e.turn()).put("answer", answer(e.answer()));
            out.put("usage", usage(e.usage())).put("provider", e.provider()).put("model", e.model());
        } else if (event instanceof RunEvent.TaskProposed e) {
            out.put("task_id", "task_" + e.taskId()).put("task", e.task().arguments());
        } else if (event instanceof RunEvent.ReviewCompleted e) {
            out.put("verdict", e.verdict().name());
        } else if (event instanceof RunEvent.PolicyDecided e) {
            out.put("call", call(e.call())).put("verdict", verdict(e.verdict())).put("input", e.input());
            out.put("input_sha256", e.inputSha256()).put("latency_ms", e.latencyMs());
        } else if (event instanceof RunEvent.ApprovalRequested e) {
            out.put("approval_id", "apr_" + e.approvalId())
                    .put("kind", e.kind().word())
                    .put("call", call(e.call()));
            out.put("digest", e.digest()).put("rule", e.rule()).put("reason", e.reason());
            out.put("policy_revision", e.policyRevision())
                    .put("roles", e.roles())
                    .put("expires_at", e.expiresAt());
            out.put(
                    "answers",
                    e.kind().answers().stream().map(ApprovalAnswer::word).toList());
        } else if (event instanceof RunEvent.ApprovalDecided e) {
            out.put("approval_id", "apr_" + e.approvalId())
                    .put("answer", e.answer().word())
                    .put("by", e.by());
            out.put("roles", e.roles()).put("reason", e.reason()).put("result", e.result());
            out.put("arguments", e.arguments()).put("traceparent", orNull(e.traceparent()));
        } else if (event instanceof RunEvent.ToolStarted e) {
            out.put("call_id", e.callId())
                    .put("tool", e.tool())
                    .put("key", e.key())
                    .put("deadline", e.deadline());
            out.put("external", e.external()).put("repeatable", e.repeatable());
        } else if (event instanceof RunEvent.ToolCompleted e) {
            out.put("call_id", e.callId())
                    .put("tool", e.tool())
                    .put("error", e.error())
                    .put("result", e.result());
            out.put(
                    "changes",
                    e.changes().isEmpty()
                            ? null
                            : e.changes().stream().map(EventWriter::change).toList());
            out.put("attempts", attempts(e.attempts()));
        } else if (event instanceof RunEvent.ToolOutcomeUnknown e) {
            out.put("call_id", e.callId()).put("tool", e.tool()).put("cause", e.cause());
            out.put("attempts", attempts(e.attempts()));
        } else if (event instanceof RunEvent.Ended e) {
            out.put("output", e.output() == null ? null : output(e.output()));
            out.put("problem", e.problem() == null ? null : problem(e.problem()));
            out.put("unsettled", e.unsettled().isEmpty() ? null : e.unsettled());
        }
        return out.map;
    }

    private static @Nullable String orNull(String text) {
        return text.isEmpty() ? null : text;
    }

    private static Map<String, Object> answer(AgentAnswer answer) {
        var out = new Out();
        if (answer instanceof AgentAnswer.Proposal a) {
            out.put("kind", "proposal").put("task", a.task().arguments());
        } else if (answer instanceof AgentAnswer.Review a) {
            out.put("kind", "review").put("verdict", a.verdict().name()).put("text", a.text());
        } else if (answer instanceof AgentAnswer.Calls a) {
            out.put("kind", "calls").put("text", a.text());
            out.put("calls", a.calls().stream().map(EventWriter::call).toList());
        } else if (answer instanceof AgentAnswer.Text a) {
            out.put("kind", "text").put("text", a.text());
        } else if (answer instanceof AgentAnswer.Invalid a) {
            out.put("kind", "invalid").put("text", a.raw()).put("errors", a.errors());
        } else if (answer instanceof AgentAnswer.Withheld a) {
            out.put("kind", "withheld").put("sha256", a.sha256());
        }
        return out.map;
    }

    private static Map<String, Object> call(ToolCall call) {
        return new Out()
                .put("id", call.id())
                .put("agent", call.agent())
                .put("tool", call.tool())
                .put("arguments", call.arguments())
                .map;
    }

    private static Map<String, Object> verdict(PolicyVerdict verdict) {
        return new Out()
                .put("result", verdict.result().word())
                .put("rule", verdict.rule())
                .put("reasons", verdict.reasons())
                .put("revision", verdict.revision())
                .put("roles", verdict.approverRoles())
                .put("ttl_s", verdict.approvalTtl().toSeconds())
                .put("decision_id", verdict.decisionId().isEmpty() ? null : verdict.decisionId())
                .put("candidate", verdict.candidate() == null ? null : candidate(verdict.candidate()))
                .map;
    }

    private static Map<String, Object> candidate(PolicyVerdict.Candidate candidate) {
        return new Out()
                .put("result", candidate.result().word())
                .put("rule", candidate.rule())
                .put("revision", candidate.revision())
                .map;
    }

    private static Map<String, Object> change(TaskChange change) {
        return new Out()
                .put("kind", change.kind().name())
                .put("task_id", "task_" + change.taskId())
                .put("version", change.version())
                .put("task", change.task() == null ? null : change.task().arguments())
                .map;
    }

    private static @Nullable List<Map<String, Object>> attempts(List<Attempt> attempts) {
        return attempts.isEmpty() ? null : attempts.stream().map(Attempt::json).toList();
    }

    private static Map<String, Object> usage(Usage usage) {
        return new Out()
                .put("input_tokens", usage.inputTokens())
                .put("output_tokens", usage.outputTokens())
                .put("cost_usd", usage.costUsd())
                .map;
    }

    static Map<String, Object> output(RunOutput output) {
        return new Out()
                .put("text", output.text())
                .put("tasks", output.tasks().stream().map(id -> "task_" + id).toList())
                .put("denied", output.denied())
                .map;
    }

    private static Map<String, Object> problem(Problem problem) {
        return new Out().put("slug", problem.slug()).put("detail", problem.detail()).map;
    }

    /** Leaves nulls out, and writes what JSON does not have as text. */
    private static final class Out {
        private final Map<String, Object> map = new LinkedHashMap<>();

        Out put(String key, @Nullable Object value) {
            if (value instanceof Instant) {
                map.put(key, value.toString());
            } else if (value instanceof Agent agent) {
                map.put(key, agent.title());
            } else if (value != null) {
                map.put(key, value);
            }
            return this;
        }
    }
}
