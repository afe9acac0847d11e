package io.taskpilot.telemetry;

import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.StatusCode;
import io.taskpilot.resilience.Failure;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** A span that has begun. Neither a message nor a stack trace of a failure gets into it: they may quote anything. */
public final class OpenSpan {
    private final Span span;
    private final Trace here;

    OpenSpan(Span span, Trace here) {
        this.span = span;
        this.here = here;
    }

    /** Where what belongs under it begins. */
    public Trace here() {
        return here;
    }

    /** For what is known only once it has begun. */
    public OpenSpan named(String name) {
        span.updateName(name);
        return this;
    }

    /** Texts that are empty are left out. */
    public <T> OpenSpan set(AttributeKey<T> key, T value) {
        if (!"".equals(value)) {
            span.setAttribute(key, value);
        }
        return this;
    }

    /** @param type of a closed set, as a failure's slug */
    public OpenSpan failed(String type) {
        span.setAttribute(Spans.ERROR_TYPE, type);
        span.setStatus(StatusCode.ERROR);
        return this;
    }

    public void end() {
        span.end();
    }

    public void end(Instant at) {
        span.end(at);
    }

    /** @param cause null when all went well */
    void end(@Nullable Throwable cause) {
        if (cause != null) {
            failed(type(cause));
        }
        span.end();
    }

    /** What a failure counts as. */
    public static String type(Throwable cause) {
        return cause instanceof Failure failure
                ? failure.slug()
                : cause.getClass().getName();
    }
}
