package io.taskpilot.engine;

import io.taskpilot.config.TaskPilotConfig;
import io.taskpilot.config.TaskPilotConfig.OnError;
import io.taskpilot.run.RailPhase;
import io.taskpilot.run.WorkflowSettings;
import java.time.Duration;

/**
 * What the engine takes from the configuration.
 *
 * @param runs in flight on this node at most
 */
public record EngineSettings(
        String environment,
        int runs,
        Duration modelTimeout,
        Duration policyTimeout,
        Duration railTimeout,
        OnError onPolicyError,
        TaskPilotConfig.Guardrails.OnErrors onRailError,
        WorkflowSettings workflow) {

    public static EngineSettings of(TaskPilotConfig config) {
        return new EngineSettings(
                config.environment(),
                config.limits().runs(),
                config.llm().timeout(),
                config.policy().timeout(),
                config.guardrails().timeout(),
                config.policy().onError(),
                config.guardrails().onError(),
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
