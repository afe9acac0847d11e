package io.taskpilot.journal;

import static io.taskpilot.journal.JournalFixture.await;
import static io.taskpilot.journal.JournalFixture.checked;
import static io.taskpilot.journal.JournalFixture.ended;
import static io.taskpilot.journal.JournalFixture.failure;
import static io.taskpilot.journal.JournalFixture.proposed;
import static io.taskpilot.journal.JournalFixture.request;
import static io.taskpilot.journal.JournalFixture.started;
import static io.taskpilot.journal.JournalFixture.turnCompleted;
import static io.taskpilot.journal.JournalFixture.turnStarted;
import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.engine.Journal.LostRun;
import io.taskpilot.engine.Journal.TaskConflict;
import io.taskpilot.journal.JournalFixture.Owned;
import io.taskpilot.resilience.Failure;
import io.taskpilot.run.DecisionResult;
import io.taskpilot.run.Ids;
import io.taskpilot.run.Recorded;
import io.taskpilot.run.ReviewVerdict;
import io.taskpilot.run.RunEvent;
import io.taskpilot.run.RunStatus;
import io.taskpilot.run.TaskChange;
import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;

class AppendTest {
    private static JournalFixture fixture;

    @BeforeAll
    static void open(TestInfo test) {
        fixture = new JournalFixture(test);
        fixture.register();
    }

    @AfterAll
    static void close() {
        fixture.close();
    }

    @Test
    void whatIsAppendedIsReadBackInOrder() {
        var run = fixture.owned()
                .appended(started(), checked(DecisionResult.ALLOW))
                .appended(turnStarted(1))
                .appended(turnCompleted(1, "here you are"), ended(RunStatus.SUCCEEDED));

        var history = run.history();

        assertThat(history).extracting(Recorded::seq).containsExactly(1L, 2L, 3L, 4L, 5L, 6L);
        assertThat(history.get(4).event()).isEqualTo(turnCompleted(1, "here you are"));
        assertThat(history).extracting(Recorded::at).isSorted();
    }

    @Test
    void theRunsRowFollowsTheEvents() {
        var run =
                fixture.owned().appended(started(), turnStarted(1), turnCompleted(1, "x"), ended(RunStatus.SUCCEEDED));

        var view = await(fixture.reader.run(run.id));

        assertThat(view.status()).isEqualTo(RunStatus.SUCCEEDED);
        assertThat(view.output()).isNotNull().extracting("text").isEqualTo("done");
        assertThat(view.usage().costUsd()).isEqualTo(0.25);
        assertThat(view.lastSeq()).isEqualTo(5);
        assertThat(view.metadata()).containsEntry("team", "blue");
        assertThat(view.finishedAt()).isEqualTo(run.state.lastAt());
    }

    @Test
    void anotherFenceIsRefusedAndNothingIsWritten() {
        var run = fixture.owned().appended(started());

        var failure = failure(fixture.journal.append(run.id, run.fence + 1, run.state, List.of(turnStarted(1))));

        assertThat(failure).isInstanceOf(LostRun.class);
        assertThat(run.history()).hasSize(2);
    }

    @Test
    void anAppendBehindTheLastSeqIsRefused() {
        var run = fixture.owned();
        var before = run.state;
        run.appended(started());

        var failure = failure(fixture.journal.append(run.id, run.fence, before, List.of(started())));

        assertThat(failure).isInstanceOf(LostRun.class);
        assertThat(fixture.wentBack).isEmpty();
    }

    @Test
    void aReleasedRunTakesNoMoreFromItsLastOwner() {
        var run = fixture.owned().appended(started());

        assertThat(await(fixture.journal.release(run.id, run.fence))).isTrue();

        assertThat(failure(run.append(turnStarted(1)))).isInstanceOf(LostRun.class);
        assertThat(await(fixture.journal.release(run.id, run.fence))).isFalse();
    }

    @Test
    void lostCommitsAreToldLoudly() {
        try (var mine = new JournalFixture()) {
            mine.register();
            var run = mine.owned().appended(started());
            TestPostgres.execute(mine.address, "update runs set last_seq = 1");

            assertThat(failure(run.append(turnStarted(1)))).isInstanceOf(LostRun.class);

            assertThat(mine.wentBack).singleElement().asString().contains(run.id.toString());
        }
    }

    @Test
    void manyRunsFromManyEventLoopsStayGaplessAndOnTheirContexts() {
        var rounds = 15;
        var done = new ArrayList<Future<Owned>>();
        for (var i = 0; i < 120; i++) {
            var context = fixture.vertx.getOrCreateContext();
            var promise = Promise.<Owned>promise();
            done.add(promise.future());
            context.runOnContext(unused -> driven(context, rounds).onComplete(promise));
        }

        for (var run : await(Future.all(done)).<Owned>list()) {
            assertThat(run.history())
                    .extracting(Recorded::seq)
                    .containsExactlyElementsOf(
                            LongStream.rangeClosed(1, rounds * 2L + 2).boxed().toList());
        }
    }

    private static Future<Owned> driven(Context context, int rounds) {
        var request = request();
        return fixture.journal
                .create(request, null, true)
                .map(creation -> fixture.new Owned(request, creation))
                .compose(run -> run.append(started()))
                .compose(run -> turns(context, run, 1, rounds));
    }

    private static Future<Owned> turns(Context context, Owned run, int turn, int rounds) {
        assertThat(Vertx.currentContext()).isSameAs(context);
        return turn > rounds
                ? Future.succeededFuture(run)
                : run.append(turnStarted(turn), turnCompleted(turn, "t" + turn))
                        .compose(same -> turns(context, same, turn + 1, rounds));
    }

    @Test
    void aBadRowHurtsNobodyElseInItsBatch() {
        var bad = fixture.owned().appended(started());
        var taken = fixture.owned().appended(started(), proposed(bad)); // the task id that the bad one will want
        var others = new ArrayList<Owned>();
        for (var i = 0; i < 20; i++) {
            others.add(fixture.owned().appended(started()));
        }

        var appends = new ArrayList<Future<?>>();
        others.subList(0, 10).forEach(run -> appends.add(run.append(turnStarted(1))));
        var refused = bad.append(proposed(bad));
        others.subList(10, 20).forEach(run -> appends.add(run.append(turnStarted(1))));

        assertThat(failure(refused))
                .isInstanceOfSatisfying(
                        Failure.class, failure -> assertThat(failure.slug()).isEqualTo("internal-journal"));
        await(Future.all(appends));
        assertThat(bad.history()).hasSize(2);
        assertThat(taken.history()).hasSize(3);
    }

    @Test
    void eventsThatCannotFollowAreABugOfOursAndTouchNothing() {
        var run = fixture.owned();

        var failure = failure(run.append(ended(RunStatus.SUCCEEDED))); // queued cannot become succeeded

        assertThat(failure).hasFieldOrPropertyWithValue("slug", "internal-journal");
        assertThat(run.history()).hasSize(1);
    }

    @Test
    void twoAppendsAtOnceForOneRunAreRefused() {
        var run = fixture.owned();

        var first = run.append(started());
        var second = fixture.journal.append(run.id, run.fence, run.state, List.of(started()));

        assertThat(failure(second)).hasFieldOrPropertyWithValue("slug", "internal-journal");
        await(first);
        assertThat(run.history()).hasSize(2);
    }

    @Test
    void aRowThatSomebodyHoldsOnToHoldsUpNobodyElse() throws Exception {
        var held = fixture.owned().appended(started());
        var first = fixture.owned().appended(started());
        var other = fixture.owned().appended(started());
        try (var lock = lock(held)) {
            var goesFirst = first.append(turnStarted(1));
            var waits = held.append(turnStarted(1));
            var goes = other.append(turnStarted(1)); // in one batch with it

            await(goesFirst);
            await(goes);
            other.appended(turnCompleted(1, "and on"));
            other.appended(turnStarted(2));

            assertThat(waits.isComplete()).isFalse();
            lock.rollback();
            await(waits);
        }
        assertThat(held.history()).hasSize(3);
        held.appended(turnCompleted(1, "and on"));
    }

    @Test
    void whoeverDoesNotOwnARunTakesNoLockOnItWhileItsOwnerLives() throws Exception {
        var run = fixture.owned().appended(started());
        try (var lock = lock(run)) {
            var refused = fixture.journal.appendUnowned(run.id, (state, now) -> List.of(ended(RunStatus.CANCELLED)));

            assertThat(failure(refused)).isInstanceOf(LostRun.class); // its owner lives: no need to wait to see that
            assertThat(lock.isClosed()).isFalse();
        }
        assertThat(run.history()).hasSize(2);
    }

    /** Somebody else's transaction with a lock on the run's row, until it is closed or rolled back. */
    private static Connection lock(Owned run) throws SQLException {
        var address = fixture.address;
        var connection = DriverManager.getConnection(address.jdbcUrl(), address.jdbcProperties());
        connection.setAutoCommit(false);
        try (var statement = connection.createStatement()) {
            statement.execute("select id from runs where id = '" + run.id + "' for update");
        }
        return connection;
    }

    @Test
    void nulCharactersAndHalfSurrogatesBecomeReplacementCharacters() {
        var request = request("a\0b\ud800c\ud83d\ude00");
        var run = fixture.new Owned(request, await(fixture.journal.create(request, null, true)));
        run.appended(started(), turnStarted(1), turnCompleted(1, "x\0y \\u0000 z\udc00"));

        assertThat(await(fixture.reader.run(run.id)).input()).isEqualTo("a\ufffdb\ufffdc\ud83d\ude00");
        assertThat(run.history().get(3).event()).isEqualTo(turnCompleted(1, "x\ufffdy \\u0000 z\ufffd"));
    }

    @Test
    void cancelIsToldByTheNextAppend() {
        var run = fixture.owned().appended(started());

        assertThat(await(fixture.journal.requestCancel(run.id))).isEqualTo(RunStatus.RUNNING);

        var appended = await(fixture.journal.append(run.id, run.fence, run.state, List.of(turnStarted(1))));
        assertThat(appended.cancelRequested()).isTrue();
        assertThat(failure(fixture.journal.requestCancel(UUID.randomUUID())))
                .hasFieldOrPropertyWithValue("slug", "caller-not-found");
    }

    @Test
    void theCommitIsSignalledOnceForAllRunsOfABatch() {
        var run = fixture.owned();
        fixture.signals.clear();

        run.appended(started());

        assertThat(fixture.signals).contains(run.id);
    }

    @Test
    void aTaskMovesWithItsRun() {
        var run = fixture.owned();
        var taskId = Ids.derived(run.id, "task");
        run.appended(started(), proposed(run), new RunEvent.ReviewCompleted(ReviewVerdict.APPROVE));

        assertThat(await(fixture.reader.task(taskId)).status()).isEqualTo("approved");
        assertThat(await(fixture.reader.task(taskId)).version()).isEqualTo(2);

        run.appended(ended(RunStatus.FAILED));
        assertThat(await(fixture.reader.task(taskId)).status()).isEqualTo("failed");
        assertThat(await(fixture.reader.task(taskId)).version()).isEqualTo(3);
    }

    @Test
    void aLostRaceForATaskTakesTheWholeAppendBack() {
        var owner = fixture.owned();
        var taskId = Ids.derived(owner.id, "task");
        owner.appended(started(), proposed(owner));
        var other = JournalFixture.calling(fixture.owned(), "update_task");
        var third = JournalFixture.calling(fixture.owned(), "update_task");
        var change = new TaskChange(TaskChange.Kind.UPDATE, taskId, 1, JournalFixture.task("Another title"));

        other.appended(JournalFixture.returned("update_task", change));
        var failure = failure(third.append(JournalFixture.returned("update_task", change)));

        assertThat(failure).isInstanceOf(TaskConflict.class);
        assertThat(third.history()).hasSize(6);
        assertThat(await(fixture.reader.task(taskId)).task().title()).isEqualTo("Another title");
        third.appended(JournalFixture.returned("update_task")); // the driver tells the agent, and goes on
        assertThat(third.history()).hasSize(7);
    }

    @Test
    void aTaskIsDeletedOnceOnly() {
        var owner = fixture.owned();
        var taskId = Ids.derived(owner.id, "task");
        owner.appended(started(), proposed(owner));
        var first = JournalFixture.calling(fixture.owned(), "delete_task");
        var second = JournalFixture.calling(fixture.owned(), "delete_task");
        var delete = new TaskChange(TaskChange.Kind.DELETE, taskId, 1, null);

        first.appended(JournalFixture.returned("delete_task", delete));

        assertThat(failure(second.append(JournalFixture.returned("delete_task", delete))))
                .isInstanceOf(TaskConflict.class);
        assertThat(failure(fixture.reader.task(taskId))).hasFieldOrPropertyWithValue("slug", "caller-not-found");
    }
}
