package io.taskpilot.telemetry;

import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Context;
import io.opentelemetry.sdk.OpenTelemetrySdk;
import io.opentelemetry.sdk.autoconfigure.AutoConfiguredOpenTelemetrySdk;
import io.opentelemetry.sdk.autoconfigure.spi.ConfigurationException;
import io.opentelemetry.sdk.resources.Resource;
import io.vertx.core.spi.VertxTracerFactory;
import io.vertx.tracing.opentelemetry.OpenTelemetryTracingFactory;
import java.net.URI;
import java.time.Duration;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Traces by the OpenTelemetry SDK, which its own {@code OTEL_} variables configure. Without one that says where to,
 * spans are exported nowhere; there are trace ids all the same. What is exported waits in a bounded queue that another
 * thread empties, so that a collector that is dead, or hangs, costs spans and nothing else. Thread-safe.
 */
public final class Tracing {
    private static final String SCOPE = "io.taskpilot";
    private static final String ENDPOINT = "otel.exporter.otlp.endpoint";
    private static final String TRACES_ENDPOINT = "otel.exporter.otlp.traces.endpoint";
    private static final int HTTP_PORT = 4318; // of OTLP; the others speak gRPC
    private static final String CONTENT = "otel.instrumentation.genai.capture.message.content";

    private final @Nullable OpenTelemetrySdk sdk; // null when OTEL_SDK_DISABLED is true
    private final @Nullable Tracer tracer;
    private final ChosenIds ids;
    private final SpanLoss loss;
    private final boolean content;

    private Tracing(@Nullable OpenTelemetrySdk sdk, ChosenIds ids, SpanLoss loss, boolean content) {
        this.sdk = sdk;
        this.tracer = sdk == null ? null : sdk.getTracer(SCOPE);
        this.ids = ids;
        this.loss = loss;
        this.content = content;
    }

    /**
     * @param otel the {@code OTEL_} variables
     * @throws IllegalArgumentException for a value that the SDK does not take; the message names the setting
     */
    public static Tracing open(Map<String, String> otel, Service service) {
        var given = properties(otel);
        var ids = new ChosenIds();
        var loss = new SpanLoss();
        if (Boolean.parseBoolean(given.get("otel.sdk.disabled"))) {
            return new Tracing(null, ids, loss, false);
        }
        try {
            var sdk = AutoConfiguredOpenTelemetrySdk.builder()
                    .disableShutdownHook() // whoever opens this closes it, after everything that makes spans
                    .addPropertiesSupplier(() -> defaults(given, service))
                    .addPropertiesCustomizer(unused -> given)
                    .addResourceCustomizer((resource, unused) -> named(service).merge(resource))
                    .addTracerProviderCustomizer((builder, unused) -> builder.setIdGenerator(ids))
                    .addMeterProviderCustomizer((builder, unused) -> builder.registerMetricReader(loss))
                    .addSpanExporterCustomizer((exporter, unused) -> loss.counted(exporter))
                    .build()
                    .getOpenTelemetrySdk();
            return new Tracing(sdk, ids, loss, Boolean.parseBoolean(given.get(CONTENT)));
        } catch (ConfigurationException e) {
            throw new IllegalArgumentException("OTEL_*: " + e.getMessage(), e);
        }
    }

    private static Map<String, String> properties(Map<String, String> otel) {
        var properties = new HashMap<String, String>();
        otel.forEach(
                (name, value) -> properties.put(name.toLowerCase(Locale.ROOT).replace('_', '.'), value));
        return Map.copyOf(properties);
    }

    /** What differs from the SDK's own defaults: a laptop has no collector, and nothing but spans goes to one. */
    private static Map<String, String> defaults(Map<String, String> given, Service service) {
        var endpoint = given.getOrDefault(TRACES_ENDPOINT, given.getOrDefault(ENDPOINT, ""));
        return Map.of(
                "otel.service.name", service.name(),
                "otel.traces.exporter", endpoint.isEmpty() ? "none" : "otlp",
                "otel.metrics.exporter", "none",
                "otel.logs.exporter", "none",
                "otel.exporter.otlp.protocol", isHttp(endpoint) ? "http/protobuf" : "grpc",
                "otel.bsp.schedule.delay", "1000",
                "otel.bsp.max.queue.size", "8192",
                "otel.bsp.max.export.batch.size", "1024");
    }

    private static boolean isHttp(String endpoint) {
        try {
            return URI.create(endpoint).getPort() == HTTP_PORT;
        } catch (IllegalArgumentException e) {
            return false; // the SDK says what is wrong with it
        }
    }

    private static Resource named(Service service) {
        return Resource.create(Attributes.builder()
                .put("service.version", service.version())
                .put("service.instance.id", service.node())
                .put("deployment.environment.name", service.environment())
                .build());
    }

    /** Where nothing has begun yet. */
    public Trace root() {
        return sdk == null ? Trace.NONE : new Trace(this, Context.root());
    }

    /** Makes Vert.x begin a span for each request to a server, and none for anything else. */
    public VertxTracerFactory ofVertx() {
        if (sdk == null) {
            return VertxTracerFactory.NOOP; // else it would find the one on the class path
        }
        var real = new OpenTelemetryTracingFactory(sdk);
        return options -> RequestTracer.around(real.tracer(options));
    }

    /** Spans that were lost since the start: {@code queue_full} or {@code not_taken}. */
    public void countLoss(Metrics metrics) {
        metrics.telemetryDropped("traces", "queue_full", loss::queueFull);
        metrics.telemetryDropped("traces", "not_taken", loss::notTaken);
    }

    /** Sends what waits, for as long as {@code limit}; blocks. */
    public void close(Duration limit) {
        if (sdk != null) {
            sdk.getSdkTracerProvider().shutdown().join(limit.toMillis(), TimeUnit.MILLISECONDS);
        }
    }

    boolean tellsContent() {
        return content;
    }

    Tracer tracer() {
        return Objects.requireNonNull(tracer);
    }

    <T> T withId(String spanId, Supplier<T> begin) {
        return ids.choose(spanId, begin);
    }

    void inject(Context context, BiConsumer<String, String> header) {
        if (sdk != null) {
            sdk.getPropagators().getTextMapPropagator().inject(context, header, (carrier, name, value) -> {
                if (carrier != null) {
                    carrier.accept(name, value);
                }
            });
        }
    }
}
