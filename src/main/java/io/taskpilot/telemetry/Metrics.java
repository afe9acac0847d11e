package io.taskpilot.telemetry;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Meter.MeterProvider;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.prometheus.metrics.core.metrics.Info;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import java.util.stream.DoubleStream;

/**
 * The {@code taskpilot_*} metrics: every name and label in one place. Durations are recorded in seconds, labels have
 * closed sets of values, and none is ever an id. Thread-safe; every method may be called on an event loop.
 */
public final class Metrics {
    private static final String[] NO_TAGS = {};
    private static final Duration[] WORKFLOW = seconds(0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600);
    private static final Duration[] MODEL = seconds(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120);
    private static final Duration[] CHECK =
            seconds(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.25, 0.5, 1, 2.5, 5);
    private static final Duration[] WAIT = seconds(1, 10, 60, 300, 1_800, 3_600, 21_600, 86_400);

    private final PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);

    private final Label outcomes =
            Label.of("succeeded", "rejected", "blocked", "failed", "timed_out", "cancelled", "success", "error");
    private final Label agents = Label.of("PlannerAgent", "ReviewerAgent", "ExecutorAgent", "");
    private final Label toolOutcomes =
            Label.of("executed", "denied", "error", "timeout", "awaiting_approval", "unknown");
    private final Label decisionTypes =
            Label.of("tool_call", "guardrails_input", "guardrails_output", "human_approval", "ingress");
    private final Label results = Label.of("allow", "deny", "require_approval", "modified", "error");
    private final Label phases = Label.of("input", "output", "tool_result");
    private final Label llmOutcomes = Label.of("success", "rate_limited", "timeout", "error");
    private final Label tokenTypes = Label.of("input", "output", "cache_read", "reasoning");
    private final Label transports = Label.of("sse", "websocket");
    private final Label closings = Label.of("complete", "client_gone", "slow_reader", "draining", "error");
    private final Label objectOutcomes = Label.of("archived", "failed", "corrupt", "expired");
    private final Label strangers = Label.of("caller-unauthenticated", "caller-foreign-origin");
    private final Label sealOutcomes = Label.of("sealed", "copied", "failed", "conflict");
    private final Label refusals = Label.of("overload", "queue", "rate_limit", "budget", "draining");
    private final Label tools = Label.upTo(100);
    private final Label rails = Label.upTo(100);
    private final Label models = Label.upTo(50);
    private final Label reasons = Label.upTo(20);
    private final Label dependencies = Label.upTo(20);

    private final MeterProvider<Counter> started = counter("workflow.started");
    private final MeterProvider<Counter> completed = counter("workflow.completed");
    private final MeterProvider<Timer> workflow = timer("workflow.duration", WORKFLOW);
    private final MeterProvider<Timer> agent = timer("agent.duration", MODEL);
    private final MeterProvider<Counter> toolCalls = counter("tool.calls");
    private final MeterProvider<Timer> tool = timer("tool.duration", MODEL);
    private final MeterProvider<Counter> decisions = counter("decision.logs");
    private final MeterProvider<Timer> policy = timer("policy.evaluation", CHECK);
    private final MeterProvider<Counter> candidates = counter("policy.candidate");
    private final MeterProvider<Counter> unauthenticated = counter("ingress.unauthenticated");
    private final MeterProvider<Counter> unrecorded = counter("ingress.unrecorded");
    private final MeterProvider<Timer> ingressCommit = timer("ingress.commit", CHECK);
    private final MeterProvider<Timer> guardrail = timer("guardrail.check", CHECK);
    private final MeterProvider<Counter> blocks = counter("guardrail.blocks");
    private final MeterProvider<Counter> caches = counter("cache.requests");
    private final MeterProvider<Timer> commit = timer("journal.commit", CHECK);
    private final MeterProvider<DistributionSummary> batch =
            summary("journal.batch.rows", 1, 2, 5, 10, 25, 50, 100, 250, 500);
    private final MeterProvider<Counter> takeovers = counter("takeovers");
    private final MeterProvider<Counter> announcements = counter("approval.announcements");
    private final MeterProvider<Counter> fenceLost = counter("fence.lost");
    private final MeterProvider<Counter> poisoned = counter("runs.poisoned");
    private final MeterProvider<Counter> handedBack = counter("runs.handed.back");
    private final MeterProvider<Counter> traceObjects = counter("trace.archive.objects");
    private final MeterProvider<Counter> seals = counter("seals");
    private final MeterProvider<Timer> approvalWait = timer("approval.wait", WAIT);
    private final MeterProvider<Timer> llm = timer("llm.request.duration", MODEL);
    private final MeterProvider<Timer> firstToken = timer("llm.first.token", MODEL);
    private final MeterProvider<Counter> tokens = counter("llm.tokens");
    private final MeterProvider<Counter> cost = counter("llm.cost.usd");
    private final MeterProvider<Counter> retries = counter("llm.retries");
    private final MeterProvider<Counter> streamClosed = counter("stream.closed");
    private final MeterProvider<Counter> streamDropped = counter("stream.dropped.events");
    private final MeterProvider<Timer> firstEvent = timer("stream.first.event", CHECK);
    private final MeterProvider<Counter> rejected = counter("admission.rejected");
    private final MeterProvider<Counter> signalsPosted = counter("signals.posted");
    private final MeterProvider<Counter> signalsDropped = counter("signals.dropped");
    private final MeterProvider<Counter> signalsReopened = counter("signals.reopened");
    private final MeterProvider<Timer> loopLag = timer("event.loop.lag", CHECK);
    private final MeterProvider<Counter> loopBlocked = counter("event.loop.blocked");
    /** The registry refers to what it reads weakly. */
    private final List<Object> read = new CopyOnWriteArrayList<>();

    private final AtomicInteger stuck = new AtomicInteger();
    private final AtomicLong sealCopiesPending = new AtomicLong();
    private final AtomicInteger sse = streams("sse");
    private final AtomicInteger webSockets = streams("websocket");

    /** @param revision the commit this was built from */
    public Metrics(String version, String revision) {
        Info.builder()
                .name("taskpilot_build_info")
                .help("What runs here")
                .labelNames("version", "revision", "java")
                .register(registry.getPrometheusRegistry())
                .addLabelValues(version, revision, Runtime.version().toString());
        Gauge.builder("taskpilot.runs.stuck", stuck, AtomicInteger::get).register(registry);
    }

    /** For Vert.x's own metrics, and binders of the JVM. */
    public MeterRegistry registry() {
        return registry;
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
        read.add(dropped);
        FunctionCounter.builder(
                        "taskpilot.telemetry.dropped",
                        dropped,
                        count -> count.get().doubleValue())
                .tag("signal", signal)
                .tag("reason", reason)
                .register(registry);
    }

    public void workflowStarted(String name) {
        started.withTags("workflow", name).increment();
    }

    /**
     * @param outcome the terminal status
     * @param took accepted to terminal, without the time parked in approvals
     */
    public void workflowCompleted(String name, String outcome, Duration took) {
        var value = outcomes.value(outcome);
        completed.withTags("workflow", name, "outcome", value).increment();
        workflow.withTags("workflow", name, "outcome", value).record(took);
    }

    /** @param active runs this node drives, read at every scrape */
    public void workflowActive(String name, Supplier<Number> active) {
        Gauge.builder("taskpilot.workflow.active", active).tag("workflow", name).register(registry);
        Gauge.builder("taskpilot.admission.in.flight", active).register(registry);
    }

    /**
     * @param depth accepted runs that wait for a node, as far as this one knows, read at every scrape
     * @param queue how many may
     * @param runs how many this node drives at a time
     */
    public void admission(Supplier<Number> depth, int queue, int runs) {
        Gauge.builder("taskpilot.admission.queue.depth", depth).register(registry);
        Gauge.builder("taskpilot.admission.limit", () -> queue)
                .tag("of", "queue")
                .register(registry);
        Gauge.builder("taskpilot.admission.limit", () -> runs).tag("of", "runs").register(registry);
    }

    /** @param outcome {@code success} or {@code error} */
    public void agent(String name, String outcome, Duration took) {
        agent.withTags("agent", agents.value(name), "outcome", outcomes.value(outcome))
                .record(took);
    }

    /** @param outcome executed, denied, error, timeout, awaiting_approval or unknown */
    public void toolCall(String name, String outcome, Duration took) {
        var value = toolOutcomes.value(outcome);
        toolCalls.withTags("tool", tools.value(name), "outcome", value).increment();
        tool.withTags("tool", tools.value(name), "outcome", value).record(took);
    }

    /** One row of the decision log. */
    public void decision(String type, String result, String agentName) {
        decisions
                .withTags(
                        "decision_type",
                        decisionTypes.value(type),
                        "result",
                        results.value(result),
                        "agent",
                        agents.value(agentName))
                .increment();
    }

    /** @param outcome the verdict, or {@code error} */
    public void policyEvaluated(String type, String outcome, Duration took) {
        policy.withTags("decision_type", decisionTypes.value(type), "outcome", results.value(outcome))
                .record(took);
    }

    /**
     * What a policy on trial said beside the real one.
     *
     * @param verdict of the policy that decides
     * @param candidate its verdict, or {@code error}
     */
    public void candidateDecided(String verdict, String candidate) {
        candidates
                .withTags("verdict", results.value(verdict), "candidate", results.value(candidate))
                .increment();
    }

    /** @param problem caller-unauthenticated or caller-foreign-origin: nobody is named in a decision */
    public void ingressUnauthenticated(String problem) {
        unauthenticated.withTags("problem", strangers.value(problem)).increment();
    }

    /** A request that policy could not judge, and that is on no record either. */
    public void ingressUnrecorded() {
        unrecorded.withTags(NO_TAGS).increment();
    }

    /** One batch of decisions on requests that were not let in. */
    public void ingressCommitted(int rows, Duration took) {
        ingressCommit.withTags(NO_TAGS).record(took);
    }

    /** @param outcome the verdict, or {@code error} */
    public void guardrailChecked(String type, String outcome, Duration took) {
        guardrail
                .withTags("decision_type", decisionTypes.value(type), "outcome", results.value(outcome))
                .record(took);
    }

    public void guardrailBlocked(String phase, String rail, String agentName) {
        blocks.withTags("phase", phases.value(phase), "rail", rails.value(rail), "agent", agents.value(agentName))
                .increment();
    }

    /** @param result {@code hit} or {@code miss} */
    public void cacheRequest(String cache, String result) {
        caches.withTags("cache", cache, "result", result).increment();
    }

    /** One batch of the journal's writer. */
    public void journalCommitted(int rows, Duration took) {
        commit.withTags(NO_TAGS).record(took);
        batch.withTags(NO_TAGS).record(rows);
    }

    /** @param pending appends that wait for their commit, read at every scrape */
    public void journalPending(Supplier<Number> pending) {
        Gauge.builder("taskpilot.journal.pending.appends", pending).register(registry);
    }

    /** @param reason {@code node_dead} or {@code released} */
    public void takenOver(String reason) {
        takeovers.withTags("reason", reasons.value(reason)).increment();
    }

    /** An append was refused, as the run is another owner's. */
    public void fenceLost() {
        fenceLost.withTags(NO_TAGS).increment();
    }

    /** @param outcome {@code delivered} or {@code failed} */
    public void announced(String outcome) {
        announcements.withTags("outcome", outcome).increment();
    }

    /** A run was given up, as nodes died of it. */
    public void runPoisoned() {
        poisoned.withTags(NO_TAGS).increment();
    }

    /** @param runs of this node in the database that nothing in it has seen to, for two looks at least */
    public void runsStuck(int runs) {
        stuck.set(runs);
    }

    /** A run was stuck for so long that it was given back, for any node to continue. */
    public void runHandedBack() {
        handedBack.withTags(NO_TAGS).increment();
    }

    /** @param outcome archived, failed, corrupt or expired */
    public void traceObject(String outcome) {
        traceObjects.withTags("outcome", objectOutcomes.value(outcome)).increment();
    }

    /** @param days until the last ready-made partition ends, read at every scrape */
    public void partitionHeadroom(Supplier<Number> days) {
        Gauge.builder("taskpilot.partition.headroom.days", days).register(registry);
    }

    /**
     * @param seconds since the end of the last day of the decision log that has a seal, not a number while that is not
     *     known; read at every scrape
     */
    public void sealAge(Supplier<Number> seconds) {
        Gauge.builder("taskpilot.seal.age.seconds", seconds).register(registry);
        Gauge.builder("taskpilot.seal.copies.pending", sealCopiesPending, AtomicLong::get)
                .register(registry);
    }

    /** @param seals that the object store does not have yet */
    public void sealCopiesPending(long seals) {
        sealCopiesPending.set(seals);
    }

    /** @param outcome sealed, copied, failed, or conflict: the store has another seal of that day */
    public void seal(String outcome) {
        seals.withTags("outcome", sealOutcomes.value(outcome)).increment();
    }

    /** @param pending approvals without an answer, read at every scrape */
    public void approvalsPending(Supplier<Number> pending) {
        Gauge.builder("taskpilot.approvals.pending", pending).register(registry);
    }

    /** @param waited from the request for an approval to its answer */
    public void approvalAnswered(Duration waited) {
        approvalWait.withTags(NO_TAGS).record(waited);
    }

    /** @param outcome success, rate_limited, timeout or error */
    public void llmRequest(String provider, String model, String outcome, Duration took) {
        llm.withTags(
                        "provider",
                        reasons.value(provider),
                        "model",
                        models.value(model),
                        "outcome",
                        llmOutcomes.value(outcome))
                .record(took);
    }

    public void llmFirstToken(String provider, String model, Duration took) {
        firstToken
                .withTags("provider", reasons.value(provider), "model", models.value(model))
                .record(took);
    }

    /** @param type input, output, cache_read or reasoning */
    public void llmTokens(String provider, String model, String type, long count) {
        tokens.withTags(
                        "provider",
                        reasons.value(provider),
                        "model",
                        models.value(model),
                        "type",
                        tokenTypes.value(type))
                .increment((double) count);
    }

    public void llmCost(String provider, String model, double usd) {
        cost.withTags("provider", reasons.value(provider), "model", models.value(model))
                .increment(usd);
    }

    public void llmRetry(String provider, String model, String reason) {
        retries.withTags(
                        "provider",
                        reasons.value(provider),
                        "model",
                        models.value(model),
                        "reason",
                        reasons.value(reason))
                .increment();
    }

    /** @param transport {@code sse} or {@code websocket} */
    public void streamOpened(String transport) {
        (transport.equals("sse") ? sse : webSockets).incrementAndGet();
    }

    /** @param reason complete, client_gone, slow_reader, draining or error */
    public void streamClosed(String transport, String reason) {
        (transport.equals("sse") ? sse : webSockets).decrementAndGet();
        streamClosed
                .withTags("transport", transports.value(transport), "reason", closings.value(reason))
                .increment();
    }

    /** An export ended early, as {@code client_gone} or {@code slow_reader}. */
    public void exportCut(String reason) {
        streamClosed
                .withTags("transport", "export", "reason", closings.value(reason))
                .increment();
    }

    /** Events that were read for a stream and not sent, as its reader did not read. */
    public void streamDropped(String transport, int events) {
        streamDropped.withTags("transport", transports.value(transport)).increment(events);
    }

    /** @param waited from the request to the first event */
    public void streamFirstEvent(String transport, Duration waited) {
        firstEvent.withTags("transport", transports.value(transport)).record(waited);
    }

    /** @param reason overload, queue, rate_limit, budget or draining */
    public void admissionRejected(String reason) {
        rejected.withTags("reason", refusals.value(reason)).increment();
    }

    /** Messages to other nodes that were taken. */
    public void signalsPosted(int messages) {
        signalsPosted.withTags(NO_TAGS).increment(messages);
    }

    /** Signals to other nodes that were given up, which these find out by polling, and live text, which they don't. */
    public void signalsDropped(int signals) {
        signalsDropped.withTags(NO_TAGS).increment(signals);
    }

    /** The link to the other nodes broke, or could not be opened, and is tried again. */
    public void signalsReopened() {
        signalsReopened.withTags(NO_TAGS).increment();
    }

    /** Shows what {@code health} knows of {@code name} as {@code taskpilot_dependency_up}: degraded counts as up. */
    public void dependency(String name, HealthRegistry health) {
        Gauge.builder("taskpilot.dependency.up", health, states -> isUp(states, name))
                .tag("dependency", dependencies.value(name))
                .register(registry);
    }

    /** @param state 0 closed, 1 half open, 2 open; read at every scrape */
    public void circuit(String name, Supplier<Number> state) {
        Gauge.builder("taskpilot.circuit.state", state)
                .tag("dependency", dependencies.value(name))
                .register(registry);
    }

    /** The same for something that only makes things slower when it is away, so that {@code health} calls it degraded. */
    public void optionalDependency(String name, BooleanSupplier up) {
        // Strong: a registry keeps what it asks by a weak reference, and nobody else may hold a lambda.
        Gauge.builder("taskpilot.dependency.up", up, is -> is.getAsBoolean() ? 1 : 0)
                .strongReference(true)
                .tag("dependency", dependencies.value(name))
                .register(registry);
    }

    private static double isUp(HealthRegistry health, String name) {
        var state = health.states().get(name);
        return state == null || state.level() == HealthRegistry.Level.DOWN ? 0 : 1;
    }

    void eventLoopLag(Duration late) {
        loopLag.withTags(NO_TAGS).record(late);
    }

    void eventLoopBlocked() {
        loopBlocked.withTags(NO_TAGS).increment();
    }

    private AtomicInteger streams(String transport) {
        var open = new AtomicInteger();
        Gauge.builder("taskpilot.stream.connections", open, AtomicInteger::get)
                .tag("transport", transport)
                .register(registry);
        return open;
    }

    private MeterProvider<Counter> counter(String name) {
        return Counter.builder("taskpilot." + name).withRegistry(registry);
    }

    private MeterProvider<Timer> timer(String name, Duration[] bounds) {
        return Timer.builder("taskpilot." + name).serviceLevelObjectives(bounds).withRegistry(registry);
    }

    private MeterProvider<DistributionSummary> summary(String name, double... bounds) {
        return DistributionSummary.builder("taskpilot." + name)
                .serviceLevelObjectives(bounds)
                .withRegistry(registry);
    }

    private static Duration[] seconds(double... bounds) {
        return DoubleStream.of(bounds)
                .mapToObj(bound -> Duration.ofMillis(Math.round(bound * 1_000)))
                .toArray(Duration[]::new);
    }
}
