package io.taskpilot.telemetry;

import io.opentelemetry.api.trace.Span;
import io.prometheus.metrics.tracer.common.SpanContext;
import org.jspecify.annotations.Nullable;

/**
 * The span of the Vert.x context that records a metric: what an exemplar points at. On a run's context that is the run's
 * own {@code invoke_workflow}, on a request's that of the request; elsewhere there is none.
 */
public final class CurrentSpan implements SpanContext {

    @Override
    public @Nullable String getCurrentTraceId() {
        var span = current();
        return span.isValid() ? span.getTraceId() : null;
    }

    @Override
    public @Nullable String getCurrentSpanId() {
        var span = current();
        return span.isValid() ? span.getSpanId() : null;
    }

    /** Only what is exported can be looked at. */
    @Override
    public boolean isCurrentSpanSampled() {
        return current().isSampled();
    }

    @Override
    public void markCurrentSpanAsExemplar() {}

    private static io.opentelemetry.api.trace.SpanContext current() {
        return Span.current().getSpanContext();
    }
}
