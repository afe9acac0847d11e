package io.taskpilot.telemetry;

import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.metrics.InstrumentType;
import io.opentelemetry.sdk.metrics.data.AggregationTemporality;
import io.opentelemetry.sdk.metrics.export.CollectionRegistration;
import io.opentelemetry.sdk.metrics.export.MetricReader;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import java.util.Collection;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Counts the spans that nobody will see: those for which the queue had no room, and those that no collector took. The
 * first is known to the SDK's span processor alone, which tells it as a metric of its own. Thread-safe.
 */
final class SpanLoss implements MetricReader {
    private static final String PROCESSED = "processedSpans";
    private static final AttributeKey<Boolean> DROPPED = AttributeKey.booleanKey("dropped");

    private final AtomicLong refused = new AtomicLong();
    private volatile CollectionRegistration metrics = CollectionRegistration.noop();

    /** Spans that were dropped as the queue was full. */
    double queueFull() {
        return metrics.collectAllMetrics().stream()
                .filter(metric -> metric.getName().equals(PROCESSED))
                .flatMap(metric -> metric.getLongSumData().getPoints().stream())
                .filter(point -> Boolean.TRUE.equals(point.getAttributes().get(DROPPED)))
                .mapToLong(point -> point.getValue())
                .sum();
    }

    /** Spans that were sent, and not taken. */
    double notTaken() {
        return refused.get();
    }

    SpanExporter counted(SpanExporter exporter) {
        return new SpanExporter() {
            @Override
            public CompletableResultCode export(Collection<SpanData> spans) {
                var result = exporter.export(spans);
                return result.whenComplete(() -> {
                    if (!result.isSuccess()) {
                        refused.addAndGet(spans.size());
                    }
                });
            }

            @Override
            public CompletableResultCode flush() {
                return exporter.flush();
            }

            @Override
            public CompletableResultCode shutdown() {
                return exporter.shutdown();
            }

            @Override
            public String toString() {
                return exporter.toString();
            }
        };
    }

    @Override
    public void register(CollectionRegistration registration) {
        metrics = registration;
    }

    @Override
    public AggregationTemporality getAggregationTemporality(InstrumentType instrumentType) {
        return AggregationTemporality.CUMULATIVE;
    }

    @Override
    public CompletableResultCode forceFlush() {
        return CompletableResultCode.ofSuccess();
    }

    @Override
    public CompletableResultCode shutdown() {
        return CompletableResultCode.ofSuccess();
    }
}
