package io.taskpilot.journal;

import static io.taskpilot.journal.JournalFixture.await;
import static io.taskpilot.journal.JournalFixture.ended;
import static io.taskpilot.journal.JournalFixture.failure;
import static io.taskpilot.journal.JournalFixture.request;
import static io.taskpilot.journal.JournalFixture.started;
import static io.taskpilot.journal.JournalFixture.turnCompleted;
import static io.taskpilot.journal.JournalFixture.turnStarted;
import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.engine.Journal.LostRun;
import io.taskpilot.journal.JournalFixture.Owned;
import io.taskpilot.run.DecisionResult;
import io.taskpilot.run.Ids;
import io.taskpilot.run.RunStatus;
import io.taskpilot.run.TaskChange;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.pgclient.PgException;
import java.io.IOException;
import java.sql.Connection;
import java.sql.DriverManager;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What an append that did not go in leaves behind, who is told of one that did, and how a batch is sent again. */
class CommitTest {
    private static final int RUNS = 20;
    private static JournalFixture fixture;

    @BeforeAll
    static void open() {
        fixture = new JournalFixture();
        fixture.register();
    }

    @AfterAll
    static void close() {
        fixture.close();
    }

    /** Of an append with another fence: the events of a run, and all that is projected from them. */
    @Test
    void anAppendThatIsRefusedLeavesNoRowBehind() {
        var run = fixture.owned().appended(started());
        var append = fixture.journal.append(
                run.id,
                run.fence + 1,
                run.state,
                List.of(
                        JournalFixture.checked(DecisionResult.ALLOW),
                        turnStarted(1),
                        turnCompleted(1, "x".repeat(100_000)),
                        JournalFixture.proposed(run),
                        JournalFixture.asked(run, Instant.now())));

        assertThat(failure(append)).isInstanceOf(LostRun.class);

        assertThat(run.history()).hasSize(2);
        for (var table : List.of("decisions", "artifacts", "tasks", "approvals")) {
            assertThat(count(table, run)).as(table).isEqualTo("0");
        }
    }

    @Test
    void anAppendThatIsRefusedMovesNeitherTaskNorApproval() {
        var run = fixture.owned().parked();

        assertThat(failure(run.append(ended(RunStatus.CANCELLED)))).isInstanceOf(LostRun.class); // nobody owns it now

        assertThat(query("select status from tasks where run_id = '" + run.id + "'"))
                .isEqualTo("pending");
        assertThat(query("select status from approvals where run_id = '" + run.id + "'"))
                .isEqualTo("pending");
    }

    private static String count(String table, Owned run) {
        return query("select count(*) from %s where run_id = '%s'".formatted(table, run.id));
    }

    private static String query(String sql) {
        return TestPostgres.query(fixture.address, sql);
    }

    /** The ways to write. */
    private enum Way {
        CREATION {
            @Override
            Future<?> write(JournalFixture node, Owned run) {
                return node.journal.create(request(), null, true);
            }
        },
        OWNED {
            @Override
            Future<?> write(JournalFixture node, Owned run) {
                return run.append(JournalFixture.returned("update_task"));
            }
        },
        WITH_A_CONDITION {
            @Override
            Future<?> write(JournalFixture node, Owned run) {
                var change = new TaskChange(
                        TaskChange.Kind.UPDATE, Ids.derived(run.id, "task"), 1, JournalFixture.task("Another title"));
                return run.append(JournalFixture.returned("update_task", change));
            }
        },
        UNOWNED {
            @Override
            Future<?> write(JournalFixture node, Owned run) {
                await(node.journal.release(run.id, run.fence));
                return node.journal.appendUnowned(run.id, (state, now) -> List.of(ended(RunStatus.CANCELLED)));
            }
        };

        abstract Future<?> write(JournalFixture node, Owned run);
    }

    /** The statement has its rows, and then the commit fails: as late as it can be. */
    @ParameterizedTest
    @EnumSource
    void nobodyIsToldOfWhatIsNotCommitted(Way way) {
        try (var node = new JournalFixture()) {
            node.register();
            var run = JournalFixture.calling(node.owned(), "update_task");
            TestPostgres.execute(node.address, """
                    insert into tasks values ('%s', '%s', 'Title', 'low', '', 'pending', 1, now(), now());
                    create function not_now() returns trigger language plpgsql as $$ begin
                      raise exception 'refused at the commit' using errcode = '23514';
                    end $$;
                    create constraint trigger not_now after insert or update of last_seq on runs
                      deferrable initially deferred for each row execute function not_now()
                    """.formatted(Ids.derived(run.id, "task"), run.id));
            node.signals.clear();

            assertThat(failure(way.write(node, run))).hasFieldOrPropertyWithValue("slug", "internal-journal");

            assertThat(node.signals).isEmpty();
            assertThat(run.history()).hasSize(6);
        }
    }

    @Test
    void allRunsOfABatchAreToldOfAtOnce() throws Exception {
        var told = new CopyOnWriteArrayList<Collection<UUID>>();
        var journal = new PgJournal(fixture.database, null, told::add, detail -> {});
        var runs = new ArrayList<Owned>();
        for (var i = 0; i < RUNS; i++) {
            runs.add(fixture.owned());
        }
        var appends = new ArrayList<Future<?>>();
        try (var locker = transaction()) {
            locker.createStatement().execute("lock table runs in exclusive mode");
            for (var run : runs) { // the first is under way, and the others gather
                appends.add(journal.append(run.id, run.fence, run.state, List.of(started())));
            }
            assertThat(told).isEmpty();
            locker.rollback();
        }

        await(Future.all(appends));
        journal.close();

        assertThat(told).extracting(Collection::size).containsExactly(1, RUNS - 1);
    }

    private static Connection transaction() throws Exception {
        var connection = DriverManager.getConnection(fixture.address.jdbcUrl(), fixture.address.jdbcProperties());
        connection.setAutoCommit(false);
        return connection;
    }

    private record Numbered(int number) implements GroupCommit.Entry {
        @Override
        public int rows() {
            return 1;
        }

        @Override
        public long bytes() {
            return 1;
        }

        @Override
        public void fail(Throwable cause) {
            throw new AssertionError(cause);
        }

        @Override
        public boolean isDropped() {
            return false;
        }

        @Override
        public boolean givesUp(Throwable error) {
            return false;
        }
    }

    /** Lost races, a database that is away, and a connection that broke: the last word may have been a commit. */
    @ParameterizedTest
    @ValueSource(strings = {"40001", "40P01", "57P03", "53300", "25006", "the connection broke"})
    void whatMayHavePassedOrMayPassLaterIsSentAgainAsItWasAndNotAtOnce(String why) {
        var batches = new ArrayList<List<Numbered>>();
        var paused = new AtomicBoolean();
        var pauses = new ArrayList<Boolean>();
        var gathered = Promise.<List<Numbered>>promise();
        var done = Promise.<Void>promise();
        var writers = new ArrayList<GroupCommit<Numbered>>();
        writers.add(new GroupCommit<>(fixture.database, (rows, took) -> {}, batch -> {
            batches.add(List.copyOf(batch));
            pauses.add(paused.get());
            if (batches.size() == 1) {
                return gathered.future();
            }
            if (batches.size() == 2) {
                writers.get(0).add(new Numbered(9)); // somebody new, while this one fails
                fixture.vertx.setTimer(5, unused -> paused.set(true)); // the shortest pause is 10 ms
                return Future.failedFuture(
                        why.length() == 5 ? new PgException("refused", "ERROR", why, "") : new IOException(why));
            }
            if (batches.size() == 4) {
                done.complete();
            }
            return Future.succeededFuture(List.of());
        }));
        for (var i = 0; i < 4; i++) {
            writers.get(0).add(new Numbered(i));
        }
        fixture.vertx.runOnContext(unused -> gathered.complete(List.of()));

        await(done.future());
        assertThat(batches.get(2)).as("sent again").isEqualTo(batches.get(1)).hasSize(3);
        assertThat(pauses.get(2)).as("after a pause").isTrue();
        assertThat(batches.get(3)).containsExactly(new Numbered(9));
    }
}
