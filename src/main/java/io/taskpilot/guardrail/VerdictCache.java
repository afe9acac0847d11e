package io.taskpilot.guardrail;

import io.taskpilot.engine.Guardrails.Verdict;
import io.taskpilot.run.CanonicalJson;
import io.taskpilot.run.RailPhase;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Verdicts of rails that say the same of the same text every time, the least recently used dropped first. Holds digests,
 * no text. Safe to share between event loops.
 */
final class VerdictCache {
    private static final float LOAD = 0.75f;

    /** Not Entry: a subclass of a map has one already, and a JDK 25 takes that. */
    private record Kept(Verdict verdict, long epoch, long at) {}

    private final long lifeNanos;
    private final LongSupplier nanos;
    private final Map<String, Kept> entries;
    private long epoch;

    VerdictCache(int most, Duration life, LongSupplier nanos) {
        this.lifeNanos = life.toNanos();
        this.nanos = nanos;
        entries = new LinkedHashMap<>(16, LOAD, true) {
            private static final long serialVersionUID = 1L;

            @Override
            protected boolean removeEldestEntry(Map.Entry<String, Kept> eldest) {
                return size() > most;
            }
        };
    }

    /** The results of tools meet the rails of the input, so they share their verdicts. */
    static String key(RailPhase phase, String text) {
        return (phase == RailPhase.OUTPUT ? "output " : "input ") + CanonicalJson.sha256Text(text);
    }

    synchronized @Nullable Verdict get(String key) {
        var entry = entries.get(key);
        if (entry == null || entry.epoch != epoch || nanos.getAsLong() - entry.at > lifeNanos) {
            return null;
        }
        return entry.verdict;
    }

    /** To be given to {@link #put} with a verdict that is asked for now. */
    synchronized long epoch() {
        return epoch;
    }

    /** Does nothing when {@link #forget} was called since {@code asked}. */
    synchronized void put(String key, Verdict verdict, long asked) {
        if (asked == epoch) {
            entries.put(key, new Kept(verdict, epoch, nanos.getAsLong()));
        }
    }

    /** Nothing known so far counts any more. */
    synchronized void forget() {
        epoch++;
        entries.clear();
    }
}
