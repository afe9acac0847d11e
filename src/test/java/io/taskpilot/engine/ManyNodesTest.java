package io.taskpilot.engine;

import static io.taskpilot.engine.TestNode.await;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.LongRunning;
import io.taskpilot.journal.PostgresAddress;
import io.taskpilot.journal.TestPostgres;
import io.taskpilot.resilience.Failure;
import io.taskpilot.run.Agent;
import io.taskpilot.run.AgentAnswer;
import io.taskpilot.run.ApprovalAnswer;
import io.taskpilot.run.EventCodec;
import io.taskpilot.run.Recorded;
import io.taskpilot.run.ReviewVerdict;
import io.taskpilot.run.RunEvent;
import io.taskpilot.run.RunState;
import io.taskpilot.run.RunStatus;
import io.taskpilot.run.TaskProposal;
import io.taskpilot.run.ToolCall;
import io.taskpilot.run.Usage;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What engines on one database owe each other: who may drive a run, and when it may have effects. */
@LongRunning
@Timeout(90)
class ManyNodesTest {
    private static final TaskProposal TASK = new TaskProposal("Survive", "low", "");
    private static final TestNode.Wire DIRECT = (method, arguments, go) -> go.get();

    private final PostgresAddress address = TestPostgres.database();
    private final AtomicInteger asked = new AtomicInteger();
    private final AtomicInteger effects = new AtomicInteger();
    private final List<TestNode> nodes = new ArrayList<>();

    @AfterEach
    void close() throws Exception {
        for (var node : nodes) {
            node.close();
        }
    }

    private TestNode node(TestNode.Wire wire, Agents agents) throws Exception {
        var node = new TestNode(address, agents, List.of(new Create()), wire);
        nodes.add(node);
        return node;
    }

    private TestNode node() throws Exception {
        return node(DIRECT, this::answer);
    }

    @Test
    void aNodeThatWasDeclaredDeadDropsItsRunsAndRegistersAnew() throws Exception {
        var broken = new AtomicInteger();
        var node = node(DIRECT, (agent, run, offered, call, text) -> {
            if (asked.incrementAndGet() > 1) {
                return answer(agent, run, offered, call, text);
            }
            call.onAbort(broken::incrementAndGet);
            return Promise.<Agents.Reply>promise().future();
        });
        var before = node.lease.nodeId();
        var runId = node.submit(TestNode.request());
        await("the model is asked", () -> asked.get() == 1);

        TestPostgres.execute(address, "update nodes set state = 'dead'");

        var events = node.finish(runId);
        await("open calls are broken off", () -> broken.get() == 1); // on a loop that may be another
        assertThat(node.lease.nodeId()).isNotEqualTo(before);
        assertThat(TestPostgres.query(address, "select id from nodes where state = 'live'"))
                .isEqualTo(node.lease.nodeId().toString());
        assertThat(events)
                .extracting(Recorded::event)
                .contains(new RunEvent.Resumed("node_dead"))
                .last()
                .extracting(EventCodec::type)
                .isEqualTo("run.succeeded");
        assertGapless(events);
    }

    @Test
    void aRunThatWasAcceptedUnderAnEarlierIdIsNotDrivenUnderTheNext() throws Exception {
        var created = Promise.<Void>promise();
        var node = node(
                (method, arguments, go) -> method.equals("create")
                        ? go.get().compose(creation -> created.future().map(creation))
                        : go.get(),
                this::answer);
        var before = node.lease.nodeId();
        var submission = node.engine.submit(TestNode.request(), null);
        await("it is accepted", () -> count("runs").equals("1"));
        TestPostgres.execute(address, "update nodes set state = 'dead'");
        await("the node has another id", () -> !node.lease.nodeId().equals(before));
        created.complete();

        var runId = submission.await(20, SECONDS).runId();

        assertThat(TestNode.types(node.finish(runId))).last().isEqualTo("run.succeeded");
        assertThat(TestPostgres.query(address, "select fence from runs"))
                .as("it was claimed")
                .isNotEqualTo("1");
        await("nothing is left", () -> node.engine.inFlight() == 0);
    }

    @Test
    void aRunOfThisNodeThatNothingDrivesIsFoundAndGivenBack() throws Exception {
        var node = node(
                (method, arguments, go) -> method.equals("create")
                        ? go.get().compose(created -> Future.failedFuture("nobody heard of it"))
                        : go.get(),
                this::answer);
        var request = TestNode.request();
        var submission = node.engine.submit(request, null);
        await("it is refused", submission::failed);
        assertThat(TestPostgres.query(address, "select owner from runs"))
                .as("and committed")
                .isEqualTo(node.lease.nodeId().toString());

        var events = node.finish(request.runId());

        assertThat(TestNode.types(events)).last().isEqualTo("run.succeeded");
        assertThat(TestPostgres.query(address, "select fence from runs"))
                .as("it was claimed")
                .isEqualTo("2");
        assertThat(node.metrics.scrape("text/plain")).containsPattern("runs_handed_back_total\\S* 1");
    }

    /** Each in the hands of something that takes its time: a driver, an acceptance, a take-over, a claim. */
    @Test
    void whatADriverHasOrIsAboutToHaveIsNotGivenBack() throws Exception {
        var looks = new AtomicInteger();
        var releases = new AtomicInteger();
        var taken = new AtomicInteger();
        var claimed = new AtomicInteger();
        var model = new Gate();
        var accepting = new Gate();
        var taking = new Gate();
        var claiming = new Gate();
        var late = TestNode.request();
        var node = node(
                (method, arguments, go) -> switch (method) {
                    case "strays" -> go.get().onSuccess(unused -> looks.incrementAndGet());
                    case "release" -> {
                        releases.incrementAndGet();
                        yield go.get();
                    }
                    case "create" -> after(go.get(), accepting);
                    case "history" -> {
                        taken.incrementAndGet();
                        yield taking.pass(go);
                    }
                    case "claim" ->
                        go.get().compose(claims -> {
                            if (!claims.toString().contains(late.runId().toString())) {
                                return Future.succeededFuture(claims);
                            }
                            claimed.incrementAndGet();
                            return after(Future.succeededFuture(claims), claiming);
                        });
                    default -> go.get();
                },
                (agent, run, offered, call, text) -> {
                    asked.incrementAndGet();
                    return after(reply(agent, run, ReviewVerdict.APPROVE), model);
                });
        model.shut();
        var driven = node.submit(TestNode.request());
        await("the model is asked", () -> asked.get() == 1);
        accepting.shut();
        var accepted = TestNode.request();
        var submission = node.engine.submit(accepted, null);
        await("one is being accepted", () -> count("runs").equals("2"));
        taking.shut();
        var queued = TestNode.request();
        node.queue(queued);
        await("one is being taken", () -> taken.get() == 1);
        var early = looks.get();
        await("they were looked for before the claim", () -> looks.get() > early + 1);
        claiming.shut();
        node.queue(late);
        await("one is being claimed", () -> claimed.get() == 1);

        var before = looks.get();
        await("time enough to find them", () -> looks.get() > before + 5);

        assertThat(releases).hasValue(0);
        List.of(model, accepting, taking, claiming).forEach(Gate::open);
        submission.await(20, SECONDS);
        for (var runId : List.of(driven, accepted.runId(), queued.runId(), late.runId())) {
            assertThat(TestNode.types(node.finish(runId))).last().isEqualTo("run.succeeded");
        }
        assertThat(TestPostgres.query(address, "select string_agg(fence::text, ' ' order by created_at) from runs"))
                .isEqualTo("1 1 2 2");
    }

    private static <T> Future<T> after(Future<T> first, Gate gate) {
        return first.compose(
                value -> gate.pass(() -> Future.succeededFuture(value)).map(unused -> value));
    }

    @Test
    void aYoungNodeDeclaresNobody() throws Exception {
        var claims = new AtomicInteger();
        var declared = new AtomicInteger();
        TestPostgres.execute(
                address,
                "insert into nodes values (gen_random_uuid(), 'live', clock_timestamp() - interval '1 minute')");

        node(
                (method, arguments, go) -> {
                    if (method.equals("claim")) {
                        claims.incrementAndGet();
                    } else if (method.equals("declareDead")) {
                        declared.incrementAndGet();
                    }
                    return go.get();
                },
                this::answer);

        await("it claims", () -> claims.get() >= 3);
        assertThat(declared).hasValue(0);
    }

    @Test
    void noEffectStartsWithoutALeaseAndTheRunWaitsForTheNextRenewal() throws Exception {
        var renewing = new Gate();
        renewing.shut();
        var node = node(
                (method, arguments, go) -> method.equals("heartbeat") ? renewing.pass(go) : go.get(), this::answer);
        node.lease.lost();

        var runId = node.submit(TestNode.request());
        node.follow(runId, event -> EventCodec.type(event.event()).equals("agent.started"));
        assertThat(node.lease.isHeld()).isFalse();
        var beats = new CountDownLatch(5); // turns of the loop and of the driver's poll
        node.vertx.setPeriodic(120, unused -> beats.countDown());
        assertThat(beats.await(20, SECONDS)).isTrue();
        assertThat(asked).as("asked without a lease").hasValue(0);

        renewing.open();
        assertThat(TestNode.types(node.finish(runId))).last().isEqualTo("run.succeeded");
    }

    @Test
    void aLeaseLostWhileAStepWaitsLetsTheStepBeginLater() throws Exception {
        var node = new TestNode[1];
        node[0] = node(DIRECT, (agent, run, offered, call, text) -> {
            if (asked.incrementAndGet() > 1) {
                assertThat(call.mayStart()).isTrue();
                return answer(agent, run, offered, call, text);
            }
            node[0].lease.lost(); // as a model's adapter finds it when its connection is there
            assertThat(call.mayStart()).isFalse();
            return Future.failedFuture(Failure.of(Failure.Kind.UNAVAILABLE, "provider-not-started", "no lease"));
        });

        var events = node[0].finish(node[0].submit(TestNode.request()));

        assertThat(TestNode.types(events)).last().isEqualTo("run.succeeded");
        assertGapless(events);
    }

    @Test
    void noToolBeginsBeforeItsStartIsKnownToBeCommitted() throws Exception {
        var commit = new Gate();
        var node = node(
                (method, arguments, go) -> method.equals("append") && holds(arguments, "tool.started")
                        ? go.get().compose(appended -> commit.pass(() -> Future.succeededFuture(appended)))
                        : go.get(),
                this::answer);
        commit.shut();
        var runId = node.submit(TestNode.request());
        await(
                "the start is committed",
                () -> !count("events where type = 'tool.started'").equals("0"));
        assertThat(effects).as("begun before the answer").hasValue(0);

        commit.open();
        node.finish(runId);
        assertThat(effects).hasValue(1);
    }

    /** The append that parks is held up on its way there or back; the cancel comes from its node or from another. */
    @ParameterizedTest
    @CsvSource({"true,true", "true,false", "false,true", "false,false"})
    void aCancelThatMeetsTheParkingAppendIsNotLost(boolean beforeTheCommit, boolean sameNode) throws Exception {
        var parking = new Gate();
        var reached = new AtomicInteger();
        TestNode.Wire wire = (method, arguments, go) -> {
            if (!method.equals("append") || !holds(arguments, "approval.requested")) {
                return go.get();
            }
            if (beforeTheCommit) {
                reached.incrementAndGet();
                return parking.pass(go);
            }
            return go.get().compose(appended -> {
                reached.incrementAndGet();
                return parking.pass(() -> Future.succeededFuture(appended));
            });
        };
        parking.shut();
        var owner = node(wire, this::unsure);
        var runId = owner.submit(TestNode.request());
        var other = sameNode ? owner : node(DIRECT, this::unsure);
        await("it is being parked", () -> reached.get() == 1);

        other.engine.cancel(runId, "key-1").await(20, SECONDS);
        parking.open();

        var events = owner.finish(runId);
        assertThat(TestNode.types(events)).last().isEqualTo("run.cancelled");
        assertGapless(events);
        assertThat(count("approvals where status = 'pending'")).isEqualTo("0");
    }

    @Test
    void anAnswerThatACancelOvertookIsTooLate() throws Exception {
        var owner = node(DIRECT, this::unsure);
        var late = lateAnswer(owner, this::unsure);

        owner.engine.cancel(runId(), "key-2").await(20, SECONDS);

        assertThat(late.call()).isEqualTo("caller-approval-expired");
    }

    @Test
    void anAnswerThatAnotherOvertookIsToldSoThoughTheRunGoesOn() throws Exception {
        Agents agents = (agent, run, offered, call, text) -> agent == Agent.EXECUTOR
                ? Promise.<Agents.Reply>promise().future() // so that somebody owns the run
                : unsure(agent, run, offered, call, text);
        var owner = node(DIRECT, agents);
        var late = lateAnswer(owner, agents);

        owner.engine.answer(approvalId(), approve("key-2")).await(20, SECONDS);
        await("the run goes on", () -> count("runs where owner is not null").equals("1"));

        assertThat(late.call()).isEqualTo("caller-approval-answered");
    }

    /** Has a run wait for a person, and an answer held up on another node; gives what becomes of it once let go. */
    private Callable<String> lateAnswer(TestNode owner, Agents agents) throws Exception {
        var answering = new Gate();
        var reached = new AtomicInteger();
        var other = node(
                (method, arguments, go) -> {
                    if (!method.equals("appendUnowned")) {
                        return go.get();
                    }
                    reached.incrementAndGet();
                    return answering.pass(go);
                },
                agents);
        owner.follow(owner.submit(TestNode.request()), event -> event.event() instanceof RunEvent.ApprovalRequested);
        answering.shut();
        var answer = other.engine.answer(approvalId(), approve("key-1"));
        await("the approval was pending", () -> reached.get() == 1);
        return () -> {
            answering.open();
            return answer.transform((unused, cause) -> Future.succeededFuture(((Failure) cause).slug()))
                    .await(20, SECONDS);
        };
    }

    private static Runs.Answer approve(String by) {
        return new Runs.Answer(ApprovalAnswer.APPROVE, "", null, null, by, List.of("approver"), true, "");
    }

    private UUID runId() {
        return UUID.fromString(TestPostgres.query(address, "select id from runs"));
    }

    private UUID approvalId() {
        return UUID.fromString(TestPostgres.query(address, "select id from approvals"));
    }

    @Test
    void aRunIsCancelledThoughADrainAwaitsItsCall() throws Exception {
        var node = new TestNode(address, this::answer, List.of(new Unanswered()), DIRECT);
        nodes.add(node);
        var runId = node.submit(TestNode.request());
        node.follow(runId, event -> event.event() instanceof RunEvent.ToolStarted);

        var drained = node.engine.drain(Duration.ofMinutes(1));
        node.engine.cancel(runId, "key-1").await(20, SECONDS);

        var events = node.finish(runId);
        assertThat(events.get(events.size() - 1).event()).isInstanceOfSatisfying(RunEvent.Ended.class, ended -> {
            assertThat(ended.status()).isEqualTo(RunStatus.CANCELLED);
            assertThat(ended.unsettled()).containsExactly("call_1");
        });
        drained.await(20, SECONDS);
    }

    @Test
    void aRunThatStoppedThreeNodesIsFailedAndCounted() throws Exception {
        var first = node(
                DIRECT,
                (agent, run, offered, call, text) ->
                        Promise.<Agents.Reply>promise().future());
        var runId = first.submit(TestNode.request());
        first.follow(runId, event -> event.event() instanceof RunEvent.AgentStarted);
        first.close();
        nodes.clear();
        TestPostgres.execute(address, "update runs set stalls = 2");
        TestPostgres.execute(address, "update nodes set state = 'dead'");

        var second = node();

        var events = second.finish(runId);
        assertThat(events.get(events.size() - 1).event()).isInstanceOfSatisfying(RunEvent.Ended.class, ended -> {
            assertThat(ended.status()).isEqualTo(RunStatus.FAILED);
            assertThat(Objects.requireNonNull(ended.problem()).slug()).isEqualTo("internal-poisoned");
        });
        assertThat(asked).as("not tried once more").hasValue(0);
        assertThat(second.metrics.scrape("text/plain")).containsPattern("runs_poisoned_total\\S* 1");
    }

    @Test
    void aHeartbeatIsWithheldWhileAnAgentLoopDoesNotTurn() throws Exception {
        var heartbeats = new AtomicInteger();
        var pings = new AtomicInteger();
        var block = new CountDownLatch(1);
        var node = node(
                (method, arguments, go) -> {
                    if (method.equals("heartbeat")) {
                        heartbeats.incrementAndGet();
                    } else if (method.equals("expiredApprovals")) {
                        pings.incrementAndGet(); // the keeper's own loop turns
                    }
                    return go.get();
                },
                (agent, run, offered, call, text) -> {
                    asked.incrementAndGet();
                    try {
                        block.await();
                    } catch (InterruptedException e) {
                        Thread.currentThread().interrupt();
                    }
                    return answer(agent, run, offered, call, text);
                });
        try {
            var runId = node.submit(TestNode.request());
            await("the loop stands", () -> asked.get() > 0);
            var silent = pings.get();
            await("six seconds of silence", () -> pings.get() > silent + 6);
            var before = heartbeats.get();
            var later = pings.get();
            await("time for another", () -> pings.get() > later + 2);
            assertThat(heartbeats)
                    .as("heartbeats of a node that drives nothing")
                    .hasValue(before);

            block.countDown();
            assertThat(TestNode.types(node.finish(runId))).last().isEqualTo("run.succeeded");
            await("it renews again", () -> heartbeats.get() > before);
        } finally {
            block.countDown();
        }
    }

    private static boolean holds(Object[] appendArguments, String type) {
        return ((List<?>) appendArguments[3])
                .stream().anyMatch(event -> EventCodec.type((RunEvent) event).equals(type));
    }

    private Future<Agents.Reply> answer(
            Agent agent, RunState run, List<Tool.Spec> offered, CallContext call, Consumer<String> text) {
        asked.incrementAndGet();
        return reply(agent, run, ReviewVerdict.APPROVE);
    }

    private Future<Agents.Reply> unsure(
            Agent agent, RunState run, List<Tool.Spec> offered, CallContext call, Consumer<String> text) {
        return reply(agent, run, ReviewVerdict.REVIEW);
    }

    private static Future<Agents.Reply> reply(Agent agent, RunState run, ReviewVerdict verdict) {
        var turn = run.turns(agent).size();
        AgentAnswer answer = switch (agent) {
            case PLANNER -> new AgentAnswer.Proposal(TASK);
            case REVIEWER -> new AgentAnswer.Review(verdict, verdict.name());
            case EXECUTOR ->
                turn == 0
                        ? new AgentAnswer.Calls(
                                "", List.of(new ToolCall("call_1", agent, "create_task", TASK.arguments())))
                        : new AgentAnswer.Text("done");
        };
        return Future.succeededFuture(new Agents.Reply(answer, "raw", Usage.NONE, "test", "test"));
    }

    private final class Create implements Tool {
        @Override
        public Spec spec() {
            return new Spec("create_task", "", Map.of("type", "object"), Duration.ofSeconds(60), false);
        }

        @Override
        public Future<Outcome> run(Invocation invocation, CallContext call) {
            effects.incrementAndGet();
            return Future.succeededFuture(new Outcome.Returned("created", List.of()));
        }
    }

    /** Something outside that says nothing until it is broken off. */
    private static final class Unanswered implements Tool {
        @Override
        public Spec spec() {
            return new Spec("create_task", "", Map.of("type", "object"), Duration.ofSeconds(60), true);
        }

        @Override
        public Future<Outcome> run(Invocation invocation, CallContext call) {
            var outcome = Promise.<Outcome>promise();
            call.onAbort(() -> outcome.tryComplete(new Outcome.Unknown("broken off")));
            return outcome.future();
        }
    }

    private String count(String what) {
        return TestPostgres.query(address, "select count(*) from " + what);
    }

    private static void assertGapless(List<Recorded> events) {
        assertThat(events.stream().map(Recorded::seq))
                .containsExactlyElementsOf(
                        LongStream.rangeClosed(1, events.size()).boxed().toList());
    }
}
