package io.taskpilot.engine;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.config.TaskPilotConfig.Decisions;
import io.taskpilot.config.TaskPilotConfig.Guardrails.OnErrors;
import io.taskpilot.config.TaskPilotConfig.Guardrails.Streaming;
import io.taskpilot.config.TaskPilotConfig.OnError;
import io.taskpilot.journal.PgJournal;
import io.taskpilot.journal.PgRunReader;
import io.taskpilot.journal.PostgresAddress;
import io.taskpilot.journal.TestPostgres;
import io.taskpilot.journal.Witness;
import io.taskpilot.run.DecisionResult;
import io.taskpilot.run.EventCodec;
import io.taskpilot.run.Ids;
import io.taskpilot.run.PolicyVerdict;
import io.taskpilot.run.Recorded;
import io.taskpilot.run.RunRequest;
import io.taskpilot.run.WorkflowSettings;
import io.taskpilot.telemetry.Metrics;
import io.taskpilot.telemetry.Trace;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeoutException;
import java.util.function.Predicate;
import java.util.function.Supplier;

/**
 * One node of several: an engine with an event loop, connections and an id of its own, whose calls to the journal a test
 * may hold up.
 */
final class TestNode implements AutoCloseable {
    /** Stands between the engine and the journal. */
    @FunctionalInterface
    interface Wire {
        /** @param go asks the journal */
        Future<?> call(String method, Object[] arguments, Supplier<Future<?>> go);
    }

    private static final int LOOPS = 2;
    private static final Duration APPROVAL_TTL = Duration.ofHours(1);

    final Vertx vertx = Vertx.vertx(new VertxOptions()
            .setEventLoopPoolSize(4) // on one processor too: some tests stop one of them
            .setMaxEventLoopExecuteTime(SECONDS.toNanos(60)));
    final Lease lease = new Lease();
    final Metrics metrics = new Metrics("test", "test");
    final LocalSignals signals;
    final PgJournal journal;
    final Engine engine;
    private final PgRunReader reader;

    TestNode(PostgresAddress address, Agents agents, List<Tool> tools, Wire wire) throws Exception {
        this(address, agents, tools, wire, APPROVAL_TTL, false);
    }

    /** @param sole no other node can be there */
    TestNode(PostgresAddress address, Agents agents, List<Tool> tools, Wire wire, Duration approvalTtl, boolean sole)
            throws Exception {
        var database = TestPostgres.open(vertx, address, 3);
        reader = new PgRunReader(database, null);
        signals = new LocalSignals(vertx);
        journal = new PgJournal(
                database,
                Decisions.plain(null),
                signals::changed,
                detail -> {},
                metrics.stores()::committed,
                new Witness(decision -> {}, run -> RunMetrics.ended(metrics.workflows(), lease, run)));
        engine = new Engine(
                vertx,
                settings(approvalTtl),
                wired(journal, wire),
                reader,
                signals,
                lease,
                agents,
                (phase, text, call) -> Future.succeededFuture(new Guardrails.Verdict.Passed()),
                new AllowAll(tools),
                tools,
                schema -> arguments -> List.of(),
                metrics,
                Trace.NONE);
        engine.start(LOOPS, sole).await(20, SECONDS);
    }

    private static Journal wired(Journal journal, Wire wire) {
        return (Journal) Proxy.newProxyInstance(
                Journal.class.getClassLoader(),
                new Class<?>[] {Journal.class},
                (self, method, arguments) -> wire.call(method.getName(), arguments, () -> {
                    try {
                        return (Future<?>) method.invoke(journal, arguments);
                    } catch (IllegalAccessException | InvocationTargetException e) {
                        return Future.failedFuture(e);
                    }
                }));
    }

    /** The events of a run, up to the first that satisfies {@code last}. */
    List<Recorded> follow(UUID runId, Predicate<Recorded> last) throws TimeoutException {
        var watch = engine.watch(runId, 0).await(20, SECONDS);
        var events = new ArrayList<Recorded>();
        while (events.stream().noneMatch(last)) {
            events.addAll(watch.next().await(30, SECONDS));
        }
        watch.close();
        return events;
    }

    List<Recorded> finish(UUID runId) throws TimeoutException {
        return follow(
                runId,
                event -> EventCodec.type(event.event())
                        .matches("run\\.(succeeded|rejected|blocked|failed|timed_out|cancelled)"));
    }

    UUID submit(RunRequest request) throws TimeoutException {
        return engine.submit(request, null).await(20, SECONDS).runId();
    }

    /** Leaves a run to whoever claims it. */
    void queue(RunRequest request) throws TimeoutException {
        journal.create(request, null, false).await(20, SECONDS);
    }

    RunReader.RunView view(UUID runId) throws TimeoutException {
        return reader.run(runId).await(20, SECONDS);
    }

    /** Waits for what must come about within 40 s. */
    static void await(String what, Callable<Boolean> condition) throws Exception {
        var until = System.nanoTime() + SECONDS.toNanos(40);
        while (!condition.call()) {
            assertThat(System.nanoTime()).as(what).isLessThan(until);
            Thread.sleep(20);
        }
    }

    static List<String> types(List<Recorded> events) {
        return events.stream().map(event -> EventCodec.type(event.event())).toList();
    }

    static RunRequest request() {
        return new RunRequest(
                Ids.at(System.currentTimeMillis(), ThreadLocalRandom.current()),
                "default",
                "local",
                List.of("*"),
                "nodes",
                "Survive",
                Map.of(),
                Duration.ofMinutes(5),
                false);
    }

    private static EngineSettings settings(Duration approvalTtl) {
        return new EngineSettings(
                "test",
                10,
                1_000,
                Duration.ofSeconds(5),
                Duration.ofSeconds(5),
                Duration.ofSeconds(5),
                OnError.FAIL,
                new OnErrors(OnError.FAIL, OnError.FAIL, OnError.FAIL),
                Streaming.BUFFER,
                new WorkflowSettings(8, false, approvalTtl, List.of("approver")));
    }

    /** Dies without a word. */
    @Override
    public void close() throws TimeoutException {
        vertx.close().await(20, SECONDS);
    }

    private record AllowAll(List<Tool> tools) implements PolicyEngine {
        @Override
        public Future<PolicyVerdict> decide(Map<String, Object> input, CallContext call) {
            return Future.succeededFuture(
                    new PolicyVerdict(DecisionResult.ALLOW, "all", List.of(), "1", List.of(), Duration.ZERO));
        }

        @Override
        public Future<List<String>> offered(Map<String, Object> input, CallContext call) {
            return Future.succeededFuture(
                    tools.stream().map(tool -> tool.spec().name()).toList());
        }
    }
}
