package io.taskpilot.gateway;

import io.taskpilot.run.PolicyVerdict;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * What policy said of who may call what, for a second. A verdict of another revision ends what was known, and so does
 * {@link #forget}. Safe to share between event loops.
 */
final class RecentVerdicts {
    static final Duration LIFE = Duration.ofSeconds(1);
    private static final int MOST = 10_000;

    /** All that the policy is told, but what never changes in a process. */
    record Question(Operation operation, Caller caller) {}

    private record Kept(PolicyVerdict verdict, long at) {}

    private final LongSupplier nanos;
    private final Map<Question, Kept> kept = new ConcurrentHashMap<>();
    private volatile String revision = "";
    private volatile long epoch;

    /** @param nanos the monotonic clock, as {@link System#nanoTime} */
    RecentVerdicts(LongSupplier nanos) {
        this.nanos = nanos;
    }

    @Nullable
    PolicyVerdict get(Question question) {
        var found = kept.get(question);
        return found == null || nanos.getAsLong() - found.at > LIFE.toNanos() ? null : found.verdict;
    }

    /** To be given to {@link #put} with the verdict on a question that is asked now. */
    long epoch() {
        return epoch;
    }

    /** Does nothing when {@link #forget} was called since {@code asked}. */
    synchronized void put(Question question, PolicyVerdict verdict, long asked) {
        if (asked != epoch) {
            return;
        }
        if (!verdict.revision().equals(revision) || kept.size() >= MOST) {
            kept.clear();
            revision = verdict.revision();
        }
        kept.put(question, new Kept(verdict, nanos.getAsLong()));
    }

    /** Nothing known so far counts any more. */
    synchronized void forget() {
        epoch++;
        kept.clear();
    }
}
