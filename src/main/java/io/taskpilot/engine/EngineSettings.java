package io.taskpilot.engine;

import io.taskpilot.config.TaskPilotConfig;
import io.taskpilot.config.TaskPilotConfig.OnError;
import io.taskpilot.config.TaskPilotConfig.Role;
import io.taskpilot.run.RailPhase;
import io.taskpilot.run.WorkflowSettings;
import java.time.Duration;

/**
 * What the engine takes from the configuration.
 *
 * @param runs in flight on this node at most; 0 for a node that drives none
 * @param queue accepted runs that wait for a node with room, over all nodes
 */
public record EngineSettings(
        String environment,
        int runs,
        int queue,
        Duration modelTimeout,
        Duration policyTimeout,
        Duration railTimeout,
        OnError onPolicyError,
        TaskPilotConfig.Guardrails.OnErrors onRailError,
        TaskPilotConfig.Guardrails.Streaming streaming,
        WorkflowSettings workflow) {

    public static EngineSettings of(TaskPilotConfig config) {
        return new EngineSettings(
                config.environment(),
                config.roles().contains(Role.AGENTS) ? config.limits().runs() : 0,
                config.limits().queue(),
                config.llm().timeout(),
                config.policy().timeout(),
                config.guardrails().timeout(),
                config.policy().onError(),
                config.guardrails().onError(),
                config.guardrails().stream(),
                new WorkflowSettings(
                        config.limits().toolCalls(),
                        config.policy().onDeny() == TaskPilotConfig.OnDeny.TELL,
                        config.approvals().ttl(),
                        config.approvals().roles()));
    }

    OnError onRailError(RailPhase phase) {
        return switch (phase) {
            case INPUT -> onRailError.input();
            case OUTPUT -> onRailError.output();
            case TOOL_RESULT -> onRailError.toolResult();
        };
    }
}
