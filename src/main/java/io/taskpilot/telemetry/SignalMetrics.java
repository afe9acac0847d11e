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

    /** Signals to other nodes that were given up, which these find out by polling. */
    public void dropped(int signals) {
        dropped.of("signal").increment(signals);
    }

    /** Pieces of live text that no other node will see. */
    public void droppedText(int pieces) {
        dropped.of("text").increment(pieces);
    }

    /** The link to the other nodes broke, or could not be opened, and is tried again. */
    public void reopened() {
        reopened.of().increment();
    }
}
