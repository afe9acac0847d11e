package io.taskpilot.run;

import java.util.Locale;

/** Which control point decided. */
public enum DecisionType {
    TOOL_CALL,
    GUARDRAILS_INPUT,
    GUARDRAILS_OUTPUT,
    HUMAN_APPROVAL,
    INGRESS;

    /** As in {@code tool_call}. */
    public String word() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** @throws IllegalArgumentException when no type has that word */
    public static DecisionType of(String word) {
        return valueOf(word.toUpperCase(Locale.ROOT));
    }
}
