package io.taskpilot.telemetry;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;
import java.util.function.Supplier;

/** How long people are waited for. Thread-safe. */
public final class ApprovalMetrics {
    private final Meters meters;
    private final Family<Timer> wait;
    private final Family<Counter> announcements;

    ApprovalMetrics(Meters meters) {
        this.meters = meters;
        wait = meters.timer(Metric.APPROVAL_WAIT);
        announcements = meters.counter(Metric.APPROVAL_ANNOUNCEMENTS);
    }

    /**
     * Both are read at every scrape.
     *
     * @param pending approvals without an answer, over all nodes
     * @param oldestSeconds for how long the oldest of them has waited, 0 when there is none
     */
    public void waiting(Supplier<Number> pending, Supplier<Number> oldestSeconds) {
        meters.gauge(Metric.APPROVALS_PENDING, pending);
        meters.gauge(Metric.APPROVAL_OLDEST, oldestSeconds);
    }

    /** @param waited from the request for an approval to its answer */
    public void answered(Duration waited) {
        wait.of().record(waited);
    }

    /** @param outcome {@code delivered} or {@code failed} */
    public void announced(String outcome) {
        announcements.of(outcome).increment();
    }
}
