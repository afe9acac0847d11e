package io.taskpilot.telemetry;

import io.micrometer.core.instrument.Counter;

/** How the news between nodes travels. Thread-safe. */
public final class SignalMetrics {
    private final Family<Counter> posted;
    private final Family<Counter> dropped;
    private final Family<Counter> reopened;

    SignalMetrics(Meters meters) {
        posted = meters.counter(Metric.SIGNALS_POSTED);
        dropped = meters.counter(Metric.SIGNALS_DROPPED);
        reopened = meters.counter(Metric.SIGNALS_REOPENED);
    }

    /** Messages to other nodes that were taken. */
    public void posted(int messages) {
        posted.of().increment(messages);
    }

    /** Signals to other nodes that were given up, which these find out by polling, and live text, which they don't. */
    public void dropped(int signals) {
        dropped.of().increment(signals);
    }

    /** The link to the other nodes broke, or could not be opened, and is tried again. */
    public void reopened() {
        reopened.of().increment();
    }
}
