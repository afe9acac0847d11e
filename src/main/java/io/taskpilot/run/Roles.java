package io.taskpilot.run;

import java.util.List;

/** Roles of principals. {@value #ALL} stands for every role: what the {@code local} principal has. */
public final class Roles {
    public static final String ALL = "*";

    private Roles() {}

    /** True when {@code held} has one of {@code wanted}. */
    public static boolean anyOf(List<String> held, List<String> wanted) {
        return held.contains(ALL) || held.stream().anyMatch(wanted::contains);
    }
}
