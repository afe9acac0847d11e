package io.taskpilot.engine;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.config.TaskPilotConfig.Guardrails.OnErrors;
import io.taskpilot.config.TaskPilotConfig.Guardrails.Streaming;
import io.taskpilot.config.TaskPilotConfig.OnError;
import io.taskpilot.journal.Database;
import io.taskpilot.journal.PgJournal;
import io.taskpilot.journal.PgRunReader;
import io.taskpilot.journal.PostgresAddress;
import io.taskpilot.journal.TestPostgres;
import io.taskpilot.run.Agent;
import io.taskpilot.run.AgentAnswer;
import io.taskpilot.run.DecisionResult;
import io.taskpilot.run.EventCodec;
import io.taskpilot.run.Ids;
import io.taskpilot.run.PolicyVerdict;
import io.taskpilot.run.Recorded;
import io.taskpilot.run.ReviewVerdict;
import io.taskpilot.run.RunEvent;
import io.taskpilot.run.RunRequest;
import io.taskpilot.run.RunState;
import io.taskpilot.run.TaskProposal;
import io.taskpilot.run.ToolCall;
import io.taskpilot.run.Usage;
import io.taskpilot.run.WorkflowSettings;
import io.taskpilot.telemetry.Metrics;
import io.taskpilot.telemetry.Scrape;
import io.taskpilot.telemetry.Trace;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * A node that stops at every append of a run, before it is sent and after it is committed, and another that finds the
 * run. Nodes are engines with an event loop, a pool and an id of their own; a crash closes the first without a word.
 */
class CrashTest {
    private static final TaskProposal TASK = new TaskProposal("Survive", "low", "");
    private static final Map<String, Object> ANYTHING = Map.of("type", "object");

    private final PostgresAddress address = TestPostgres.database();
    private final AtomicInteger effects = new AtomicInteger();

    /** When the first node stops: at its n-th append, and on which side of the commit. */
    private record Crash(int append, boolean committed, Promise<Void> reached) {}

    private final class Node implements AutoCloseable {
        private final Vertx vertx = Vertx.vertx();
        private final Database database = TestPostgres.open(vertx, address, 2);
        private final PgRunReader reader = new PgRunReader(database, null);
        private final Metrics metrics = new Metrics("test", "test");
        private final Engine engine;

        Node(Crash crash, boolean repeatable) throws Exception {
            var signals = new LocalSignals(vertx);
            var journal = new PgJournal(database, null, signals::changed, detail -> {});
            engine = new Engine(
                    vertx,
                    settings(),
                    crashing(journal, crash),
                    reader,
                    signals,
                    new Lease(),
                    CrashTest.this::answer,
                    (phase, text, call) -> Future.succeededFuture(new Guardrails.Verdict.Passed()),
                    new AllowAll(),
                    List.of(new Ping(repeatable), new Create()),
                    schema -> arguments -> List.of(),
                    metrics,
                    Trace.NONE);
            engine.start(1, true).await(20, SECONDS);
        }

        @Override
        public void close() throws TimeoutException {
            vertx.close().await(20, SECONDS);
        }
    }

    @ParameterizedTest
    @CsvSource({"1,false", "1,true", "2,false", "2,true", "3,false", "3,true", "4,false", "5,true", "6,false", "6,true"
    })
    void whereverANodeStopsAnotherFinishesTheRun(int append, boolean committed) throws Exception {
        var runId = crashAt(append, committed, true);

        var events = finishElsewhere(runId, true);

        var started = append > 1 || committed; // before that there is nothing to resume
        assertThat(types(events).contains("run.resumed")).isEqualTo(started);
        assertThat(types(events)).last().isEqualTo("run.succeeded");
        assertThat(events.stream().map(Recorded::seq))
                .containsExactlyElementsOf(
                        LongStream.rangeClosed(1, events.size()).boxed().toList());
        assertThat(types(events).stream().filter("tool.completed"::equals)).hasSize(2);
        assertThat(TestPostgres.query(address, "select count(*) from tasks where status = 'executed'"))
                .isEqualTo("1");
        assertThat(TestPostgres.query(address, """
                        select count(*) from events s where s.type = 'tool.started' and not exists (
                          select 1 from events d where d.run_id = s.run_id and d.append_id = s.append_id
                          and d.type = 'policy.decided' and d.data->'call'->>'id' = s.data->>'call_id')
                        """))
                .as("starts without a decision in the same append")
                .isEqualTo("0");
    }

    @Test
    void anExternalCallThatMayHaveHappenedIsNeitherRepeatedNorForgotten() throws Exception {
        var runId = crashAt(4, true, false); // both calls are started, and nothing is known of them

        var events = finishElsewhere(runId, false);

        assertThat(types(events)).endsWith("tool.outcome_unknown", "approval.requested");
        assertThat(effects).hasValueLessThanOrEqualTo(1);
        assertThat(at(events, "tool.outcome_unknown")).isAfterOrEqualTo(end(events));
    }

    @Test
    void aCallThatMayBeRepeatedIsRepeatedOnlyAfterItsDeadline() throws Exception {
        var runId = crashAt(4, true, true);

        var events = finishElsewhere(runId, true);

        assertThat(types(events)).last().isEqualTo("run.succeeded");
        assertThat(types(events)).doesNotContain("tool.outcome_unknown");
        var repeated = events.stream()
                .filter(event -> event.event() instanceof RunEvent.ToolStarted started
                        && started.tool().equals("ping"))
                .skip(1)
                .findFirst();
        assertThat(repeated).hasValueSatisfying(start -> assertThat(start.at()).isAfterOrEqualTo(end(events)));
    }

    /** Five seconds, by the database's clock, after the deadline of the first call of the external tool. */
    private static Instant end(List<Recorded> events) {
        return events.stream()
                .filter(event -> event.event() instanceof RunEvent.ToolStarted started
                        && started.tool().equals("ping"))
                .map(event -> ((RunEvent.ToolStarted) event.event()).deadline().plusSeconds(5))
                .findFirst()
                .orElseThrow();
    }

    private static Instant at(List<Recorded> events, String type) {
        return events.stream()
                .filter(event -> EventCodec.type(event.event()).equals(type))
                .map(Recorded::at)
                .findFirst()
                .orElseThrow();
    }

    private UUID crashAt(int append, boolean committed, boolean repeatable) throws Exception {
        var runId = Ids.at(System.currentTimeMillis(), ThreadLocalRandom.current());
        var crash = new Crash(append, committed, Promise.promise());
        try (var first = new Node(crash, repeatable)) {
            first.engine.submit(request(runId), null).await(20, SECONDS);
            crash.reached().future().await(20, SECONDS);
        }
        return runId;
    }

    private List<Recorded> finishElsewhere(UUID runId, boolean repeatable) throws Exception {
        try (var second = new Node(new Crash(-1, false, Promise.promise()), repeatable)) {
            var watch = second.engine.watch(runId, 0).await(20, SECONDS);
            var events = new ArrayList<Recorded>();
            while (events.isEmpty() || !isOver(events)) {
                events.addAll(watch.next().await(30, SECONDS));
            }
            watch.close();
            if (types(events).contains("tool.outcome_unknown")) {
                TestNode.await(
                        "it is counted by who found it",
                        () -> Scrape.parse(second.metrics.scrape("text/plain"))
                                        .sum("taskpilot_tool_calls_total", "outcome", "unknown")
                                == 1);
            }
            return events;
        }
    }

    private static boolean isOver(List<Recorded> events) {
        var state = RunState.of(events);
        return state.status().isTerminal() || state.asked() != null;
    }

    private static List<String> types(List<Recorded> events) {
        return events.stream().map(event -> EventCodec.type(event.event())).toList();
    }

    /** The journal, until the crash: from then on nothing gets out of the node. */
    private static Journal crashing(Journal journal, Crash crash) {
        var appends = new AtomicInteger();
        return (Journal) Proxy.newProxyInstance(
                Journal.class.getClassLoader(), new Class<?>[] {Journal.class}, (self, method, arguments) -> {
                    if (!method.getName().equals("append") || appends.incrementAndGet() != crash.append()) {
                        try {
                            return method.invoke(journal, arguments);
                        } catch (InvocationTargetException e) {
                            throw e.getCause();
                        }
                    }
                    if (!crash.committed()) {
                        crash.reached().complete();
                    } else {
                        ((Future<?>) method.invoke(journal, arguments))
                                .onSuccess(done -> crash.reached().complete());
                    }
                    return Promise.promise().future();
                });
    }

    private Future<Agents.Reply> answer(
            Agent agent, RunState run, List<Tool.Spec> offered, CallContext call, Consumer<String> text) {
        var turn = run.turns(agent).size();
        AgentAnswer answer = switch (agent) {
            case PLANNER -> new AgentAnswer.Proposal(TASK);
            case REVIEWER -> new AgentAnswer.Review(ReviewVerdict.APPROVE, "APPROVE");
            case EXECUTOR ->
                turn == 0
                        ? new AgentAnswer.Calls(
                                "",
                                List.of(
                                        new ToolCall("call_1", agent, "create_task", TASK.arguments()),
                                        new ToolCall("call_2", agent, "ping", Map.of())))
                        : new AgentAnswer.Text("done");
        };
        return Future.succeededFuture(new Agents.Reply(answer, "raw", Usage.NONE, "test", "test"));
    }

    private static final class AllowAll implements PolicyEngine {
        @Override
        public Future<PolicyVerdict> decide(Map<String, Object> input, CallContext call) {
            return Future.succeededFuture(
                    new PolicyVerdict(DecisionResult.ALLOW, "all", List.of(), "1", List.of(), Duration.ZERO));
        }

        @Override
        public Future<List<String>> offered(Map<String, Object> input, CallContext call) {
            return Future.succeededFuture(List.of("create_task", "ping"));
        }
    }

    /** Has an effect outside PostgreSQL, and counts it. */
    private final class Ping implements Tool {
        private final boolean repeatable;

        Ping(boolean repeatable) {
            this.repeatable = repeatable;
        }

        @Override
        public Spec spec() {
            return new Spec("ping", "", ANYTHING, Duration.ofSeconds(1), true);
        }

        @Override
        public boolean isRepeatable(Map<String, Object> arguments) {
            return repeatable;
        }

        @Override
        public Future<Outcome> run(Invocation invocation, CallContext call) {
            effects.incrementAndGet();
            return Future.succeededFuture(new Outcome.Returned("pong", List.of()));
        }
    }

    private static final class Create implements Tool {
        @Override
        public Spec spec() {
            return new Spec("create_task", "", ANYTHING, Duration.ofSeconds(60), false);
        }

        @Override
        public Future<Outcome> run(Invocation invocation, CallContext call) {
            return Future.succeededFuture(new Outcome.Returned("created", List.of()));
        }
    }

    private static RunRequest request(UUID runId) {
        return new RunRequest(
                runId, "default", "local", List.of("*"), "crash", "Survive", Map.of(), Duration.ofMinutes(5), false);
    }

    private static EngineSettings settings() {
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
                new WorkflowSettings(8, false, Duration.ofHours(1), List.of("approver")));
    }
}
