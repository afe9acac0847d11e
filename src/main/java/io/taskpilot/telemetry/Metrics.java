package io.taskpilot.telemetry;

import io.micrometer.core.instrument.Clock;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.prometheus.metrics.core.metrics.Info;
import io.prometheus.metrics.model.registry.PrometheusRegistry;
import io.prometheus.metrics.tracer.common.SpanContext;
import java.util.Collection;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * All that is counted in one server, by subject. {@link Metric} has every name and label. Durations are in seconds,
 * labels have closed sets of values, and none is ever an id. Thread-safe; every method may be called on an event loop.
 */
public final class Metrics {
    private final PrometheusMeterRegistry registry;
    private final VertxMeters vertx;
    private final Meters meters;
    private final WorkflowMetrics workflows;
    private final GovernanceMetrics governance;
    private final StoreMetrics stores;
    private final ApprovalMetrics approvals;
    private final ModelMetrics models;
    private final StreamMetrics streams;
    private final AdmissionMetrics admission;
    private final SignalMetrics signals;
    private final DependencyMetrics dependencies;
    private final EventLoops loops;

    /** Without exemplars, and without the metrics of the GenAI conventions. */
    public Metrics(String version, String revision) {
        this(version, revision, null, false);
    }

    /**
     * @param revision the commit this was built from
     * @param spans names the span in which something is recorded, for exemplars; asked on the recording thread, often
     * @param genAi records the metrics of OpenTelemetry's GenAI conventions too
     */
    public Metrics(String version, String revision, @Nullable SpanContext spans, boolean genAi) {
        registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT, new PrometheusRegistry(), Clock.SYSTEM, spans);
        vertx = new VertxMeters(registry);
        meters = new Meters(registry);
        var conventions = genAi ? GenAiMetrics.in(meters) : GenAiMetrics.off();
        workflows = new WorkflowMetrics(meters, conventions);
        governance = new GovernanceMetrics(meters);
        stores = new StoreMetrics(meters);
        approvals = new ApprovalMetrics(meters);
        models = new ModelMetrics(meters, conventions);
        streams = new StreamMetrics(meters);
        admission = new AdmissionMetrics(meters);
        signals = new SignalMetrics(meters);
        dependencies = new DependencyMetrics(meters);
        loops = new EventLoops(new LoopMetrics(meters));
        built(version, revision);
    }

    private void built(String version, String revision) {
        var build = Metric.BUILD.definition();
        Info.builder()
                .name(build.name())
                .help(build.help())
                .labelNames(build.labels().stream().map(Label::name).toArray(String[]::new))
                .register(registry.getPrometheusRegistry())
                .addLabelValues(version, revision, Runtime.version().toString(), GenAiMetrics.SEMCONV);
    }

    /** What a Vert.x needs to measure itself and its JVM here. */
    public VertxMeters vertx() {
        return vertx;
    }

    /**
     * Everything, in the format that {@code accept} asks for: Prometheus text 0.0.4, or OpenMetrics.
     *
     * @param accept an {@code Accept} header, or a content type
     */
    public String scrape(String accept) {
        return registry.scrape(accept);
    }

    /**
     * @param signal {@code traces} or {@code logs}
     * @param reason {@code queue_full} or {@code not_taken}
     * @param dropped how much of it nobody will see, since the start; read at every scrape
     */
    public void telemetryDropped(String signal, String reason, Supplier<Number> dropped) {
        meters.counted(Metric.TELEMETRY_DROPPED, dropped, signal, reason);
    }

    /** The tools that have series of their own; any other name that a model comes up with counts as {@code other}. */
    public void nameTools(Collection<String> names) {
        meters.allow(Labels.TOOL, names);
        meters.allow(Labels.TOOL_NAME, names);
    }

    /** The models that have series of their own; the rest count as {@code other}. */
    public void nameModels(Collection<String> names) {
        meters.allow(Labels.MODEL, names);
        meters.allow(Labels.REQUEST_MODEL, names);
    }

    public WorkflowMetrics workflows() {
        return workflows;
    }

    public GovernanceMetrics governance() {
        return governance;
    }

    public StoreMetrics stores() {
        return stores;
    }

    public ApprovalMetrics approvals() {
        return approvals;
    }

    public ModelMetrics models() {
        return models;
    }

    public StreamMetrics streams() {
        return streams;
    }

    public AdmissionMetrics admission() {
        return admission;
    }

    public SignalMetrics signals() {
        return signals;
    }

    public DependencyMetrics dependencies() {
        return dependencies;
    }

    public EventLoops loops() {
        return loops;
    }
}
