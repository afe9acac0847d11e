package io.taskpilot.run;

import java.util.Map;

/**
 * Policy's answer on one call, before the workflow's own rules are laid over it.
 *
 * @param start what to journal if the call may begin
 */
public record Ruling(
        ToolCall call,
        PolicyVerdict verdict,
        Map<String, Object> input,
        String inputSha256,
        double latencyMs,
        RunEvent.ToolStarted start) {}
