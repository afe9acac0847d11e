package io.taskpilot.telemetry;

import io.opentelemetry.api.baggage.Baggage;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanBuilder;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.TraceFlags;
import io.opentelemetry.api.trace.TraceState;
import io.opentelemetry.context.Context;
import io.taskpilot.telemetry.Spans.Plan;
import io.vertx.core.Future;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.util.HexFormat;
import java.util.List;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A place in a trace: what begins here is a child of its span, and requests that are sent from here carry it. It is
 * handed on, and not looked up, as many runs take turns on a thread. Immutable; safe to share.
 */
public final class Trace {
    /** No trace, and none begins here. */
    public static final Trace NONE = new Trace(null, Context.root());

    private static final int SPAN_ID_BYTES = 8;

    private final @Nullable Tracing tracing;
    private final Context context;

    Trace(@Nullable Tracing tracing, Context context) {
        this.tracing = tracing;
        this.context = context;
    }

    /** Under the span of the request that is being answered on the caller's Vert.x context; nowhere without one. */
    public Trace current() {
        var context = Context.current();
        return tracing == null || Span.fromContextOrNull(context) == null ? NONE : new Trace(tracing, context);
    }

    /** The span here, which somebody else began and ends, to tell more of it. */
    public OpenSpan span() {
        return new OpenSpan(Span.fromContext(context), this);
    }

    /**
     * The span of {@code traceparent}, whoever has it; nowhere when the text is empty or malformed.
     *
     * @param traceparent as W3C has it
     */
    public Trace of(String traceparent) {
        var parent = Traceparent.parse(traceparent);
        return tracing == null || parent == null
                ? NONE
                : new Trace(tracing, Context.root().with(Span.wrap(parent)));
    }

    /**
     * A span of this trace that somebody else begins and ends, maybe another process.
     *
     * @param spanId 16 hex digits
     * @param requestId goes along as baggage
     */
    public Trace within(String spanId, String requestId) {
        var mine = spanContext();
        if (tracing == null || !mine.isValid()) {
            return NONE;
        }
        var span = SpanContext.create(mine.getTraceId(), spanId, mine.getTraceFlags(), TraceState.getDefault());
        var baggage = Baggage.builder().put("taskpilot.request_id", requestId).build();
        return new Trace(tracing, Context.root().with(Span.wrap(span)).with(baggage));
    }

    /** An id for {@link #within} that follows from a text: whoever knows the text knows the id. */
    public static String spanId(String text) {
        try {
            var hash = MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(hash, 0, SPAN_ID_BYTES);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JVM has SHA-256", e);
        }
    }

    /** Of the span here, as 32 hex digits; empty when there is none. */
    public String traceId() {
        return spanContext().isValid() ? spanContext().getTraceId() : "";
    }

    /** Of the span here, as 16 hex digits; empty when there is none. */
    public String spanId() {
        return spanContext().isValid() ? spanContext().getSpanId() : "";
    }

    /** As W3C has it; empty when there is no trace. */
    public String traceparent() {
        return Traceparent.format(spanContext());
    }

    /** What spans may tell of texts that were sent and received. */
    public boolean tellsContent() {
        return tracing != null && tracing.tellsContent() && spanContext().isSampled();
    }

    /** Tells the receiver of a request where it belongs; {@code header} puts one header on the request. */
    public void send(BiConsumer<String, String> header) {
        if (tracing != null && spanContext().isValid()) {
            tracing.inject(context, header);
        }
    }

    /** Makes everything on the caller's Vert.x context know this place. For a context that nobody shares. */
    @SuppressWarnings("MustBeClosedChecker") // it ends with the context
    public void attach() {
        if (tracing != null) {
            context.makeCurrent();
        }
    }

    /** A span that lasts as long as {@code work}. */
    public <T> Future<T> around(Plan plan, Function<OpenSpan, Future<T>> work) {
        var span = begin(plan);
        try {
            return work.apply(span).andThen((value, cause) -> span.end(cause));
        } catch (RuntimeException e) {
            span.end(e);
            throw e;
        }
    }

    /** A span that the caller ends. */
    public OpenSpan begin(Plan plan) {
        return begin(plan, builder -> {});
    }

    /**
     * A span that the caller ends, of an id that others can know.
     *
     * @param linked to what it goes on from
     */
    public OpenSpan begin(Plan plan, String spanId, List<Trace> linked, Instant start) {
        return tracing == null
                ? begin(plan)
                : tracing.withId(
                        spanId,
                        () -> begin(plan, builder -> {
                            builder.setStartTimestamp(start);
                            linked.stream()
                                    .map(Trace::spanContext)
                                    .filter(SpanContext::isValid)
                                    .forEach(builder::addLink);
                        }));
    }

    private OpenSpan begin(Plan plan, Consumer<SpanBuilder> more) {
        if (tracing == null) {
            return new OpenSpan(Span.getInvalid(), this);
        }
        var builder = tracing.tracer()
                .spanBuilder(plan.name())
                .setSpanKind(plan.kind())
                .setParent(context)
                .setAllAttributes(plan.attributes());
        more.accept(builder);
        var span = builder.startSpan();
        return new OpenSpan(span, new Trace(tracing, context.with(span)));
    }

    private SpanContext spanContext() {
        return Span.fromContext(context).getSpanContext();
    }

    /** The text form of a span's context, version 00. */
    private static final class Traceparent {
        private static final Pattern FORM = Pattern.compile("00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})");

        static @Nullable SpanContext parse(String text) {
            var parts = FORM.matcher(text);
            if (!parts.matches()) {
                return null;
            }
            var flags = TraceFlags.fromHex(parts.group(3), 0);
            var span =
                    SpanContext.createFromRemoteParent(parts.group(1), parts.group(2), flags, TraceState.getDefault());
            return span.isValid() ? span : null;
        }

        static String format(SpanContext span) {
            return span.isValid()
                    ? String.join(
                            "-",
                            "00",
                            span.getTraceId(),
                            span.getSpanId(),
                            span.getTraceFlags().asHex())
                    : "";
        }
    }
}
