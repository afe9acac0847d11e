package io.taskpilot.telemetry;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;

/** How the journal, the archive, the seals and the backups do. Thread-safe. */
public final class StoreMetrics {
    private final Meters meters;
    private final Family<Timer> commit;
    private final Family<DistributionSummary> batch;
    private final Family<Counter> traces;
    private final Family<Counter> seals;
    private final AtomicLong copiesPending = new AtomicLong();

    StoreMetrics(Meters meters) {
        this.meters = meters;
        commit = meters.timer(Metric.JOURNAL_COMMIT);
        batch = meters.summary(Metric.JOURNAL_BATCH);
        traces = meters.counter(Metric.TRACE_OBJECTS);
        seals = meters.counter(Metric.SEALS);
    }

    /** One batch of the journal's writer. */
    public void committed(int rows, Duration took) {
        commit.of().record(took);
        batch.of().record(rows);
    }

    /** @param appends that wait for their commit, read at every scrape */
    public void pending(Supplier<Number> appends) {
        meters.gauge(Metric.JOURNAL_PENDING, appends);
    }

    /** @param outcome archived, failed, corrupt or expired */
    public void trace(String outcome) {
        traces.of(outcome).increment();
    }

    /** @param days until the last ready-made partition ends, not a number until it is known; read at every scrape */
    public void partitionHeadroom(Supplier<Number> days) {
        meters.gauge(Metric.PARTITION_HEADROOM, days);
    }

    /**
     * @param seconds since the end of the last day of the decision log that has a seal, not a number while that is not
     *     known; read at every scrape
     */
    public void sealAge(Supplier<Number> seconds) {
        meters.gauge(Metric.SEAL_AGE, seconds);
        meters.gauge(Metric.SEAL_COPIES_PENDING, copiesPending::get);
    }

    /** @param count of seals that the object store does not have yet */
    public void sealCopiesPending(long count) {
        copiesPending.set(count);
    }

    /** @param outcome sealed, copied, failed, or conflict: the store has another seal of that day */
    public void seal(String outcome) {
        seals.of(outcome).increment();
    }

    /** @param epochSeconds of the last backup, 0 when there was none, not a number until it is known */
    public void lastBackup(Supplier<Number> epochSeconds) {
        meters.gauge(Metric.BACKUP_LAST_SUCCESS, epochSeconds);
    }
}
