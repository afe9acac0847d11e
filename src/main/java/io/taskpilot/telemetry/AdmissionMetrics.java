package io.taskpilot.telemetry;

import io.micrometer.core.instrument.Counter;
import java.util.function.Supplier;

/** Who is let in, and what there is room for. Thread-safe. */
public final class AdmissionMetrics {
    private final Meters meters;
    private final Family<Counter> rejected;

    AdmissionMetrics(Meters meters) {
        this.meters = meters;
        rejected = meters.counter(Metric.ADMISSION_REJECTED);
    }

    /** @param reason overload, rate_limit, budget or draining */
    public void rejected(String reason) {
        rejected.of(reason).increment();
    }

    /**
     * @param depth accepted runs that wait for a node, as far as this one knows, read at every scrape
     * @param most how many may
     */
    public void queue(Supplier<Number> depth, int most) {
        meters.gauge(Metric.ADMISSION_QUEUE_DEPTH, depth);
        meters.gauge(Metric.ADMISSION_QUEUE_LIMIT, () -> most);
    }

    /**
     * @param inFlight runs this node drives, read at every scrape
     * @param most how many it may
     */
    public void driven(Supplier<Number> inFlight, int most) {
        meters.gauge(Metric.ADMISSION_IN_FLIGHT, inFlight);
        meters.gauge(Metric.ADMISSION_LIMIT, () -> most);
    }
}
