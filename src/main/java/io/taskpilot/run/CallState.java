package io.taskpilot.run;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One tool call, as far as the journal knows it.
 *
 * @param verdict policy's last word on it
 * @param started set once its effect may have begun
 * @param answer of the person who was asked
 * @param result what the tool, or a person with {@code mark_done}, says it returned
 * @param error the result is an error that the agent is told
 */
public record CallState(
        ToolCall call,
        Stage stage,
        @Nullable PolicyVerdict verdict,
        RunEvent.@Nullable ToolStarted started,
        RunEvent.@Nullable ApprovalDecided answer,
        @Nullable Object result,
        boolean error) {

    /** How far the call is. */
    public enum Stage {
        /** An agent asked for it; policy has not spoken. */
        PROPOSED,
        /** Policy wants a person; nobody was asked yet. */
        HELD,
        /** A person is asked. */
        ASKED,
        /** A person gave it other arguments; no rail has seen them. */
        EDITED,
        /** The rails on what people say let its new arguments pass; those on what agents say have not seen them. */
        READ,
        /** A person said yes; policy is asked again. */
        GRANTED,
        /** Its effect may have begun, and this owner waits for the answer. */
        STARTED,
        /** Another owner started it, and never wrote down how it ended. */
        IN_DOUBT,
        /** It ended without a complete answer, and may not be repeated. */
        UNKNOWN,
        /** It returned; the result is not checked yet. */
        RETURNED,
        /** It returned and the agent may see the result. */
        SETTLED,
        /** Policy said no, and the agent is told. */
        REFUSED
    }

    static CallState proposed(ToolCall call) {
        return new CallState(call, Stage.PROPOSED, null, null, null, null, false);
    }

    /** True when nothing is left to do for it. */
    public boolean isClosed() {
        return stage == Stage.SETTLED || stage == Stage.REFUSED;
    }

    /** True when its effect may or may not have happened, should the run end now. */
    boolean isUnsettled() {
        return stage == Stage.UNKNOWN
                || (started != null && started.external() && stage != Stage.RETURNED && stage != Stage.SETTLED);
    }

    /** True between the start and the answer. */
    boolean isUnanswered() {
        return stage == Stage.STARTED || stage == Stage.IN_DOUBT;
    }

    CallState at(Stage next) {
        return new CallState(call, next, verdict, started, answer, result, error);
    }

    CallState decided(PolicyVerdict said) {
        var next = switch (said.result()) {
            case REQUIRE_APPROVAL -> Stage.HELD;
            case DENY, ERROR -> Stage.REFUSED;
            case ALLOW, MODIFIED -> stage; // tool.started follows in the same append
        };
        return new CallState(call, next, said, started, answer, result, error);
    }

    /** @throws IllegalStateException without policy's allow, or when it may already be under way */
    CallState started(RunEvent.ToolStarted event) {
        var mayStart = stage == Stage.PROPOSED || stage == Stage.GRANTED || stage == Stage.IN_DOUBT;
        if (!mayStart || verdict == null || verdict.result() != DecisionResult.ALLOW) {
            throw new IllegalStateException("%s must not start: %s, %s".formatted(call.id(), stage, verdict));
        }
        return new CallState(call, Stage.STARTED, verdict, event, answer, result, error);
    }

    CallState answered(RunEvent.ApprovalDecided event) {
        var next = switch (event.answer()) {
            case APPROVE, RETRY -> Stage.GRANTED;
            case EDIT -> Stage.EDITED;
            case MARK_DONE -> Stage.RETURNED;
            case REJECT, ABORT, EXPIRED, CONTINUE -> stage;
        };
        return new CallState(edited(event.arguments()), next, verdict, started, event, event.result(), false);
    }

    private ToolCall edited(@Nullable Map<String, Object> arguments) {
        return arguments == null ? call : call.with(arguments);
    }

    CallState returned(RunEvent.ToolCompleted event) {
        return new CallState(call, Stage.RETURNED, verdict, started, answer, event.result(), event.error());
    }

    /** A rail let its new arguments, or its result, pass. */
    CallState checked(RailPhase phase, @Nullable String modified) {
        if (phase == RailPhase.TOOL_RESULT) {
            return new CallState(
                    call, Stage.SETTLED, verdict, started, answer, modified == null ? result : modified, error);
        }
        if (modified != null) {
            throw new IllegalStateException("%s would run with what its rail did not see".formatted(call.id()));
        }
        return at(phase == RailPhase.INPUT ? Stage.READ : Stage.GRANTED);
    }

    /** True when the person who answered holds one of the roles that policy asks for. */
    boolean isGrantedFor(List<String> roles) {
        return answer != null
                && answer.answer().decision() != DecisionResult.DENY
                && (roles.isEmpty() || Roles.anyOf(answer.roles(), roles));
    }
}
