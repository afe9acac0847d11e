package io.taskpilot.chaos;

import io.taskpilot.chaos.Fault.Kind;
import io.taskpilot.chaos.Takeovers.Takeover;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Predicate;

/** What a storm showed, in words and numbers. */
final class Report {
    private final Storm storm;
    private final Invariants invariants;
    private final List<Takeover> takeovers;
    private final int runs;
    private final int stuck;
    private final long reconnects;
    private final int effects;
    private final int effectsUnseen;
    private final int unmeasured;

    Report(
            Storm storm,
            Invariants invariants,
            List<Takeover> takeovers,
            int runs,
            int stuck,
            long reconnects,
            int effects,
            int effectsUnseen,
            int unmeasured) {
        this.storm = storm;
        this.invariants = invariants;
        this.takeovers = takeovers;
        this.runs = runs;
        this.stuck = stuck;
        this.reconnects = reconnects;
        this.effects = effects;
        this.effectsUnseen = effectsUnseen;
        this.unmeasured = unmeasured;
    }

    /** @param command that made it, and can be repeated */
    String markdown(long seed, Duration length, String command) {
        var text = new StringBuilder("""
                <!-- Generated: %s -->
                # Reliability

                Three server processes on one PostgreSQL and one Redis, under load, while all of them are killed, stopped, drained
                and restarted at seeded moments and at named points of their work. What must hold is checked from the outside:
                by what clients saw, by what the receiver of the webhooks got, and by what is in the database.

                Storm of %d s, seed `%d`, on %d cores (%s %s, Java %s).

                | fault | times |
                |---|---|
                """.formatted(
                        command,
                        length.toSeconds(),
                        seed,
                        Runtime.getRuntime().availableProcessors(),
                        System.getProperty("os.name"),
                        System.getProperty("os.arch"),
                        Runtime.version().feature()));
        for (var kind : Kind.values()) {
            text.append("| %s | %d |%n".formatted(kind.words(), storm.count(kind)));
        }
        text.append("""

                | checked | |
                |---|---|
                | runs accepted | %d |
                | events, each seen by two watchers | %d |
                | reconnects of watchers | %d |
                | webhooks received | %d |
                | of these while PostgreSQL was away, and so judged at the end alone | %d |
                | kills and SIGTERMs while PostgreSQL was away, and so without a time below | %d |
                | lost | %d |
                | doubled | %d |
                | stuck | %d |

                | take-over | runs | p50 | p99 | longest | goal |
                |---|---|---|---|---|---|
                """.formatted(
                        runs,
                        invariants.events(),
                        reconnects,
                        effects,
                        effectsUnseen,
                        unmeasured,
                        invariants.lost(),
                        invariants.doubled(),
                        stuck));
        row(
                text,
                "after `kill -9`",
                "p99 < %d s".formatted(Takeovers.AFTER_KILL.toSeconds()),
                each -> !each.drained() && each.undisturbed());
        row(text, "after `kill -9`, with other faults meanwhile", "", each -> !each.drained() && !each.undisturbed());
        row(
                text,
                "after SIGTERM",
                "p99 < %d s".formatted(Takeovers.AFTER_SIGTERM.toSeconds()),
                each -> each.drained() && each.undisturbed());
        row(text, "after SIGTERM, with other faults meanwhile", "", each -> each.drained() && !each.undisturbed());
        return text.append("""

                A take-over is the time from the kill, or the SIGTERM, until another node has taken the run up and said so in its
                events. "Other faults meanwhile": PostgreSQL was away, or no other node had been up for a whole lease term.
                """).toString();
    }

    private void row(StringBuilder text, String name, String goal, Predicate<Takeover> which) {
        var times = new ArrayList<>(
                takeovers.stream().filter(which).map(Takeover::took).sorted().toList());
        if (times.isEmpty()) {
            text.append("| %s | 0 | | | | %s |%n".formatted(name, goal));
            return;
        }
        text.append("| %s | %d | %s | %s | %s | %s |%n"
                .formatted(name, times.size(), quantile(times, 0.5), quantile(times, 0.99), quantile(times, 1), goal));
    }

    private static String quantile(List<Duration> sorted, double share) {
        return String.format(
                Locale.ROOT, "%.2f s", Takeovers.quantile(sorted, share).toMillis() / 1e3);
    }
}
