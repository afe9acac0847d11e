package io.taskpilot.run;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/**
 * What a client asked for, and who asked.
 *
 * @param principal id of the key that submitted, or {@code local}
 * @param timeout accepted to terminal, time parked in an approval excluded
 * @param requireApproval every tool call of this run needs an approval
 */
public record RunRequest(
        UUID runId,
        String tenant,
        String principal,
        List<String> roles,
        String requestId,
        String input,
        Map<String, String> metadata,
        Duration timeout,
        boolean requireApproval) {

    public RunRequest {
        roles = List.copyOf(roles);
        metadata = Map.copyOf(metadata);
    }
}
