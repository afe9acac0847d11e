package io.taskpilot.run;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** The reading half of {@link EventCodec}. Fields it does not know are left alone: a newer version wrote them. */
final class EventReader {
    private EventReader() {}

    static RunEvent event(String type, Map<String, Object> data) {
        return event(type, new In(data));
    }

    private static RunEvent event(String type, In in) {
        return switch (type) {
            case "run.accepted" ->
                new RunEvent.Accepted(new RunRequest(
                        in.id("run_id", "run_"),
                        in.text("tenant"),
                        in.text("principal"),
                        in.texts("roles"),
                        in.text("request_id"),
                        in.text("input"),
                        in.textMap("metadata"),
                        Duration.ofSeconds(in.number("timeout_s").longValue()),
                        in.flag("require_approval"),
                        in.textOrEmpty("traceparent")));
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
                        in.get("result"),
                        in.mapOrNull("arguments"),
                        in.textOrEmpty("traceparent"));
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
                        in.ins("changes").stream().map(EventReader::change).toList(),
                        attempts(in));
            case "tool.outcome_unknown" ->
                new RunEvent.ToolOutcomeUnknown(in.text("call_id"), in.text("tool"), in.text("cause"), attempts(in));
            default -> ended(type, in);
        };
    }

    private static List<Attempt> attempts(In in) {
        return in.ins("attempts").stream().map(one -> Attempt.of(one.map)).toList();
    }

    private static RunEvent ended(String type, In in) {
        var status = Arrays.stream(RunStatus.values())
                .filter(end -> end.isTerminal() && type.equals("run." + end.word()))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("no event type " + type));
        return new RunEvent.Ended(
                status,
                in.has("output") ? output(in.in("output")) : null,
                in.has("problem")
                        ? new Problem(
                                in.in("problem").text("slug"), in.in("problem").text("detail"))
                        : null,
                in.has("unsettled") ? in.texts("unsettled") : List.of());
    }

    private static AgentAnswer answer(In in) {
        var kind = in.text("kind");
        return switch (kind) {
            case "proposal" -> new AgentAnswer.Proposal(task(in.in("task")));
            case "review" -> new AgentAnswer.Review(ReviewVerdict.valueOf(in.text("verdict")), in.text("text"));
            case "calls" ->
                new AgentAnswer.Calls(
                        in.text("text"),
                        in.ins("calls").stream().map(EventReader::call).toList());
            case "text" -> new AgentAnswer.Text(in.text("text"));
            case "invalid" -> new AgentAnswer.Invalid(in.text("text"), in.texts("errors"));
            case "withheld" -> new AgentAnswer.Withheld(in.text("sha256"));
            default -> throw new IllegalArgumentException("no answer of kind " + kind);
        };
    }

    private static ToolCall call(In in) {
        return new ToolCall(in.text("id"), in.agent("agent"), in.text("tool"), in.map("arguments"));
    }

    private static PolicyVerdict verdict(In in) {
        return new PolicyVerdict(
                DecisionResult.of(in.text("result")),
                in.text("rule"),
                in.texts("reasons"),
                in.text("revision"),
                in.texts("roles"),
                Duration.ofSeconds(in.number("ttl_s").longValue()),
                in.has("decision_id") ? in.text("decision_id") : "",
                in.has("candidate") ? candidate(in.in("candidate")) : null);
    }

    private static PolicyVerdict.Candidate candidate(In in) {
        return new PolicyVerdict.Candidate(DecisionResult.of(in.text("result")), in.text("rule"), in.text("revision"));
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

    private static Usage usage(In in) {
        return new Usage(
                in.number("input_tokens").longValue(),
                in.number("output_tokens").longValue(),
                in.number("cost_usd").doubleValue());
    }

    private static RunOutput output(In in) {
        var tasks = in.texts("tasks").stream().map(text -> id(text, "task_")).toList();
        return new RunOutput(in.text("text"), tasks, in.texts("denied"));
    }

    private static UUID id(String text, String prefix) {
        if (!text.startsWith(prefix)) {
            throw new IllegalArgumentException("%s (expected: %s...)".formatted(text, prefix));
        }
        return UUID.fromString(text.substring(prefix.length()));
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

        String textOrEmpty(String key) {
            return has(key) ? text(key) : "";
        }

        @Nullable
        Agent agentOrNull(String key) {
            return has(key) ? agent(key) : null;
        }

        UUID id(String key, String prefix) {
            return EventReader.id(text(key), prefix);
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

        @Nullable
        Map<String, Object> mapOrNull(String key) {
            return has(key) ? map(key) : null;
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
