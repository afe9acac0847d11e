package io.taskpilot.engine;

import static io.taskpilot.engine.TestNode.await;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.journal.PostgresAddress;
import io.taskpilot.journal.TestPostgres;
import io.taskpilot.run.Agent;
import io.taskpilot.run.AgentAnswer;
import io.taskpilot.run.Recorded;
import io.taskpilot.run.ReviewVerdict;
import io.taskpilot.run.RunEvent;
import io.taskpilot.run.RunState;
import io.taskpilot.run.TaskProposal;
import io.taskpilot.run.ToolCall;
import io.taskpilot.run.Usage;
import io.taskpilot.telemetry.Scrape;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** When effects may begin, how long they may take, and what breaks them off. */
@Timeout(90)
class EffectsTest {
    private static final TaskProposal TASK = new TaskProposal("Survive", "low", "");
    private static final TestNode.Wire DIRECT = (method, arguments, go) -> go.get();
    private static final Duration TTL = Duration.ofHours(1);
    private static final Duration SHORT = Duration.ofSeconds(3);

    private final PostgresAddress address = TestPostgres.database();
    private final AtomicInteger brokenOff = new AtomicInteger();
    private final Promise<Tool.Outcome> created = Promise.promise();
    private final List<TestNode> nodes = new ArrayList<>();

    @AfterEach
    void close() throws Exception {
        for (var node : nodes) {
            node.close();
        }
    }

    private TestNode node(TestNode.Wire wire, Duration timeout, boolean sole) throws Exception {
        var node =
                new TestNode(address, EffectsTest::answer, List.of(new Create(), new Silent(timeout)), wire, TTL, sole);
        nodes.add(node);
        return node;
    }

    @Test
    void aRenewalThatIsAnsweredLateGivesNothingForTheTimeItTook() throws Exception {
        var sending = new Gate();
        var answering = new Gate();
        answering.shut();
        var sent = new AtomicInteger();
        var sentNanos = new AtomicLong();
        var node = node(
                (method, arguments, go) -> {
                    if (!method.equals("heartbeat")) {
                        return go.get();
                    }
                    sentNanos.set(System.nanoTime());
                    sent.incrementAndGet();
                    return sending.pass(() -> answering.back(go.get()));
                },
                SHORT,
                false);
        await("a renewal is sent", () -> sent.get() == 1);
        await("its lease would be over", () -> System.nanoTime() - sentNanos.get() > SECONDS.toNanos(9));
        assertThat(node.lease.isHeld()).isFalse();

        sending.shut();
        answering.open();
        await("the answer is taken in, and the next renewal due", () -> sent.get() == 2);
        assertThat(node.lease.isHeld()).as("held by an old renewal").isFalse();

        sending.open();
        await("the next renewal gives a lease", node.lease::isHeld);
    }

    @Test
    void theTimeThatCountsIsTheDatabases() {
        var lease = new Lease();
        var ahead = Duration.ofDays(400);

        lease.renewed(UUID.randomUUID(), System.nanoTime(), Instant.now().plus(ahead));

        assertThat(lease.now()).isAfter(Instant.now().plus(ahead).minusSeconds(60));
    }

    @Test
    void aCallsDeadlineIsAMinuteAwayAtMost() throws Exception {
        var node = node(DIRECT, Duration.ofHours(2), false);

        var events = node.follow(node.submit(TestNode.request()), event -> startOf(event, "ping"));

        var started = events.get(events.size() - 1);
        assertThat(((RunEvent.ToolStarted) started.event()).deadline())
                .isBeforeOrEqualTo(started.at().plusSeconds(61)); // clocks are compared to a round trip
    }

    @Test
    void aCallWithoutAnAnswerIsBrokenOffAtItsDeadlineAndInDoubt() throws Exception {
        var node = node(DIRECT, SHORT, false);
        created.complete(new Tool.Outcome.Returned("created", List.of()));

        var events = node.follow(
                node.submit(TestNode.request()), event -> event.event() instanceof RunEvent.ApprovalRequested);

        assertThat(TestNode.types(events)).contains("tool.outcome_unknown");
        assertThat(brokenOff).hasValue(1);
        await("it is counted", () -> count(node, "taskpilot_tool_calls_total", "outcome", "unknown") == 1);
    }

    @Test
    void whoLearnsThatTheRunIsLostBreaksItsOtherCallsOff() throws Exception {
        var node = node(DIRECT, Duration.ofSeconds(60), false);
        var runId = node.submit(TestNode.request());
        node.follow(runId, event -> startOf(event, "ping"));
        TestPostgres.execute(address, """
                with other as (insert into nodes values (gen_random_uuid(), 'live', now() + interval '1 hour') returning id)
                update runs set fence = fence + 1, owner = other.id from other
                """);
        assertThat(brokenOff).hasValue(0);

        created.complete(new Tool.Outcome.Returned("created", List.of()));

        await("the other call is broken off", () -> brokenOff.get() == 1);
        await("the driver stops", () -> node.engine.inFlight() == 0);
        assertThat(query("select count(*) from events where type = 'tool.completed'"))
                .isEqualTo("0");
        await("it is counted", () -> count(node, "taskpilot_fence_lost_total") == 1);
    }

    private static double count(TestNode node, String name, String... labels) {
        return Scrape.parse(node.metrics.scrape("text/plain")).sum(name, labels);
    }

    @Test
    void aDrainAwaitsStartedCallsAndThenGivesTheRunBack() throws Exception {
        var node = node(DIRECT, SHORT, false);
        var runId = node.submit(TestNode.request());
        node.follow(runId, event -> startOf(event, "ping"));

        var drained = node.engine.drain(Duration.ofMinutes(5));
        created.complete(new Tool.Outcome.Returned("created", List.of()));

        drained.await(20, SECONDS);
        var events = node.follow(runId, event -> event.event() instanceof RunEvent.ToolOutcomeUnknown);
        assertThat(TestNode.types(events)).contains("tool.completed").last().isEqualTo("tool.outcome_unknown");
        assertThat(query("select owner is null and unowned_cause = 'released' from runs"))
                .isEqualTo("t");
    }

    @Test
    void aRunThatWasClaimedUnderAnEarlierIdIsNotDrivenUnderTheNext() throws Exception {
        var claiming = new Gate();
        var node = node(
                (method, arguments, go) -> method.equals("claim")
                        ? claiming.backIf(claims -> !((List<?>) claims).isEmpty(), go.get())
                        : go.get(),
                SHORT,
                false);
        var before = node.lease.nodeId();
        claiming.shut();
        created.complete(new Tool.Outcome.Returned("created", List.of()));
        var request = TestNode.request();
        node.journal.create(request, null, false).await(20, SECONDS);
        await("it is claimed", () -> query("select fence from runs").equals("2"));
        TestPostgres.execute(address, "update nodes set state = 'dead'");
        await("the node has another id", () -> !node.lease.nodeId().equals(before));

        claiming.open();

        var events = node.follow(request.runId(), event -> event.event() instanceof RunEvent.AgentStarted);
        assertThat(query("select fence from runs")).isEqualTo("3");
        assertThat(TestNode.types(events)).doesNotContain("run.resumed");
    }

    @Test
    void aSoleNodeTakesAtItsStartWhatAnEarlierOneLeft() throws Exception {
        TestPostgres.execute(
                address, "insert into nodes values (gen_random_uuid(), 'live', now() + interval '1 hour')");

        var node = node(DIRECT, SHORT, true);

        assertThat(query("select state from nodes where id <> '" + node.lease.nodeId() + "'"))
                .isEqualTo("dead");
    }

    private String query(String sql) {
        return TestPostgres.query(address, sql);
    }

    private static boolean startOf(Recorded event, String tool) {
        return event.event() instanceof RunEvent.ToolStarted started
                && started.tool().equals(tool);
    }

    private static Future<Agents.Reply> answer(
            Agent agent, RunState run, List<Tool.Spec> offered, CallContext call, Consumer<String> text) {
        AgentAnswer answer = switch (agent) {
            case PLANNER -> new AgentAnswer.Proposal(TASK);
            case REVIEWER -> new AgentAnswer.Review(ReviewVerdict.APPROVE, "APPROVE");
            case EXECUTOR ->
                run.turns(agent).isEmpty()
                        ? new AgentAnswer.Calls(
                                "",
                                List.of(
                                        new ToolCall("call_1", agent, "create_task", TASK.arguments()),
                                        new ToolCall("call_2", agent, "ping", Map.of())))
                        : new AgentAnswer.Text("done");
        };
        return Future.succeededFuture(new Agents.Reply(answer, "raw", Usage.NONE, "test", "test"));
    }

    /** Returns when a test says so. */
    private final class Create implements Tool {
        @Override
        public Spec spec() {
            return new Spec("create_task", "", Map.of("type", "object"), Duration.ofSeconds(60), false);
        }

        @Override
        public Future<Outcome> run(Invocation invocation, CallContext call) {
            return created.future();
        }
    }

    /** Has an effect elsewhere, and never hears of it. */
    private final class Silent implements Tool {
        private final Duration timeout;

        Silent(Duration timeout) {
            this.timeout = timeout;
        }

        @Override
        public Spec spec() {
            return new Spec("ping", "", Map.of("type", "object"), timeout, true);
        }

        @Override
        public Future<Outcome> run(Invocation invocation, CallContext call) {
            call.onAbort(brokenOff::incrementAndGet);
            return Promise.<Outcome>promise().future();
        }
    }
}
