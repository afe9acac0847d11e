package io.taskpilot.telemetry;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;

/** What readers of streams and exports get. Thread-safe. */
public final class StreamMetrics {
    private final Family<Counter> closed;
    private final Family<Counter> dropped;
    private final Family<Counter> exportsCut;
    private final Family<Timer> firstEvent;
    private final AtomicInteger sse = new AtomicInteger();
    private final AtomicInteger webSockets = new AtomicInteger();

    StreamMetrics(Meters meters) {
        closed = meters.counter(Metric.STREAM_CLOSED);
        dropped = meters.counter(Metric.STREAM_DROPPED);
        exportsCut = meters.counter(Metric.EXPORTS_CUT);
        firstEvent = meters.timer(Metric.STREAM_FIRST_EVENT);
        meters.gauge(Metric.STREAM_CONNECTIONS, sse::get, "sse");
        meters.gauge(Metric.STREAM_CONNECTIONS, webSockets::get, "websocket");
    }

    /** @param transport {@code sse} or {@code websocket} */
    public void opened(String transport) {
        open(transport).incrementAndGet();
    }

    /** @param reason complete, client_gone, slow_reader, draining or error */
    public void closed(String transport, String reason) {
        open(transport).decrementAndGet();
        closed.of(transport, reason).increment();
    }

    private AtomicInteger open(String transport) {
        return transport.equals("sse") ? sse : webSockets;
    }

    /** An export ended early, as {@code client_gone} or {@code slow_reader}. */
    public void exportCut(String reason) {
        exportsCut.of(reason).increment();
    }

    /** Events that were read for a stream and not sent, as its reader did not read. */
    public void dropped(String transport, int events) {
        dropped.of(transport, "event").increment(events);
    }

    /** A piece of live text that was not sent, as its reader had no room for it; the stream goes on. */
    public void textDropped(String transport) {
        dropped.of(transport, "text").increment();
    }

    /** @param waited from the request to the first event */
    public void firstEvent(String transport, Duration waited) {
        firstEvent.of(transport).record(waited);
    }
}
