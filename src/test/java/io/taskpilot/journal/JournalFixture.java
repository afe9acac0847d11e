package io.taskpilot.journal;

import io.taskpilot.OnDocker;
import io.taskpilot.engine.Journal.Creation;
import io.taskpilot.run.Agent;
import io.taskpilot.run.AgentAnswer;
import io.taskpilot.run.ApprovalKind;
import io.taskpilot.run.DecisionResult;
import io.taskpilot.run.Ids;
import io.taskpilot.run.PolicyVerdict;
import io.taskpilot.run.Problem;
import io.taskpilot.run.RailPhase;
import io.taskpilot.run.Recorded;
import io.taskpilot.run.RunEvent;
import io.taskpilot.run.RunOutput;
import io.taskpilot.run.RunRequest;
import io.taskpilot.run.RunState;
import io.taskpilot.run.RunStatus;
import io.taskpilot.run.TaskChange;
import io.taskpilot.run.TaskProposal;
import io.taskpilot.run.ToolCall;
import io.taskpilot.run.Usage;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.TestInfo;

/** A journal on a database of its own, and the events of a run to fill it with. */
final class JournalFixture implements AutoCloseable {
    static final int POOL = 8;

    final Vertx vertx = Vertx.vertx();
    final PostgresAddress address;
    final Database database;
    final PgJournal journal;
    final PgRunReader reader;
    final List<UUID> signals = Collections.synchronizedList(new ArrayList<>());
    final List<String> wentBack = Collections.synchronizedList(new ArrayList<>());

    JournalFixture() {
        this(TestPostgres.database());
    }

    /** On the kind of server that the test's class is for. */
    JournalFixture(TestInfo test) {
        this(OnDocker.Engine.isAskedBy(test) ? ContainerPostgres.database() : TestPostgres.database());
    }

    /** One that takes no stall of the machine for an outage. */
    JournalFixture(PostgresAddress address) {
        this(address, TestPostgres.LONGEST_STALL, TestPostgres.LONGEST_STALL);
    }

    /** One that is quick to take an outage for one. */
    static JournalFixture quick(PostgresAddress address) {
        return new JournalFixture(address, Duration.ofSeconds(3), Duration.ofSeconds(2));
    }

    JournalFixture(PostgresAddress address, Duration longestSilence, Duration longestWrite) {
        this.address = address;
        database = Database.open(vertx, address, POOL, longestSilence, longestWrite);
        journal = new PgJournal(database, null, this::signal, wentBack::add);
        reader = new PgRunReader(database, null);
    }

    private void signal(Collection<UUID> runs) {
        signals.addAll(runs);
    }

    /** Another process on the same database. */
    JournalFixture another() {
        return new JournalFixture(address);
    }

    static <T> T await(Future<T> future) {
        try {
            return future.await(20, TimeUnit.SECONDS);
        } catch (RuntimeException e) {
            throw e;
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    /** The failure of a future that must fail. */
    static Throwable failure(Future<?> future) {
        return await(future.transform((value, error) ->
                Future.succeededFuture(error == null ? new AssertionError("succeeded with " + value) : error)));
    }

    UUID register() {
        return await(journal.register()).nodeId();
    }

    static RunRequest request() {
        return request("prepare the board deck");
    }

    static RunRequest request(String input) {
        return new RunRequest(
                Ids.at(System.currentTimeMillis(), ThreadLocalRandom.current()),
                "default",
                "key-1",
                List.of("client"),
                "req-1",
                input,
                Map.of("team", "blue"),
                Duration.ofMinutes(5),
                false);
    }

    /** A run that this node owns, in the state after {@code run.accepted}. */
    Owned owned() {
        var request = request();
        return new Owned(request, await(journal.create(request, null, true)));
    }

    /** The owner's side of a run. */
    final class Owned {
        final UUID id;
        final long fence;
        RunState state;

        Owned(RunRequest request, Creation creation) {
            id = request.runId();
            fence = creation.fence();
            state = RunState.of(List.of(new Recorded(1, creation.at(), new RunEvent.Accepted(request))));
        }

        /** A run that was claimed. */
        Owned(UUID id, long fence) {
            this.id = id;
            this.fence = fence;
            state = RunState.of(await(journal.history(id)));
        }

        Future<Owned> append(RunEvent... events) {
            return journal.append(id, fence, state, List.of(events)).map(appended -> {
                for (var event : events) {
                    state = state.apply(new Recorded(state.lastSeq() + 1, appended.at(), event));
                }
                return this;
            });
        }

        Owned appended(RunEvent... events) {
            return await(append(events));
        }

        /** As far as a person is asked. */
        Owned parked() {
            return parked(Instant.now().plusSeconds(3600));
        }

        Owned parked(Instant expiresAt) {
            return appended(started(), proposed(this), asked(this, expiresAt));
        }

        List<Recorded> history() {
            return await(journal.history(id));
        }
    }

    static RunEvent started() {
        return new RunEvent.Started();
    }

    static RunEvent turnStarted(int turn) {
        return new RunEvent.AgentStarted(Agent.PLANNER, turn);
    }

    static RunEvent turnCompleted(int turn, String text) {
        return new RunEvent.AgentCompleted(
                Agent.PLANNER, turn, new AgentAnswer.Text(text), new Usage(10, 5, 0.25), "offline", "offline-1");
    }

    static RunEvent checked(DecisionResult result) {
        return new RunEvent.GuardrailChecked(
                RailPhase.INPUT, result, "regex check input", "why", null, null, null, false, "ab".repeat(32), 1.25);
    }

    static RunEvent proposed(Owned run) {
        return new RunEvent.TaskProposed(Ids.derived(run.id, "task"), task("Prepare the board deck"));
    }

    static TaskProposal task(String title) {
        return new TaskProposal(title, "high", "for the board");
    }

    static RunEvent asked(Owned run, Instant expiresAt) {
        return new RunEvent.ApprovalRequested(
                Ids.derived(run.id, "approval:" + run.state.approvals()),
                ApprovalKind.REVIEW,
                new ToolCall(
                        "call-1",
                        Agent.EXECUTOR,
                        "create_task",
                        task("Prepare the board deck").arguments()),
                "cd".repeat(32),
                "review",
                "the reviewer is not sure",
                "2026-11-23.1",
                List.of("approver"),
                expiresAt);
    }

    /** A run whose executor has called a tool that was allowed and started. */
    static Owned calling(Owned run, String tool) {
        var call = new ToolCall("call-1", Agent.EXECUTOR, tool, Map.of());
        var verdict = new PolicyVerdict(
                DecisionResult.ALLOW, tool, List.of("ok"), "2026-11-23.1", List.of(), Duration.ofHours(1));
        return run.appended(
                started(),
                new RunEvent.AgentStarted(Agent.EXECUTOR, 1),
                new RunEvent.AgentCompleted(
                        Agent.EXECUTOR,
                        1,
                        new AgentAnswer.Calls("", List.of(call)),
                        new Usage(1, 1, 0.5),
                        "offline",
                        "offline-1"),
                new RunEvent.PolicyDecided(call, verdict, Map.of("tool_name", tool), "ef".repeat(32), 0.5),
                new RunEvent.ToolStarted("call-1", tool, run.id + ":1", Instant.now(), false, false));
    }

    static RunEvent returned(String tool, TaskChange... changes) {
        return new RunEvent.ToolCompleted("call-1", tool, false, Map.of("ok", true), List.of(changes));
    }

    static RunEvent ended(RunStatus status) {
        return status == RunStatus.SUCCEEDED
                ? new RunEvent.Ended(status, new RunOutput("done", List.of(), List.of()), null, List.of())
                : new RunEvent.Ended(status, null, new Problem("internal-test", "because"), List.of());
    }

    @Override
    public void close() {
        journal.close();
        await(database.close());
        await(vertx.close());
    }
}
