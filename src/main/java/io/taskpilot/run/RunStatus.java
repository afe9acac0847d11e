package io.taskpilot.run;

import static java.util.Map.entry;

import java.util.EnumSet;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/** Where a run stands. The words are those of the API, of the {@code outcome} label and of the runs table. */
public enum RunStatus {
    QUEUED,
    RUNNING,
    AWAITING_APPROVAL,
    SUCCEEDED,
    REJECTED,
    BLOCKED,
    FAILED,
    TIMED_OUT,
    CANCELLED;

    private static final Set<RunStatus> TERMINAL = EnumSet.range(SUCCEEDED, CANCELLED);

    private static final Map<RunStatus, Set<RunStatus>> TABLE = Map.ofEntries(
            entry(QUEUED, unsuccessfulOr(RUNNING)),
            entry(RUNNING, EnumSet.range(AWAITING_APPROVAL, CANCELLED)),
            entry(AWAITING_APPROVAL, unsuccessfulOr(RUNNING)));

    /** Only a run that is running can succeed; it can end badly at any time. */
    private static Set<RunStatus> unsuccessfulOr(RunStatus other) {
        var next = EnumSet.range(REJECTED, CANCELLED);
        next.add(other);
        return next;
    }

    /** The statuses this one may change to; empty for a terminal one. */
    public Set<RunStatus> next() {
        return TABLE.getOrDefault(this, Set.of());
    }

    public boolean isTerminal() {
        return TERMINAL.contains(this);
    }

    /** The word on the wire, as in {@code awaiting_approval}. */
    public String word() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** @throws IllegalArgumentException when no status has that word */
    public static RunStatus of(String word) {
        return valueOf(word.toUpperCase(Locale.ROOT));
    }
}
