package io.taskpilot.gateway;

import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What a key may do. {@code ADMIN} may do everything. */
enum Scope {
    RUNS_WRITE,
    RUNS_READ,
    APPROVALS_DECIDE,
    DECISIONS_READ,
    POLICY_EVALUATE,
    ADMIN;

    static final Set<Scope> ALL = EnumSet.allOf(Scope.class);

    /** As in {@code runs:write}. */
    String word() {
        return name().toLowerCase(Locale.ROOT).replace('_', ':');
    }

    static @Nullable Scope of(String word) {
        return Arrays.stream(values())
                .filter(scope -> scope.word().equals(word))
                .findFirst()
                .orElse(null);
    }

    static List<String> words() {
        return Arrays.stream(values()).map(Scope::word).toList();
    }
}
