package io.taskpilot.journal;

import io.taskpilot.engine.RunReader.Check;
import io.taskpilot.engine.RunReader.Finding;
import io.taskpilot.engine.RunReader.Progress;
import io.taskpilot.engine.RunReader.Verification;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What a verification has seen so far. */
final class Findings {
    private final List<Finding> broken = new ArrayList<>();
    private long found;
    private long chains;
    private long rows;
    private long seals;
    private long copies;
    private long unread;
    private @Nullable LocalDate sealedTo;

    void chain() {
        chains++;
    }

    void row() {
        rows++;
    }

    void seal(LocalDate day) {
        seals++;
        sealedTo = day;
    }

    void copy() {
        copies++;
    }

    void unreadCopy() {
        unread++;
    }

    /** Only so many are kept. */
    void wrong(Check check, String what) {
        found++;
        if (broken.size() < Verification.LONGEST_LIST) {
            broken.add(new Finding(check, what));
        }
    }

    Progress progress() {
        return new Progress(chains, rows, seals);
    }

    Verification verification() {
        return new Verification(progress(), sealedTo, copies, unread, found, List.copyOf(broken));
    }
}
