package io.taskpilot.telemetry;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;

/** Whether event loops turn. Thread-safe. */
final class LoopMetrics {
    private final Family<Timer> lag;
    private final Family<Counter> blocked;

    LoopMetrics(Meters meters) {
        lag = meters.timer(Metric.EVENT_LOOP_LAG);
        blocked = meters.counter(Metric.EVENT_LOOP_BLOCKED);
    }

    void late(Duration by) {
        lag.of().record(by);
    }

    void blocked() {
        blocked.of().increment();
    }
}
