package io.taskpilot.engine;

import static io.taskpilot.engine.TestNode.await;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.taskpilot.engine.Runs.Answer;
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
import io.taskpilot.run.TaskProposal;
import io.taskpilot.run.Usage;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** How a node drives its runs when the journal refuses, people answer late, or a cancel comes. */
@Timeout(90)
class DrivingTest {
    private static final TaskProposal TASK = new TaskProposal("Survive", "low", "");
    private static final TestNode.Wire DIRECT = (method, arguments, go) -> go.get();
    private static final Duration TTL = Duration.ofHours(1);

    private final PostgresAddress address = TestPostgres.database();
    private final AtomicInteger asked = new AtomicInteger();
    private final List<TestNode> nodes = new ArrayList<>();

    @AfterEach
    void close() throws Exception {
        for (var node : nodes) {
            node.close();
        }
    }

    private TestNode node(TestNode.Wire wire, Agents agents, Duration approvalTtl) throws Exception {
        var node = new TestNode(address, agents, List.of(), wire, approvalTtl, false);
        nodes.add(node);
        return node;
    }

    @Test
    void theNodeThatAcceptsARunDrivesItWithoutAClaim() throws Exception {
        var claiming = new Gate();
        claiming.shut();
        var node = node(
                (method, arguments, go) -> method.equals("claim") ? claiming.pass(go) : go.get(), this::rejected, TTL);

        assertThat(TestNode.types(node.finish(node.submit(TestNode.request()))))
                .last()
                .isEqualTo("run.rejected");
    }

    @Test
    void aCancelIsHeardByItsSignalAlone() throws Exception {
        var renewing = new Gate();
        var node = node(
                (method, arguments, go) -> method.equals("heartbeat") ? renewing.pass(go) : go.get(), this::never, TTL);
        var runId = node.submit(TestNode.request());
        await("the model is asked", () -> asked.get() == 1);
        renewing.shut(); // nor does any append ask

        node.signals.cancelRequested(runId);

        assertThat(TestNode.types(node.finish(runId))).last().isEqualTo("run.cancelled");
    }

    @Test
    void aCancelIsHeardByTheNextHeartbeatWithoutASignal() throws Exception {
        var node = node(DIRECT, this::never, TTL);
        var runId = node.submit(TestNode.request());
        await("the model is asked", () -> asked.get() == 1);

        node.journal.requestCancel(runId).await(20, SECONDS);

        assertThat(TestNode.types(node.finish(runId))).last().isEqualTo("run.cancelled");
    }

    @Test
    void aCancelIsHeardByTheAnswerToTheNextAppend() throws Exception {
        var renewing = new Gate();
        var answering = Promise.<Void>promise();
        var node = node(
                (method, arguments, go) -> method.equals("heartbeat") ? renewing.pass(go) : go.get(),
                (agent, run, offered, call, text) -> asked.incrementAndGet() == 1
                        ? answering.future().compose(unused -> reply(new AgentAnswer.Proposal(TASK)))
                        : Promise.<Agents.Reply>promise().future(),
                TTL);
        var runId = node.submit(TestNode.request());
        await("the model is asked", () -> asked.get() == 1);
        renewing.shut();
        node.journal.requestCancel(runId).await(20, SECONDS);

        answering.complete();

        assertThat(TestNode.types(node.finish(runId))).last().isEqualTo("run.cancelled");
    }

    @Test
    void aDrainCutsModelCallsAndGivesTheirRunsBackAtOnce() throws Exception {
        var node = node(DIRECT, this::never, TTL);
        node.submit(TestNode.request());
        await("the model is asked", () -> asked.get() == 1);

        node.engine.drain(Duration.ofMinutes(5)).await(20, SECONDS);

        assertThat(query("select owner is null and status = 'running' and unowned_cause = 'released' from runs"))
                .isEqualTo("t");
    }

    @Test
    void aNodeThatDrainsAcceptsRunsForOthers() throws Exception {
        var node = node(DIRECT, this::never, TTL);
        node.engine.drain(Duration.ofMinutes(5)).await(20, SECONDS);

        node.submit(TestNode.request());

        assertThat(query("select owner is null and status = 'queued' from runs"))
                .isEqualTo("t");
    }

    /** What cannot be stored: an answer, and then also the ending that tells of it. */
    @ParameterizedTest
    @CsvSource({"agent.completed", "run.failed"})
    void anAppendThatIsRefusedFailsItsRun(String refused) throws Exception {
        TestPostgres.execute(address, """
                create sequence refusals;
                create function refuse() returns trigger language plpgsql as $$ begin
                  if new.type = '%s' and nextval('refusals') = 1 then
                    raise exception 'refused' using errcode = '22P05';
                  end if;
                  return new;
                end $$;
                create trigger refuse before insert on events for each row execute function refuse()
                """.formatted(refused));
        var node = node(
                DIRECT,
                (agent, run, offered, call, text) -> refused.equals("run.failed")
                        ? Future.failedFuture(Failure.of(Failure.Kind.UPSTREAM, "provider-error", "it broke"))
                        : rejected(agent, run, offered, call, text),
                TTL);

        var events = node.finish(node.submit(TestNode.request()));

        var ended = (RunEvent.Ended) events.get(events.size() - 1).event();
        assertThat(Objects.requireNonNull(ended.problem()).slug()).isEqualTo("internal-journal");
        assertThat(events.stream().map(Recorded::seq))
                .containsExactlyElementsOf(
                        LongStream.rangeClosed(1, events.size()).boxed().toList());
        await("its place is free", () -> node.engine.inFlight() == 0);
    }

    @Test
    void anAppendThatTheJournalHasNoRoomForIsTriedUntilItHas() throws Exception {
        var refusals = new AtomicInteger();
        var node = node(
                (method, arguments, go) -> method.equals("append") && refusals.incrementAndGet() == 2
                        ? Future.failedFuture(new Journal.NoRoom())
                        : go.get(),
                this::rejected,
                TTL);

        var events = node.finish(node.submit(TestNode.request()));

        assertThat(TestNode.types(events)).last().isEqualTo("run.rejected");
        assertThat(refusals).hasValueGreaterThan(2);
    }

    @Test
    void theSecondAnswerToAnApprovalIsAConflict() throws Exception {
        var node = node(DIRECT, this::unsure, TTL);
        var asking = asking(node);

        node.engine.answer(asking.approvalId(), reject()).await(20, SECONDS);

        assertThatThrownBy(
                        () -> node.engine.answer(asking.approvalId(), reject()).await(20, SECONDS))
                .isInstanceOfSatisfying(
                        Failure.class, failure -> assertThat(failure.slug()).isEqualTo("caller-approval-answered"));
    }

    @Test
    void anAnswerThatComesTooLateIsGoneWhetherTheExpiryIsWrittenOrNot() throws Exception {
        var expiring = new Gate();
        expiring.shut();
        var node = node(
                (method, arguments, go) -> method.equals("expiredApprovals") ? expiring.pass(go) : go.get(),
                this::unsure,
                Duration.ofMillis(1));
        var asking = asking(node);
        await(
                "its time is over",
                () -> node.lease.now().isAfter(asking.expiresAt().plusMillis(100)));

        assertIsGone(node, asking.approvalId());
        assertThat(query("select status from runs")).isEqualTo("awaiting_approval");

        expiring.open();
        var runId = UUID.fromString(query("select id from runs"));
        assertThat(TestNode.types(node.finish(runId)))
                .contains("approval.decided")
                .last()
                .isEqualTo("run.rejected");
        assertIsGone(node, asking.approvalId());
    }

    @Test
    void theTimeThatARunWaitedForAPersonDoesNotCount() throws Exception {
        var node = node(DIRECT, this::unsure, TTL);
        var asking = asking(node);
        TestPostgres.execute(address, "update events set at = at - interval '1 hour'"); // its own time is five minutes

        node.engine.answer(asking.approvalId(), reject()).await(20, SECONDS);

        var runId = UUID.fromString(query("select id from runs"));
        assertThat(TestNode.types(node.finish(runId))).last().isEqualTo("run.rejected");
        await("it is counted", () -> !durations(node).isEmpty()); // a watcher may hear of the end first
        assertThat(durations(node))
                .singleElement()
                .satisfies(seconds -> assertThat(seconds).isLessThan(1_800));
    }

    private static List<Double> durations(TestNode node) {
        return node.metrics
                .scrape("text/plain")
                .lines()
                .filter(line -> line.startsWith("taskpilot_workflow_duration_seconds_sum"))
                .map(line -> Double.parseDouble(line.substring(line.lastIndexOf(' '))))
                .filter(seconds -> seconds > 0) // every outcome is there from the start
                .toList();
    }

    private String query(String sql) {
        return TestPostgres.query(address, sql);
    }

    private static void assertIsGone(TestNode node, UUID approvalId) {
        assertThatThrownBy(() -> node.engine.answer(approvalId, reject()).await(20, SECONDS))
                .isInstanceOfSatisfying(
                        Failure.class, failure -> assertThat(failure.slug()).isEqualTo("caller-approval-expired"));
    }

    private static RunEvent.ApprovalRequested asking(TestNode node) throws Exception {
        var events = node.follow(
                node.submit(TestNode.request()),
                event -> EventCodec.type(event.event()).equals("approval.requested"));
        return (RunEvent.ApprovalRequested) events.get(events.size() - 1).event();
    }

    private static Answer reject() {
        return new Answer(ApprovalAnswer.REJECT, "no", null, null, "key-2", List.of("approver"), false, "");
    }

    private Future<Agents.Reply> rejected(
            Agent agent, RunState run, List<Tool.Spec> offered, CallContext call, Consumer<String> text) {
        return reply(
                agent == Agent.PLANNER
                        ? new AgentAnswer.Proposal(TASK)
                        : new AgentAnswer.Review(ReviewVerdict.REJECTED, "REJECTED"));
    }

    private Future<Agents.Reply> unsure(
            Agent agent, RunState run, List<Tool.Spec> offered, CallContext call, Consumer<String> text) {
        return reply(
                agent == Agent.PLANNER
                        ? new AgentAnswer.Proposal(TASK)
                        : new AgentAnswer.Review(ReviewVerdict.REVIEW, "REVIEW"));
    }

    private Future<Agents.Reply> never(
            Agent agent, RunState run, List<Tool.Spec> offered, CallContext call, Consumer<String> text) {
        asked.incrementAndGet();
        return Promise.<Agents.Reply>promise().future();
    }

    private static Future<Agents.Reply> reply(AgentAnswer answer) {
        return Future.succeededFuture(new Agents.Reply(answer, "raw", Usage.NONE, "test", "test"));
    }
}
