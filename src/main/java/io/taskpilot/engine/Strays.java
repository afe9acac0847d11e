package io.taskpilot.engine;

import io.taskpilot.engine.Journal.Holding;
import io.taskpilot.engine.Journal.Stray;
import io.vertx.core.Future;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Finds runs that are this node's in the database while nothing in it sees to them, after a bug or an answer that was
 * lost, and gives them back. Nobody else may have them, so they would stand for as long as the node lives. Used on one
 * context only.
 */
final class Strays {
    private static final Logger log = LoggerFactory.getLogger(Strays.class);
    private static final Duration PATIENCE = Duration.ofSeconds(10);
    private static final int MOST = 100;

    /** The number of no claim. */
    static final long NO_CLAIM = 0;

    /**
     * When it was seen first.
     *
     * @param claim was under way then, so its answer may tell of the run yet
     */
    private record Sighting(Instant at, long claim) {}

    private final Journal journal;
    private final Drivers drivers;
    private final RunMetrics metrics;
    private Map<Holding, Sighting> seen = Map.of();

    Strays(Journal journal, Drivers drivers, RunMetrics metrics) {
        this.journal = journal;
        this.drivers = drivers;
        this.metrics = metrics;
    }

    /** @param claim the number of the claim that is under way, or {@link #NO_CLAIM} */
    Future<?> look(LongSupplier claim) {
        return journal.strays(drivers.held(), MOST).onSuccess(strays -> judge(strays, claim.getAsLong()));
    }

    private void judge(List<Stray> strays, long claim) {
        var still = new HashMap<Holding, Sighting>();
        var stuck = 0;
        for (var stray : strays) {
            var run = stray.holding();
            if (drivers.holds(run)) {
                continue; // it came while the question was under way
            }
            var first = seen.get(run);
            if (first == null) {
                still.put(run, new Sighting(stray.at(), claim));
                continue;
            }
            stuck++;
            var mayBeTold = claim != NO_CLAIM && claim == first.claim();
            if (mayBeTold || Duration.between(first.at(), stray.at()).compareTo(PATIENCE) <= 0) {
                still.put(run, first);
            } else {
                log.error(
                        "run of this node that nothing drives is given back run_id={} fence={}",
                        run.runId(),
                        run.fence());
                metrics.handedBack();
                drivers.handBack(run.runId(), run.fence());
            }
        }
        seen = still;
        metrics.stuck(stuck);
    }
}
