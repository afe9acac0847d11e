package io.taskpilot.run;

import java.util.Map;
import java.util.UUID;

/**
 * One call of a tool as an agent asked for it.
 *
 * @param id unique within its run ({@code call_1}, {@code call_2}, ...), the same across attempts
 * @param arguments JSON values
 */
public record ToolCall(String id, Agent agent, String tool, Map<String, Object> arguments) {

    /** The key of the effect, stable across attempts and nodes: sent as {@code Idempotency-Key} and {@code webhook-id}. */
    public String key(UUID runId) {
        return "run_" + runId + ":" + id;
    }

    /** The same call with other arguments. */
    public ToolCall with(Map<String, Object> otherArguments) {
        return new ToolCall(id, agent, tool, otherArguments);
    }

    /** SHA-256 in hex of the RFC 8785 form of run, call, agent, tool and arguments: what an approval is bound to. */
    public String digest(UUID runId) {
        return CanonicalJson.sha256(Map.of(
                "run", "run_" + runId, "call", id, "agent", agent.title(), "tool", tool, "arguments", arguments));
    }
}
