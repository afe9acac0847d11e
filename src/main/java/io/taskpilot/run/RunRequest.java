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
 * @param traceparent where in a trace it was asked for, as W3C has it; empty when there is none
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
        boolean requireApproval,
        String traceparent) {
    private static final int TRACE_ID_BEGIN = 3; // after the version
    private static final int TRACE_ID_END = 35;

    public RunRequest {
        roles = List.copyOf(roles);
        metadata = Map.copyOf(metadata);
    }

    /** One that belongs to no trace. */
    public RunRequest(
            UUID runId,
            String tenant,
            String principal,
            List<String> roles,
            String requestId,
            String input,
            Map<String, String> metadata,
            Duration timeout,
            boolean requireApproval) {
        this(runId, tenant, principal, roles, requestId, input, metadata, timeout, requireApproval, "");
    }

    /** Of the trace, 32 hex digits; empty when there is none. */
    public String traceId() {
        return traceparent.length() < TRACE_ID_END ? "" : traceparent.substring(TRACE_ID_BEGIN, TRACE_ID_END);
    }
}
