package io.taskpilot.journal;

import static io.taskpilot.journal.JournalFixture.await;
import static io.taskpilot.journal.JournalFixture.ended;
import static io.taskpilot.journal.JournalFixture.failure;
import static io.taskpilot.journal.JournalFixture.request;
import static io.taskpilot.journal.JournalFixture.started;
import static io.taskpilot.journal.JournalFixture.turnCompleted;
import static io.taskpilot.journal.JournalFixture.turnStarted;
import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.LongRunning;
import io.taskpilot.engine.Journal;
import io.taskpilot.engine.Journal.Holding;
import io.taskpilot.engine.Journal.IdempotencyKey;
import io.taskpilot.journal.JournalFixture.Owned;
import io.taskpilot.journal.UnreliableWire.Break;
import io.taskpilot.run.Ids;
import io.taskpilot.run.Recorded;
import io.taskpilot.run.RunStatus;
import io.taskpilot.run.TaskChange;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@LongRunning
@Timeout(120)
class OutageTest {
    private UnreliableWire wire;
    private JournalFixture fixture;
    private JournalFixture direct;
    private UUID node;

    @BeforeEach
    void open() {
        var address = TestPostgres.database();
        wire = new UnreliableWire(address);
        fixture = JournalFixture.quick(wire.address());
        direct = new JournalFixture(address);
        node = fixture.register();
    }

    @AfterEach
    void close() {
        fixture.close();
        direct.close();
        wire.close();
    }

    @ParameterizedTest
    @EnumSource(Break.class)
    void anAppendIsWrittenExactlyOnceWhereverTheWireBreaks(Break where) {
        var run = fixture.owned().appended(started());
        wire.breakAt("agent.started", where);

        run.appended(turnStarted(1));

        assertThat(wire.breaks()).isEqualTo(1);
        assertThat(run.history()).extracting(Recorded::seq).containsExactly(1L, 2L, 3L);
        assertThat(run.history().get(2).at()).isEqualTo(run.state.lastAt());
        run.appended(turnCompleted(1, "and on"));
    }

    @Test
    void aWholeBatchSurvivesALostAnswer() {
        var runs = new ArrayList<Owned>();
        for (var i = 0; i < 30; i++) {
            runs.add(fixture.owned());
        }
        wire.breakAt("run.started", Break.BEFORE_THE_ANSWER);

        await(Future.all(runs.stream().map(run -> run.append(started())).toList()));

        assertThat(wire.breaks()).isEqualTo(1);
        for (var run : runs) {
            assertThat(run.history()).hasSize(2);
            assertThat(await(fixture.reader.run(run.id)).status()).isEqualTo(RunStatus.RUNNING);
        }
    }

    @Test
    void anAppendThatParksIsKnownAgainThoughItGaveTheRunAway() {
        var run = fixture.owned();
        wire.breakAt("approval.requested", Break.BEFORE_THE_ANSWER);

        run.parked();

        assertThat(wire.breaks()).isEqualTo(1);
        assertThat(run.history()).hasSize(4);
    }

    @Test
    void anAppendWithAConditionalChangeIsWrittenOnceThoughItsCommitIsUnknown() {
        var owner = fixture.owned();
        owner.appended(started(), JournalFixture.proposed(owner));
        var taskId = Ids.derived(owner.id, "task");
        var other = JournalFixture.calling(fixture.owned(), "update_task");
        var change = new TaskChange(TaskChange.Kind.UPDATE, taskId, 1, JournalFixture.task("Another title"));
        wire.breakAt("COMMIT", Break.BEFORE_THE_ANSWER);

        other.appended(JournalFixture.returned("update_task", change));

        assertThat(wire.breaks()).isEqualTo(1);
        assertThat(other.history()).hasSize(7);
        assertThat(await(fixture.reader.task(taskId)).version()).isEqualTo(2);
    }

    @Test
    void anAnswerCountsOnceThoughItsCommitIsUnknown() {
        var run = fixture.owned().parked();
        wire.breakAt("COMMIT", Break.BEFORE_THE_ANSWER);

        var state = await(fixture.journal.appendUnowned(run.id, (current, now) -> List.of(ended(RunStatus.CANCELLED))));

        assertThat(wire.breaks()).isEqualTo(1);
        assertThat(state.status()).isEqualTo(RunStatus.CANCELLED);
        assertThat(run.history()).hasSize(5);
    }

    @Test
    void runsOfAClaimWhoseAnswerWasLostAreFoundByTheNext() {
        await(direct.journal.create(request(), null, false));
        assertThat(await(fixture.journal.claim(1))).hasSize(1); // the statement is prepared now
        var request = request();
        await(direct.journal.create(request, null, false));
        wire.breakAt("B", Break.BEFORE_THE_ANSWER); // the bind message of whatever comes next

        assertThat(failure(fixture.journal.claim(1))).hasFieldOrPropertyWithValue("slug", "overload-journal");
        var claims = await(claimAsTheKeeperDoes(20));

        assertThat(claims)
                .as("a new fence: a third claim that is still under way must not find it as it was")
                .singleElement()
                .extracting("runId", "fence")
                .containsExactly(request.runId(), 3L);
        assertThat(await(fixture.journal.claim(10))).isEmpty();
    }

    /** As after an outage that lasted longer than any statement, with newcomers in most of the places since. */
    @Test
    void runsOfALostClaimAreFoundHoweverLateAndHoweverFewPlacesAreFree() {
        var nodes = new Nodes(fixture.database.shared(), fixture.database.heartbeats(), Duration.ZERO);
        await(nodes.register());
        await(direct.journal.create(request(), null, false));
        assertThat(await(nodes.claim(1))).hasSize(1); // the statement is prepared now
        var lost = new ArrayList<UUID>();
        for (var i = 0; i < 3; i++) {
            var request = request();
            await(direct.journal.create(request, null, false));
            lost.add(request.runId());
        }
        wire.breakAt("B", Break.BEFORE_THE_ANSWER); // the bind message of whatever comes next
        failure(nodes.claim(3));

        var found = new ArrayList<UUID>();
        for (var tries = 0; tries < 20 && found.size() < 3; tries++) {
            await(nodes.claim(1).otherwise(List.of())).forEach(claim -> found.add(claim.runId()));
        }

        assertThat(found).containsExactlyInAnyOrderElementsOf(lost);
        assertThat(await(nodes.claim(10))).isEmpty();
    }

    /** Again after a failure: the pool may hand out the broken connection once more before it notices. */
    private Future<List<Journal.Claim>> claimAsTheKeeperDoes(int tries) {
        return fixture.journal
                .claim(10)
                .recover(cause -> tries == 1 ? Future.failedFuture(cause) : claimAsTheKeeperDoes(tries - 1));
    }

    @ParameterizedTest
    @EnumSource(
            value = Break.class,
            names = {"BEFORE_IT_ARRIVES", "BEFORE_THE_ANSWER"})
    void aCreationIsWrittenExactlyOnceWhereverTheWireBreaks(Break where) {
        var request = request();
        var key = new IdempotencyKey("key-1", "POST /v1/runs", "k1", "body");
        wire.breakAt("run.accepted", where); // also in the statement that is prepared first
        var creation = await(fixture.journal.create(request, key, true));

        assertThat(wire.breaks()).isEqualTo(1);
        assertThat(creation.replayed()).isFalse();
        assertThat(creation.runId()).isEqualTo(request.runId());
        assertThat(await(fixture.journal.history(request.runId()))).hasSize(1);
    }

    @Test
    void aCreationWhoseCommitIsUnknownIsSentAgain() {
        fixture.owned(); // the statement is prepared now
        var request = request("a text of its own");
        wire.breakAt("a text of its own", Break.BEFORE_THE_ANSWER);

        var creation = await(fixture.journal.create(request, null, true));

        assertThat(wire.breaks()).isEqualTo(1);
        assertThat(creation.replayed()).isFalse();
        assertThat(await(fixture.journal.history(request.runId()))).hasSize(1);
    }

    @Test
    void newRunsAreRefusedWhileTheDatabaseIsAwayAndTakenWhenItIsBack() {
        fixture.owned();
        wire.down();

        assertThat(failure(fixture.journal.create(request(), null, true)))
                .hasFieldOrPropertyWithValue("slug", "overload-journal");
        assertThat(failure(fixture.reader.run(request().runId())))
                .hasFieldOrPropertyWithValue("slug", "overload-journal");
        assertThat(fixture.database.answers()).isFalse();

        wire.up();
        awaitAnswers();
        fixture.owned();
    }

    @Test
    void whileItIsKnownToBeAwayNobodyWaitsForTheRefusal() {
        fixture.owned();
        wire.down();
        failure(fixture.journal.create(request(), null, true));
        awaitAway();

        assertThat(fixture.journal.create(request(), null, true).failed()).isTrue();
    }

    @Test
    void whileCommitsAreHeldUpNobodyWaitsForTheRefusalEither() throws SQLException {
        var run = fixture.owned().appended(started());
        Future<?> append;
        try (var locker = DriverManager.getConnection(direct.address.jdbcUrl(), direct.address.jdbcProperties());
                var statement = locker.createStatement()) {
            locker.setAutoCommit(false);
            statement.execute("lock table runs in exclusive mode");
            append = run.append(turnStarted(1));
            failure(fixture.journal.create(request(), null, true));
            until(() -> !fixture.database.isWell());

            assertThat(fixture.journal.create(request(), null, true).failed()).isTrue();

            locker.rollback();
        }
        await(append);
        awaitAnswers();
        fixture.owned();
    }

    @Test
    void anIdleNodeLearnsOfItByItsHeartbeat() {
        wire.down();

        assertThat(failure(fixture.journal.heartbeat(node))).hasFieldOrPropertyWithValue("slug", "overload-journal");

        assertThat(fixture.database.answers()).isFalse();
    }

    @Test
    void aHeartbeatWaitsBehindNoReader() {
        var readers = new ArrayList<Future<?>>();
        for (var i = 0; i < JournalFixture.POOL; i++) {
            readers.add(direct.database.shared().run("select pg_sleep(5)"));
        }

        assertThat(await(direct.journal.heartbeat(node))).isNotNull();

        assertThat(readers).noneMatch(Future::isComplete);
        await(Future.join(readers));
    }

    @Test
    void aCreationNobodyWasToldOfIsTakenBack() {
        fixture.owned();
        var request = request("never to run");
        wire.goDownAt("never to run");
        var creation = fixture.journal.create(request, null, true);
        until(wire::isDown); // committed, and the two seconds pass

        assertThat(failure(creation)).hasFieldOrPropertyWithValue("slug", "overload-journal");

        wire.up();
        awaitAnswers();
        fixture.owned(); // comes after it
        assertThat(failure(direct.reader.run(request.runId()))).hasFieldOrPropertyWithValue("slug", "caller-not-found");
        assertThat(TestPostgres.query(
                        direct.address, "select count(*) from events where run_id = '" + request.runId() + "'"))
                .isEqualTo("0");
    }

    @Test
    void aRunThatARetryWasToldOfIsNotTakenBack() {
        direct.register();
        fixture.owned();
        var request = request("asked twice");
        var key = new IdempotencyKey("key-1", "POST /v1/runs", "k1", "body");
        wire.goDownAt("asked twice");
        var creation = fixture.journal.create(request, key, true);
        until(wire::isDown); // committed, and the two seconds pass
        assertThat(failure(creation)).hasFieldOrPropertyWithValue("slug", "overload-journal");
        var retry = await(direct.journal.create(request(), key, true));
        assertThat(retry.replayed()).isTrue();

        wire.up();
        awaitAnswers();
        fixture.owned(); // comes after it

        assertThat(await(direct.journal.history(retry.runId()))).hasSize(1);
        assertThat(await(direct.journal.claim(10)))
                .as("whoever has room drives it")
                .containsExactly(new Journal.Claim(request.runId(), 2, "new", 0));
    }

    @Test
    void aRunWhoseCreationIsNotSettledIsNoStray() {
        var settled = fixture.owned();
        var request = request("never to run");
        wire.breakAt("never to run", Break.SILENCE_AFTER_IT);
        var creation = fixture.journal.create(request, null, true);
        until(() -> count("runs").equals("2"));

        assertThat(await(fixture.journal.strays(Set.of(), 10)))
                .extracting(Journal.Stray::holding)
                .containsExactly(new Holding(settled.id, settled.fence));
        assertThat(await(fixture.journal.strays(Set.of(new Holding(settled.id, settled.fence)), 10)))
                .isEmpty();
        assertThat(await(fixture.journal.strays(Set.of(new Holding(settled.id, settled.fence + 1)), 10)))
                .as("held with another fence")
                .hasSize(1);

        assertThat(failure(creation)).hasFieldOrPropertyWithValue("slug", "overload-journal");
        until(() -> count("runs").equals("1"));
    }

    @Test
    void aRunThatIsCommittedIsNotRefusedWhenOneOfTheSameBatchMeetsAnError() throws SQLException {
        var address = direct.address;
        var expired = new IdempotencyKey("key-1", "POST /v1/runs", "k1", "body");
        await(fixture.journal.create(request(), expired, true));
        TestPostgres.execute(address, """
                create sequence deletes;
                create function fail_once() returns trigger language plpgsql as $$ begin
                  if nextval('deletes') = 1 then raise exception 'once' using errcode = '57014'; end if;
                  return null;
                end $$;
                create trigger fail_once before delete on idempotency_keys execute function fail_once();
                update idempotency_keys set created_at = now() - interval '25 hours';
                """);
        Future<Journal.Creation> fresh;
        Future<Journal.Creation> again;
        try (var locker = DriverManager.getConnection(address.jdbcUrl(), address.jdbcProperties());
                var statement = locker.createStatement()) {
            locker.setAutoCommit(false);
            statement.execute("lock table idempotency_keys in share mode");
            fixture.journal.create(request(), null, true); // on its way, so that the next two share a batch
            fresh = fixture.journal.create(request(), null, true);
            again = fixture.journal.create(request(), expired, true);
            locker.rollback();
        }

        assertThat(await(fresh).replayed()).isFalse();
        assertThat(failure(again)).as("the one that met it").hasFieldOrPropertyWithValue("slug", "overload-journal");
    }

    @Test
    void leavingIsTriedAgainButNotForEver() {
        wire.breakAt("delete from nodes", Break.BEFORE_IT_ARRIVES);

        await(fixture.journal.deregister(node));

        assertThat(wire.breaks()).isEqualTo(1);
        assertThat(count("nodes")).isEqualTo("0");
        wire.down();
        assertThat(failure(fixture.journal.deregister(node))).hasFieldOrPropertyWithValue("slug", "overload-journal");
    }

    @Test
    void runningRunsWaitForTheDatabaseAndGoOnWithoutAGap() {
        var runs = new ArrayList<Owned>();
        for (var i = 0; i < 20; i++) {
            runs.add(fixture.owned().appended(started()));
        }
        wire.down();
        var appends = runs.stream().map(run -> run.append(turnStarted(1))).toList();
        awaitAway();
        assertThat(appends).noneMatch(Future::isComplete);

        wire.up();
        await(Future.all(appends));

        for (var run : runs) {
            assertThat(run.history())
                    .extracting(Recorded::seq)
                    .containsExactlyElementsOf(
                            LongStream.rangeClosed(1, 3).boxed().toList());
        }
    }

    @Test
    void onePendingAppendTooManyIsRefusedRatherThanHeld() {
        var big = "x".repeat(900_000);
        var runs = new ArrayList<Owned>();
        for (var i = 0; i < 80; i++) {
            runs.add(fixture.owned().appended(started(), turnStarted(1)));
        }
        wire.down();

        var appends =
                runs.stream().map(run -> run.append(turnCompleted(1, big))).toList();
        var refused = appends.stream().filter(Future::failed).toList();

        assertThat(refused).isNotEmpty().hasSizeLessThan(20);
        assertThat(refused.get(0).cause()).isInstanceOf(Journal.NoRoom.class);
        wire.up();
        var written = await(Future.all(
                        appends.stream().filter(append -> !append.failed()).toList()))
                .<Owned>list();
        written.get(0).appended(turnStarted(2), turnCompleted(2, big)); // there is room again
    }

    @Test
    void anAppendGoesOnThoughItsConnectionHungWhileItWasOpened() {
        try (var patient = new JournalFixture(wire.address())) {
            patient.register();
            var run = patient.owned().appended(started());
            wire.mute();
            var append = run.append(turnStarted(1));
            until(() -> wire.ignored() > 0);
            wire.up(); // for new connections: those it took stay silent

            await(append);

            assertThat(run.history()).hasSize(3);
            until(() -> wire.ignored() == 0);
        }
    }

    @Test
    void readersFindConnectionsAgainThoughAllOfTheirsHungWhileTheyWereOpened() {
        try (var patient = new JournalFixture(wire.address())) {
            patient.register();
            var run = patient.owned();
            wire.mute();
            var reads = new ArrayList<Future<?>>();
            for (var i = 0; i < 2 * JournalFixture.POOL; i++) {
                reads.add(patient.reader.run(run.id));
            }
            until(() -> wire.ignored() >= JournalFixture.POOL - 1); // one may get the connection that was cut
            reads.forEach(read -> assertThat(failure(read)).hasFieldOrPropertyWithValue("slug", "overload-journal"));
            wire.up();

            await(allConnections(patient));

            assertThat(await(patient.reader.run(run.id)).status()).isEqualTo(RunStatus.QUEUED);
            until(() -> wire.ignored() == 0);
        }
    }

    @Test
    void whoeverHasAConnectionKeepsItWhileOthersThatHangAreReplaced() {
        try (var patient = new JournalFixture(wire.address())) {
            var holds = Promise.<Void>promise();
            var held = patient.database.shared().transaction(sql -> {
                holds.complete();
                return sql.run("select pg_sleep(4)")
                        .compose(unused -> sql.run("select pg_sleep(4)"))
                        .compose(unused -> sql.run("select 'held', pg_sleep(4)"));
            });
            await(holds.future());
            wire.muteNew();
            var reads = new ArrayList<Future<?>>();
            for (var i = 1; i < JournalFixture.POOL; i++) {
                reads.add(patient.reader.run(UUID.randomUUID()));
            }
            until(() -> wire.ignored() == JournalFixture.POOL - 1);
            reads.forEach(read -> assertThat(failure(read)).hasFieldOrPropertyWithValue("slug", "overload-journal"));
            wire.up();

            await(allConnections(patient));

            assertThat(await(held).iterator().next().getString(0)).isEqualTo("held");
            until(() -> wire.ignored() == 0);
        }
    }

    @Test
    void aSessionThatHangsWhileItIsOpenedIsGivenUp() {
        wire.mute();
        var retention = new PgRetention(fixture.database);

        assertThat(failure(retention.turn())).hasFieldOrPropertyWithValue("slug", "overload-journal");

        assertThat(wire.everIgnored()).isPositive();
        until(() -> wire.ignored() == 0);
        wire.up();
        await(await(retention.turn()).end());
    }

    private static Future<?> allConnections(JournalFixture of) {
        return Future.all(LongStream.range(0, JournalFixture.POOL)
                .mapToObj(i -> of.database.shared().run("select pg_sleep(1)"))
                .toList());
    }

    @Test
    void aRunThatItsNodeClaimsBackIsAppendedToThoughAnAppendFromBeforeStillHangs() {
        var run = fixture.owned().appended(started());
        wire.breakAt("agent.started", Break.SILENCE);
        var before = run.append(turnStarted(1));
        awaitBreak();
        await(direct.journal.declareDead(direct.register(), true));
        fixture.register();
        var claim = await(fixture.journal.claim(1)).get(0);

        var again = fixture.new Owned(claim.runId(), claim.fence());
        again.appended(turnStarted(1));

        assertThat(claim.fence()).isGreaterThan(run.fence);
        assertThat(failure(before)).isInstanceOf(Journal.LostRun.class);
        assertThat(again.history()).extracting(Recorded::seq).containsExactly(1L, 2L, 3L);
        assertThat(failure(run.append(turnStarted(1)))).isInstanceOf(Journal.LostRun.class);
        again.appended(turnCompleted(1, "and on"));
    }

    private String count(String table) {
        return TestPostgres.query(direct.address, "select count(*) from " + table);
    }

    private void awaitAnswers() {
        until(fixture.database::isWell);
    }

    private void awaitAway() {
        until(() -> !fixture.database.answers());
    }

    private void awaitBreak() {
        until(() -> wire.breaks() > 0);
    }

    private static void until(BooleanSupplier condition) {
        var end = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime())
                    .as("it did not come to it within 60 s")
                    .isLessThan(end);
            LockSupport.parkNanos(1_000_000);
        }
    }
}
