package io.taskpilot.run;

import java.util.Locale;

/** What a control point said; {@code ERROR} is the lack of a verdict, never a denial. */
public enum DecisionResult {
    ALLOW,
    DENY,
    REQUIRE_APPROVAL,
    MODIFIED,
    ERROR;

    /** As in {@code require_approval}. */
    public String word() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** @throws IllegalArgumentException when no result has that word */
    public static DecisionResult of(String word) {
        return valueOf(word.toUpperCase(Locale.ROOT));
    }
}
