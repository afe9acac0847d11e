package io.taskpilot.run;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Events as JSON values: what the journal stores, clients stream and the archive keeps. {@code parse} reads what
 * {@code data} wrote, in this format and every earlier one that {@link #FORMAT} lists.
 */
public final class EventCodec {
    /** The format new runs are written in; a node claims only runs whose format it can read. */
    public static final int FORMAT = 1;

    private EventCodec() {}

    /** The event's type on the wire, as in {@code policy.decided}. */
    public static String type(RunEvent event) {
        if (event instanceof RunEvent.Accepted) {
            return "run.accepted";
        } else if (event instanceof RunEvent.Started) {
            return "run.started";
        } else if (event instanceof RunEvent.Resumed) {
            return "run.resumed";
        } else if (event instanceof RunEvent.GuardrailChecked) {
            return "guardrail.checked";
        } else if (event instanceof RunEvent.AgentStarted) {
            return "agent.started";
        } else if (event instanceof RunEvent.AgentCompleted) {
            return "agent.completed";
        } else if (event instanceof RunEvent.TaskProposed) {
            return "task.proposed";
        } else if (event instanceof RunEvent.ReviewCompleted) {
            return "review.completed";
        } else if (event instanceof RunEvent.PolicyDecided) {
            return "policy.decided";
        } else if (event instanceof RunEvent.ApprovalRequested) {
            return "approval.requested";
        } else if (event instanceof RunEvent.ApprovalDecided) {
            return "approval.decided";
        } else if (event instanceof RunEvent.ToolStarted) {
            return "tool.started";
        } else if (event instanceof RunEvent.ToolCompleted) {
            return "tool.completed";
        } else if (event instanceof RunEvent.ToolOutcomeUnknown) {
            return "tool.outcome_unknown";
        } else if (event instanceof RunEvent.Ended ended) {
            return "run." + ended.status().word();
        }
        throw new IllegalArgumentException("no type for " + event.getClass().getSimpleName());
    }

    /** The event's {@code data}. */
    public static Map<String, Object> data(RunEvent event) {
        var out = new Out();
        if (event instanceof RunEvent.Accepted e) {
            var r = e.request();
            out.put("run_id", r.runId()).put("tenant", r.tenant()).put("principal", r.principal());
            out.put("roles", r.roles()).put("request_id", r.requestId()).put("input", r.input());
            out.put("metadata", r.metadata()).put("timeout_s", r.timeout().toSeconds());
            out.put("require_approval", r.requireApproval());
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
                            : e.changes().stream().map(EventCodec::change).toList());
        } else if (event instanceof RunEvent.ToolOutcomeUnknown e) {
            out.put("call_id", e.callId()).put("tool", e.tool()).put("cause", e.cause());
        } else if (event instanceof RunEvent.Ended e) {
            out.put("output", e.output() == null ? null : output(e.output()));
            out.put("problem", e.problem() == null ? null : problem(e.problem()));
            out.put("unsettled", e.unsettled().isEmpty() ? null : e.unsettled());
        }
        return out.map;
    }

    /** @throws IllegalArgumentException when the type is unknown or the data does not fit it */
    public static RunEvent parse(String type, Map<String, Object> data) {
        try {
            return parse(type, new In(data));
        } catch (ClassCastException | NullPointerException e) {
            throw new IllegalArgumentException("data does not fit " + type, e);
        }
    }

    private static RunEvent parse(String type, In in) {
        return switch (type) {
            case "run.accepted" ->
                new RunEvent.Accepted(new RunRequest(
                        UUID.fromString(in.text("run_id")),
                        in.text("tenant"),
                        in.text("principal"),
                        in.texts("roles"),
                        in.text("request_id"),
                        in.text("input"),
                        in.textMap("metadata"),
                        Duration.ofSeconds(in.number("timeout_s").longValue()),
                        in.flag("require_approval")));
            case "run.started" -> new RunEvent.Started();
            case "run.resumed" -> new RunEvent.Resumed(in.text("cause"));
            case "guardrail.checked" ->
                new RunEvent.GuardrailChecked(
                        RailPhase.of(in.text("phase")),
                        DecisionResult.of(in.text("result")),
                        in.text("rail"),
                        in.text("reason"),
                        in.agentOrNull("agent"),
                        in.textOrNull("call_id"),
                        in.textOrNull("text"),
                        in.flag("waived"),
                        in.text("input_sha256"),
                        in.number("latency_ms").doubleValue());
            case "agent.started" ->
                new RunEvent.AgentStarted(in.agent("agent"), in.number("turn").intValue());
            case "agent.completed" ->
                new RunEvent.AgentCompleted(
                        in.agent("agent"),
                        in.number("turn").intValue(),
                        answer(in.in("answer")),
                        usage(in.in("usage")),
                        in.text("provider"),
                        in.text("model"));
            case "task.proposed" -> new RunEvent.TaskProposed(in.id("task_id", "task_"), task(in.in("task")));
            case "review.completed" -> new RunEvent.ReviewCompleted(ReviewVerdict.valueOf(in.text("verdict")));
            case "policy.decided" ->
                new RunEvent.PolicyDecided(
                        call(in.in("call")),
                        verdict(in.in("verdict")),
                        in.map("input"),
                        in.text("input_sha256"),
                        in.number("latency_ms").doubleValue());
            case "approval.requested" ->
                new RunEvent.ApprovalRequested(
                        in.id("approval_id", "apr_"),
                        ApprovalKind.of(in.text("kind")),
                        call(in.in("call")),
                        in.text("digest"),
                        in.text("rule"),
                        in.text("reason"),
                        in.text("policy_revision"),
                        in.texts("roles"),
                        Instant.parse(in.text("expires_at")));
            case "approval.decided" ->
                new RunEvent.ApprovalDecided(
                        in.id("approval_id", "apr_"),
                        ApprovalAnswer.of(in.text("answer")),
                        in.text("by"),
                        in.texts("roles"),
                        in.text("reason"),
                        in.get("result"));
            case "tool.started" ->
                new RunEvent.ToolStarted(
                        in.text("call_id"),
                        in.text("tool"),
                        in.text("key"),
                        Instant.parse(in.text("deadline")),
                        in.flag("external"),
                        in.flag("repeatable"));
            case "tool.completed" ->
                new RunEvent.ToolCompleted(
                        in.text("call_id"),
                        in.text("tool"),
                        in.flag("error"),
                        in.get("result"),
                        in.ins("changes").stream().map(EventCodec::change).toList());
            case "tool.outcome_unknown" ->
                new RunEvent.ToolOutcomeUnknown(in.text("call_id"), in.text("tool"), in.text("cause"));
            default -> ended(type, in);
        };
    }

    private static RunEvent ended(String type, In in) {
        if (!type.startsWith("run.") || !RunStatus.of(type.substring(4)).isTerminal()) {
            throw new IllegalArgumentException("no event type " + type);
        }
        return new RunEvent.Ended(
                RunStatus.of(type.substring(4)),
                in.has("output") ? output(in.in("output")) : null,
                in.has("problem")
                        ? new Problem(
                                in.in("problem").text("slug"), in.in("problem").text("detail"))
                        : null,
                in.has("unsettled") ? in.texts("unsettled") : List.of());
    }

    private static Map<String, Object> answer(AgentAnswer answer) {
        var out = new Out();
        if (answer instanceof AgentAnswer.Proposal a) {
            out.put("kind", "proposal").put("task", a.task().arguments());
        } else if (answer instanceof AgentAnswer.Review a) {
            out.put("kind", "review").put("verdict", a.verdict().name()).put("text", a.text());
        } else if (answer instanceof AgentAnswer.Calls a) {
            out.put("kind", "calls").put("text", a.text());
            out.put("calls", a.calls().stream().map(EventCodec::call).toList());
        } else if (answer instanceof AgentAnswer.Text a) {
            out.put("kind", "text").put("text", a.text());
        } else if (answer instanceof AgentAnswer.Invalid a) {
            out.put("kind", "invalid").put("text", a.raw()).put("errors", a.errors());
        } else if (answer instanceof AgentAnswer.Withheld a) {
            out.put("kind", "withheld").put("sha256", a.sha256());
        }
        return out.map;
    }

    private static AgentAnswer answer(In in) {
        var kind = in.text("kind");
        return switch (kind) {
            case "proposal" -> new AgentAnswer.Proposal(task(in.in("task")));
            case "review" -> new AgentAnswer.Review(ReviewVerdict.valueOf(in.text("verdict")), in.text("text"));
            case "calls" ->
                new AgentAnswer.Calls(
                        in.text("text"),
                        in.ins("calls").stream().map(EventCodec::call).toList());
            case "text" -> new AgentAnswer.Text(in.text("text"));
            case "invalid" -> new AgentAnswer.Invalid(in.text("text"), in.texts("errors"));
            case "withheld" -> new AgentAnswer.Withheld(in.text("sha256"));
            default -> throw new IllegalArgumentException("no answer of kind " + kind);
        };
    }

    private static Map<String, Object> call(ToolCall call) {
        return new Out()
                .put("id", call.id())
                .put("agent", call.agent())
                .put("tool", call.tool())
                .put("arguments", call.arguments())
                .map;
    }

    private static ToolCall call(In in) {
        return new ToolCall(in.text("id"), in.agent("agent"), in.text("tool"), in.map("arguments"));
    }

    private static Map<String, Object> verdict(PolicyVerdict verdict) {
        return new Out()
                .put("result", verdict.result().word())
                .put("rule", verdict.rule())
                .put("reasons", verdict.reasons())
                .put("revision", verdict.revision())
                .put("roles", verdict.approverRoles())
                .put("ttl_s", verdict.approvalTtl().toSeconds())
                .map;
    }

    private static PolicyVerdict verdict(In in) {
        return new PolicyVerdict(
                DecisionResult.of(in.text("result")),
                in.text("rule"),
                in.texts("reasons"),
                in.text("revision"),
                in.texts("roles"),
                Duration.ofSeconds(in.number("ttl_s").longValue()));
    }

    private static Map<String, Object> change(TaskChange change) {
        return new Out()
                .put("kind", change.kind().name())
                .put("task_id", "task_" + change.taskId())
                .put("version", change.version())
                .put("task", change.task() == null ? null : change.task().arguments())
                .map;
    }

    private static TaskChange change(In in) {
        return new TaskChange(
                TaskChange.Kind.valueOf(in.text("kind")),
                in.id("task_id", "task_"),
                in.number("version").longValue(),
                in.has("task") ? task(in.in("task")) : null);
    }

    private static TaskProposal task(In in) {
        return new TaskProposal(in.text("title"), in.text("priority"), in.text("description"));
    }

    private static Map<String, Object> usage(Usage usage) {
        return new Out()
                .put("input_tokens", usage.inputTokens())
                .put("output_tokens", usage.outputTokens())
                .put("cost_usd", usage.costUsd())
                .map;
    }

    private static Usage usage(In in) {
        return new Usage(
                in.number("input_tokens").longValue(),
                in.number("output_tokens").longValue(),
                in.number("cost_usd").doubleValue());
    }

    /** A run's output as the API shows it. */
    public static Map<String, Object> output(RunOutput output) {
        return new Out()
                .put("text", output.text())
                .put("tasks", output.tasks().stream().map(id -> "task_" + id).toList())
                .put("denied", output.denied())
                .map;
    }

    private static RunOutput output(In in) {
        var tasks = in.texts("tasks").stream()
                .map(id -> UUID.fromString(id.substring("task_".length())))
                .toList();
        return new RunOutput(in.text("text"), tasks, in.texts("denied"));
    }

    private static Map<String, Object> problem(Problem problem) {
        return new Out().put("slug", problem.slug()).put("detail", problem.detail()).map;
    }

    /** Leaves nulls out, and writes what JSON does not have as text. */
    private static final class Out {
        private final Map<String, Object> map = new LinkedHashMap<>();

        Out put(String key, @Nullable Object value) {
            if (value instanceof UUID || value instanceof Instant) {
                map.put(key, value.toString());
            } else if (value instanceof Agent agent) {
                map.put(key, agent.title());
            } else if (value != null) {
                map.put(key, value);
            }
            return this;
        }
    }

    private record In(Map<String, Object> map) {
        @Nullable
        Object get(String key) {
            return map.get(key);
        }

        boolean has(String key) {
            return map.get(key) != null;
        }

        String text(String key) {
            return Objects.requireNonNull((String) map.get(key), key);
        }

        @Nullable
        String textOrNull(String key) {
            return (String) map.get(key);
        }

        Number number(String key) {
            return Objects.requireNonNull((Number) map.get(key), key);
        }

        boolean flag(String key) {
            return Boolean.TRUE.equals(map.get(key));
        }

        Agent agent(String key) {
            return Agent.of(text(key));
        }

        @Nullable
        Agent agentOrNull(String key) {
            return has(key) ? agent(key) : null;
        }

        UUID id(String key, String prefix) {
            var text = text(key);
            if (!text.startsWith(prefix)) {
                throw new IllegalArgumentException("%s: %s (expected: %s...)".formatted(key, text, prefix));
            }
            return UUID.fromString(text.substring(prefix.length()));
        }

        List<String> texts(String key) {
            var out = new ArrayList<String>();
            for (var item : (List<?>) Objects.requireNonNull(map.get(key), key)) {
                out.add((String) item);
            }
            return out;
        }

        Map<String, Object> map(String key) {
            var out = new LinkedHashMap<String, Object>();
            ((Map<?, ?>) Objects.requireNonNull(map.get(key), key))
                    .forEach((name, value) -> out.put((String) name, value));
            return out;
        }

        Map<String, String> textMap(String key) {
            var out = new LinkedHashMap<String, String>();
            map(key).forEach((name, value) -> out.put(name, (String) value));
            return out;
        }

        In in(String key) {
            return new In(map(key));
        }

        List<In> ins(String key) {
            if (!has(key)) {
                return List.of();
            }
            var out = new ArrayList<In>();
            for (var item : (List<?>) Objects.requireNonNull(map.get(key))) {
                out.add(new In(new In(Map.of("item", Objects.requireNonNull(item))).map("item")));
            }
            return out;
        }
    }
}
