package io.taskpilot.run;

import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * One thing that happened to a run. The list of them is the run: everything else is folded from it. Names and fields on
 * the wire are in {@link EventCodec}.
 */
public sealed interface RunEvent {

    /** Always the first. */
    record Accepted(RunRequest request) implements RunEvent {}

    /** A node took the run for the first time. */
    record Started() implements RunEvent {}

    /**
     * A node took the run again.
     *
     * @param cause {@code node_dead}, {@code released} (a drain), {@code answered} (an approval), or {@link #RESTORED}:
     *     no node took it yet, and its database is from a backup
     */
    record Resumed(String cause) implements RunEvent {
        public static final String RESTORED = "restored";

        boolean isRestore() {
            return cause.equals(RESTORED);
        }
    }

    /**
     * A guardrail's verdict on one text.
     *
     * @param result {@code ALLOW}, {@code DENY}, {@code MODIFIED} or {@code ERROR}
     * @param rail the rail that spoke; empty when all passed
     * @param agent whose answer was checked; null for the request and for tool results
     * @param callId the call whose result was checked
     * @param text the modified text, when the result is {@code MODIFIED}
     * @param waived an {@code ERROR} that {@code guardrails.onError: allow} lets pass
     */
    record GuardrailChecked(
            RailPhase phase,
            DecisionResult result,
            String rail,
            String reason,
            @Nullable Agent agent,
            @Nullable String callId,
            @Nullable String text,
            boolean waived,
            String inputSha256,
            double latencyMs)
            implements RunEvent {

        public boolean passed() {
            return switch (result) {
                case ALLOW, MODIFIED -> true;
                case ERROR -> waived;
                case DENY, REQUIRE_APPROVAL -> false;
            };
        }
    }

    /** A model call begins. Turns count from 1 for each agent. */
    record AgentStarted(Agent agent, int turn) implements RunEvent {}

    /** A model call ended with a whole answer. */
    record AgentCompleted(Agent agent, int turn, AgentAnswer answer, Usage usage, String provider, String model)
            implements RunEvent {}

    /** The planner's proposal, as a task that is pending. */
    record TaskProposed(UUID taskId, TaskProposal task) implements RunEvent {}

    /** The reviewer's verdict on the proposal. */
    record ReviewCompleted(ReviewVerdict verdict) implements RunEvent {}

    /**
     * Policy's verdict on one tool call.
     *
     * @param input the whole input policy saw, for back-tests
     */
    record PolicyDecided(
            ToolCall call, PolicyVerdict verdict, Map<String, Object> input, String inputSha256, double latencyMs)
            implements RunEvent {}

    /**
     * The run waits for a person; nobody owns it meanwhile.
     *
     * @param call what would run, exactly; for a review, {@code create_task} with the proposal
     * @param roles who may answer: any one of them
     */
    record ApprovalRequested(
            UUID approvalId,
            ApprovalKind kind,
            ToolCall call,
            String digest,
            String rule,
            String reason,
            String policyRevision,
            List<String> roles,
            Instant expiresAt)
            implements RunEvent {
        public ApprovalRequested {
            roles = List.copyOf(roles);
        }
    }

    /**
     * A person answered, or nobody did in time.
     *
     * @param by id of the key that answered; {@code keeper} for an expiry
     * @param result for {@code MARK_DONE}: what the call is said to have returned
     * @param arguments for {@code EDIT}: what the call is to run with instead
     * @param traceparent where in a trace it was answered, as W3C has it; empty when there is none
     */
    record ApprovalDecided(
            UUID approvalId,
            ApprovalAnswer answer,
            String by,
            List<String> roles,
            String reason,
            @Nullable Object result,
            @Nullable Map<String, Object> arguments,
            String traceparent)
            implements RunEvent {
        public ApprovalDecided {
            roles = List.copyOf(roles);
        }

        /** One that belongs to no trace. */
        public ApprovalDecided(
                UUID approvalId,
                ApprovalAnswer answer,
                String by,
                List<String> roles,
                String reason,
                @Nullable Object result,
                @Nullable Map<String, Object> arguments) {
            this(approvalId, answer, by, roles, reason, result, arguments, "");
        }

        /** An answer that leaves the call as it is. */
        public ApprovalDecided(
                UUID approvalId,
                ApprovalAnswer answer,
                String by,
                List<String> roles,
                String reason,
                @Nullable Object result) {
            this(approvalId, answer, by, roles, reason, result, null);
        }
    }

    /**
     * A call's effect may begin: it is in the append of the {@code allow} that lets it.
     *
     * @param deadline the call is aborted then; nobody repeats or reports it before this plus 5 s
     * @param external the effect is outside PostgreSQL, so a call without an answer has an unknown outcome
     * @param repeatable a call without an answer may be sent again with the same key
     */
    record ToolStarted(String callId, String tool, String key, Instant deadline, boolean external, boolean repeatable)
            implements RunEvent {}

    /**
     * A call has its complete answer.
     *
     * @param error the tool said no, or the call was malformed; the agent is told
     * @param result a JSON value
     * @param attempts to reach a receiver outside, by the node that had the answer
     */
    record ToolCompleted(
            String callId,
            String tool,
            boolean error,
            @Nullable Object result,
            List<TaskChange> changes,
            List<Attempt> attempts)
            implements RunEvent {
        public ToolCompleted {
            changes = List.copyOf(changes);
            attempts = List.copyOf(attempts);
        }

        /** Of a call that went nowhere outside. */
        public ToolCompleted(
                String callId, String tool, boolean error, @Nullable Object result, List<TaskChange> changes) {
            this(callId, tool, error, result, changes, List.of());
        }
    }

    /**
     * A started call ended without a complete answer, and may not be repeated.
     *
     * @param attempts to reach a receiver outside; none are known when the node that made them stopped
     */
    record ToolOutcomeUnknown(String callId, String tool, String cause, List<Attempt> attempts) implements RunEvent {
        public ToolOutcomeUnknown {
            attempts = List.copyOf(attempts);
        }

        /** Nothing is known of how it went. */
        public ToolOutcomeUnknown(String callId, String tool, String cause) {
            this(callId, tool, cause, List.of());
        }
    }

    /**
     * The one terminal event.
     *
     * @param problem null when the run succeeded
     * @param unsettled calls whose effect may or may not have happened
     */
    record Ended(
            RunStatus status,
            @Nullable RunOutput output,
            @Nullable Problem problem,
            List<String> unsettled) implements RunEvent {
        public Ended {
            unsettled = List.copyOf(unsettled);
        }
    }
}
