package io.taskpilot.engine;

import io.taskpilot.engine.RunReader.DecisionView;
import io.vertx.core.Future;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** What of the journal is archived, and what of it may go. Futures complete on the caller's context. */
public interface Retention {
    /** How long the ready-made partitions last, in days. */
    Future<Double> headroomDays();

    /** The right to archive, which one node has at a time; null while another one has it. */
    Future<@Nullable Turn> turn();

    /**
     * The right to archive. It ends with its connection, or when nothing was asked of it for five minutes; from then on
     * everything here fails, so that nobody who lost it marks a run as archived.
     */
    interface Turn {
        /**
         * Archived runs whose events are still here, and whose trace another store has, or one that nobody knows: they
         * count as not archived from now on, so that what is dropped is in this store. Gives back how many.
         */
        Future<Integer> disown(String otherThan, int max);

        /** Runs that ended so long ago and are not archived, by id, past {@code after}. */
        Future<List<UUID>> unarchived(Duration ended, @Nullable UUID after, int max);

        /** The run's chain of decisions, from its first link. */
        Future<List<DecisionView>> decisions(UUID runId);

        /** The run's trace is in that store and was read back. */
        Future<Void> archived(UUID runId, String sha256, String store);

        /** Months that ended so long ago, oldest first, by name. Never the last month: clocks differ at its end. */
        Future<List<String>> oldMonths(Duration ended);

        /** Drops the events, artifacts and decisions of a month; false when it is not time yet or somebody reads it. */
        Future<Boolean> drop(String month);

        /** Archived runs of that age whose events are dropped, by id, past {@code after}. */
        Future<List<UUID>> expired(Duration age, @Nullable UUID after, int max);

        /** Removes all rows of a run, but for tasks that others changed meanwhile. */
        Future<Void> forget(UUID runId, Duration age);

        Future<Void> end();
    }
}
