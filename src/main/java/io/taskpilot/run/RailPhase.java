package io.taskpilot.run;

import java.util.Locale;

/** Which text a guardrail looks at. */
public enum RailPhase {
    INPUT,
    OUTPUT,
    TOOL_RESULT;

    /** As in {@code tool_result}. */
    public String word() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** @throws IllegalArgumentException when no phase has that word */
    public static RailPhase of(String word) {
        return valueOf(word.toUpperCase(Locale.ROOT));
    }
}
