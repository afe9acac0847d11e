package io.taskpilot.journal;

import static io.taskpilot.journal.JournalFixture.await;
import static io.taskpilot.journal.JournalFixture.ended;
import static io.taskpilot.journal.JournalFixture.failure;
import static io.taskpilot.journal.JournalFixture.request;
import static io.taskpilot.journal.JournalFixture.started;
import static io.taskpilot.journal.JournalFixture.turnStarted;
import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.engine.Journal.Claim;
import io.taskpilot.engine.Journal.LostRun;
import io.taskpilot.engine.Journal.Reaction;
import io.taskpilot.run.ApprovalAnswer;
import io.taskpilot.run.Ids;
import io.taskpilot.run.RunEvent;
import io.taskpilot.run.RunRequest;
import io.taskpilot.run.RunState;
import io.taskpilot.run.RunStatus;
import io.vertx.core.Future;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;

class OwnershipTest {
    private JournalFixture one;
    private JournalFixture two;
    private long made = System.currentTimeMillis();

    @BeforeEach
    void open(TestInfo test) {
        one = new JournalFixture(test);
        two = one.another();
    }

    @AfterEach
    void close() {
        one.close();
        two.close();
    }

    @Test
    void runsOfALivingNodeAreNeverClaimed() {
        one.register();
        var other = two.register();
        one.owned().appended(started());
        TestPostgres.execute(
                one.address,
                "update nodes set expires_at = now() - interval '1 hour' where id <> '%s'"
                        .formatted(other)); // expired, but not declared

        assertThat(await(two.journal.claim(10))).isEmpty();
    }

    @Test
    void aNodeIsDeclaredDeadOnlyOnceItsTimeIsOver() {
        var dead = one.register();
        var living = two.register();

        assertThat(await(two.journal.declareDead(living, false))).isZero();

        expire(dead);
        assertThat(await(two.journal.declareDead(living, false))).isEqualTo(1);
        assertThat(await(two.journal.declareDead(living, false))).isZero();
        assertThat(await(one.journal.heartbeat(dead))).isNull();
        assertThat(await(two.journal.heartbeat(living))).isNotNull();
    }

    @Test
    void aHeartbeatRenewsForTenSecondsOfTheDatabasesTime() {
        var node = one.register();
        expire(node);

        var at = Objects.requireNonNull(await(one.journal.heartbeat(node))).at();

        assertThat(TestPostgres.query(
                        one.address,
                        "select round(extract(epoch from expires_at - timestamptz '%s')) from nodes".formatted(at)))
                .isEqualTo("10");
    }

    @Test
    void aNodeThatIsNotLiveItselfDeclaresNobody() {
        var dead = one.register();
        var me = two.register();
        expire(dead);
        expire(me); // sent before a long stall, executed after it

        assertThat(await(two.journal.declareDead(me, false))).isZero();
        assertThat(await(one.journal.heartbeat(dead))).isNotNull();
    }

    @Test
    void aSoleServerDeclaresAllOthersAtOnce() {
        one.register();
        var me = two.register();

        assertThat(await(two.journal.declareDead(me, true))).isEqualTo(1);
        assertThat(await(two.journal.heartbeat(me))).isNotNull();
    }

    @Test
    void runsOfADeadNodeAreTakenOverAndItsAppendsRefused() {
        var dead = one.register();
        var run = one.owned().appended(started());
        var me = two.register();
        expire(dead);
        await(two.journal.declareDead(me, false));

        var claims = await(two.journal.claim(10));

        assertThat(claims).containsExactly(new Claim(run.id, run.fence + 1, "node_dead", 1));
        assertThat(failure(run.append(turnStarted(1)))).isInstanceOf(LostRun.class);
        two.new Owned(run.id, run.fence + 1).appended(new RunEvent.Resumed("node_dead"));
        assertThat(await(two.reader.run(run.id)).attempt()).isEqualTo(2);
        assertThat(await(two.journal.claim(10))).isEmpty();
    }

    @Test
    void stallsCountTakeoversWithNothingBetweenThem() {
        one.register();
        var run = one.owned().appended(started(), turnStarted(1));

        assertThat(takenOver(run.id).stalls()).isEqualTo(1);
        assertThat(takenOver(run.id).stalls()).isEqualTo(2);
        var claim = takenOver(run.id);
        assertThat(claim.stalls()).isEqualTo(3);
        two.new Owned(run.id, claim.fence()).appended(turnStarted(2));
        assertThat(takenOver(run.id).stalls()).isEqualTo(1);
    }

    /** All nodes die; a new one claims the run and resumes it. */
    private Claim takenOver(UUID runId) {
        await(two.journal.declareDead(two.register(), true));
        var claim = await(two.journal.claim(10)).get(0);
        two.new Owned(runId, claim.fence()).appended(new RunEvent.Resumed("node_dead"));
        return claim;
    }

    @Test
    void whyARunIsClaimableIsTold() {
        one.register();
        two.register();
        var fresh = request();
        await(one.journal.create(fresh, null, false));
        assertThat(await(two.journal.claim(1))).containsExactly(new Claim(fresh.runId(), 2, "new", 0));

        var released = one.owned().appended(started());
        await(one.journal.release(released.id, released.fence));
        assertThat(await(two.journal.claim(1))).containsExactly(new Claim(released.id, 2, "released", 0));

        var answered = one.owned().parked();
        assertThat(await(two.journal.claim(1))).isEmpty();
        await(one.journal.appendUnowned(answered.id, approve()));
        assertThat(await(two.journal.claim(1))).containsExactly(new Claim(answered.id, 3, "answered", 0));
    }

    @Test
    void tenantsAreServedInTurnHoweverManyPlacesBecomeFreeAtATime() {
        one.register();
        var busy = List.of(queued("busy"), queued("busy"), queued("busy"), queued("busy"));
        var calm = List.of(queued("calm"), queued("calm"));

        assertThat(claimed(3)).containsExactlyInAnyOrder(busy.get(0), calm.get(0), busy.get(1));
        assertThat(claimed(1)).containsExactly(calm.get(1));
        assertThat(claimed(1)).containsExactly(busy.get(2));
        assertThat(claimed(5)).containsExactly(busy.get(3));
    }

    @Test
    void aNewRunThatWasClaimedAndGivenBackKeepsItsTurn() {
        one.register();
        queued("busy");
        var second = queued("busy");
        claimed(1);
        var claim = await(one.journal.claim(1)).get(0);
        assertThat(claim.runId()).isEqualTo(second);
        await(one.journal.release(second, claim.fence()));
        var calm = queued("calm");

        assertThat(claimed(1)).containsExactly(calm);
        assertThat(claimed(1)).containsExactly(second);
    }

    @Test
    void whatWasUnderWayIsClaimedBeforeWhatIsNew() {
        one.register();
        var waiting = queued("other");
        var released = one.owned().appended(started());
        await(one.journal.release(released.id, released.fence));

        assertThat(claimed(1)).containsExactly(released.id);
        assertThat(claimed(1)).containsExactly(waiting);
    }

    @Test
    void whoWaitsIsCountedAndFoundAtItsDeadline() {
        one.register();
        var first = queued("default");
        queued("default");

        assertThat(await(one.journal.waiting(10))).isEqualTo(2);
        assertThat(await(one.journal.waiting(1))).isEqualTo(1);
        assertThat(await(one.journal.overdue(10))).isEmpty();
        TestPostgres.execute(
                one.address,
                "update runs set created_at = created_at - interval '6 minutes' where id = '%s'".formatted(first));
        assertThat(await(one.journal.overdue(10))).containsExactly(first);
        claimed(1);
        assertThat(await(one.journal.waiting(10))).isEqualTo(1);
    }

    private UUID queued(String tenant) {
        var run = request();
        var of = new RunRequest(
                Ids.at(++made, ThreadLocalRandom.current()), // in order, also within a millisecond
                tenant,
                run.principal(),
                run.roles(),
                run.requestId(),
                run.input(),
                run.metadata(),
                run.timeout(),
                run.requireApproval());
        await(one.journal.create(of, null, false));
        return of.runId();
    }

    private List<UUID> claimed(int max) {
        return await(one.journal.claim(max)).stream().map(Claim::runId).toList();
    }

    @Test
    void severalClaimersNeverGetTheSameRun() {
        one.register();
        two.register();
        for (var i = 0; i < 40; i++) {
            await(one.journal.create(request(), null, false));
        }

        var claims = new ArrayList<Future<List<Claim>>>();
        for (var i = 0; i < 10; i++) {
            claims.add(one.journal.claim(7));
            claims.add(two.journal.claim(7));
        }

        var runs = await(Future.all(claims)).<List<Claim>>list().stream()
                .flatMap(List::stream)
                .map(Claim::runId)
                .toList();
        assertThat(runs).doesNotHaveDuplicates();
        assertThat(runs.size() + await(one.journal.claim(100)).size()).isEqualTo(40);
    }

    @Test
    void claimsAndReleasesInEachOthersWayGiveEveryFenceToOneOwner() {
        one.register();
        two.register();
        for (var i = 0; i < 4; i++) {
            await(one.journal.create(request(), null, false));
        }

        var claims = await(Future.all(grabbing(one, 60), grabbing(two, 60), grabbing(one, 60), grabbing(two, 60)))
                .<List<Claim>>list()
                .stream()
                .flatMap(List::stream)
                .map(claim -> claim.runId() + " " + claim.fence())
                .toList();

        assertThat(claims).isNotEmpty().doesNotHaveDuplicates();
        assertThat(TestPostgres.query(one.address, "select sum(fence - 1) from runs"))
                .isEqualTo(Integer.toString(claims.size()));
    }

    /** Claims and releases again and again; everything it got. */
    private static Future<List<Claim>> grabbing(JournalFixture node, int times) {
        return times == 0
                ? Future.succeededFuture(List.of())
                : node.journal
                        .claim(3)
                        .compose(claims -> released(node, claims)
                                .compose(unused -> grabbing(node, times - 1))
                                .map(later -> {
                                    var all = new ArrayList<>(claims);
                                    all.addAll(later);
                                    return all;
                                }));
    }

    private static Future<?> released(JournalFixture node, List<Claim> claims) {
        return Future.all(claims.stream()
                .map(claim -> node.journal.release(claim.runId(), claim.fence()))
                .toList());
    }

    @Test
    void aRunWhoseOwnerLeftTheTableIsClaimable() {
        var gone = one.register();
        var run = one.owned().appended(started());
        two.register();
        TestPostgres.execute(one.address, "delete from nodes where id = '" + gone + "'");

        assertThat(await(two.journal.claim(10))).containsExactly(new Claim(run.id, 2, "node_dead", 1));
    }

    @Test
    void aNodeThatIsNotLiveClaimsNothing() {
        var dead = one.register();
        await(two.journal.declareDead(two.register(), true));
        await(two.journal.create(request(), null, false));

        assertThat(await(one.journal.claim(10))).isEmpty();
        assertThat(await(one.journal.heartbeat(dead))).isNull();
    }

    @Test
    void aRunOfAnUnknownFormatIsLeftAlone() {
        one.register();
        await(one.journal.create(request(), null, false));
        TestPostgres.execute(one.address, "update runs set format = 99");

        assertThat(await(one.journal.claim(10))).isEmpty();
    }

    @Test
    void theHeartbeatTellsOfCancels() {
        var node = one.register();
        var run = one.owned().appended(started());
        await(two.journal.requestCancel(run.id));

        var heartbeat = Objects.requireNonNull(await(one.journal.heartbeat(node)));

        assertThat(heartbeat.cancelRequested()).containsExactly(run.id);
    }

    @Test
    void aNodeThatLeavesInOrderFreesItsRunsAtOnce() {
        var leaving = one.register();
        var run = one.owned().appended(started());
        two.register();

        await(one.journal.deregister(leaving));

        assertThat(await(two.journal.claim(10))).containsExactly(new Claim(run.id, 2, "released", 0));
    }

    @Test
    void ofTwoAnswersAtOnceOneWins() {
        one.register();
        for (var round = 0; round < 10; round++) {
            var run = one.owned().parked();
            var first = one.journal.appendUnowned(run.id, approve());
            var second = two.journal.appendUnowned(run.id, approve());

            var outcomes = List.of(outcome(first), outcome(second));

            assertThat(outcomes).containsExactlyInAnyOrder("answered", "409");
            assertThat(run.history()).hasSize(5);
        }
    }

    private static String outcome(Future<RunState> answer) {
        return await(answer.transform((state, error) -> Future.succeededFuture(
                error == null ? "answered" : error instanceof Conflict ? "409" : error.toString())));
    }

    /** What the engine does: it refuses a second answer by throwing. */
    private static Reaction approve() {
        return (run, now) -> {
            var asked = run.asked();
            if (asked == null) {
                throw new Conflict();
            }
            return List.of(new RunEvent.ApprovalDecided(
                    asked.approvalId(), ApprovalAnswer.APPROVE, "key-2", List.of("approver"), "fine", null));
        };
    }

    private static final class Conflict extends RuntimeException {
        private static final long serialVersionUID = 1L;
    }

    @Test
    void anAnswerMovesApprovalTaskRunAndDecisionTogether() {
        one.register();
        var run = one.owned().parked();
        var approvalId = Objects.requireNonNull(run.state.asked()).approvalId();
        assertThat(await(one.reader.run(run.id)).pendingApproval()).isEqualTo(approvalId);
        assertThat(await(one.reader.approval(approvalId)).status()).isEqualTo("pending");

        var state = await(two.journal.appendUnowned(run.id, approve()));

        assertThat(state.status()).isEqualTo(RunStatus.RUNNING);
        var approval = await(one.reader.approval(approvalId));
        assertThat(approval.status()).isEqualTo("answered");
        assertThat(approval.answered()).isNotNull().extracting("by").isEqualTo("key-2");
        var view = await(one.reader.run(run.id));
        assertThat(view.pendingApproval()).isNull();
        assertThat(view.parked()).isPositive();
        assertThat(await(one.reader.task(Objects.requireNonNull(state.taskId())))
                        .status())
                .isEqualTo("approved");
        assertThat(await(one.reader.verifyDecisions(run.id, progress -> Future.succeededFuture()))
                        .checked()
                        .rows())
                .isEqualTo(1);
        assertThat(one.new Owned(run.id, 9).state.parked()).isEqualTo(state.parked());
    }

    @Test
    void noAnswerReachesARunThatALivingNodeOwns() {
        one.register();
        var run = one.owned().appended(started());

        var failure = failure(two.journal.appendUnowned(run.id, (state, now) -> List.of(ended(RunStatus.CANCELLED))));

        assertThat(failure).isInstanceOf(LostRun.class);
        assertThat(run.history()).hasSize(2);
    }

    @Test
    void aDecisionForNothingLeavesEverythingAsItIs() {
        one.register();
        var run = one.owned().parked();

        var state = await(one.journal.appendUnowned(run.id, (current, now) -> List.of()));

        assertThat(state.lastSeq()).isEqualTo(4);
        assertThat(TestPostgres.query(one.address, "select fence from runs")).isEqualTo("1");
    }

    @Test
    void expiredApprovalsAreFoundAndAnEndedRunHasNoneOpen() {
        one.register();
        var late = one.owned().parked(Instant.now().minusSeconds(5));
        var early = one.owned().parked(Instant.now().plusSeconds(3600));

        assertThat(await(one.journal.expiredApprovals(10))).containsExactly(late.id);

        for (var run : List.of(late, early)) {
            await(one.journal.appendUnowned(run.id, (state, now) -> List.of(ended(RunStatus.CANCELLED))));
        }
        assertThat(await(one.journal.expiredApprovals(10))).isEmpty();
        assertThat(TestPostgres.query(one.address, "select count(*) from approvals where status = 'pending'"))
                .isEqualTo("0");
        assertThat(await(one.reader.run(early.id)).status()).isEqualTo(RunStatus.CANCELLED);
    }

    @Test
    void approvalsThatCannotBeExpiredDoNotHideOthers() {
        one.register();
        var first = one.owned().parked(Instant.now().minusSeconds(5));
        var second = one.owned().parked(Instant.now().minusSeconds(4));

        var found = new HashSet<UUID>();
        for (var rounds = 0; rounds < 100 && found.size() < 2; rounds++) {
            found.addAll(await(one.journal.expiredApprovals(1)));
        }

        assertThat(found).containsExactlyInAnyOrder(first.id, second.id);
    }

    @Test
    void cleaningUpForgetsOldKeysAndDeadNodesAndMakesPartitions() {
        var dead = one.register();
        await(two.journal.declareDead(two.register(), true));
        expire(dead);
        TestPostgres.execute(
                one.address,
                "insert into idempotency_keys values ('p', 'r', 'k', gen_random_uuid(), 'x', now() - interval '25 hours')");
        var lastMonth = TestPostgres.query(
                one.address, "select 'events_y' || to_char(now() + interval '3 months', 'YYYY\"m\"MM')");
        TestPostgres.execute(one.address, "drop table " + lastMonth);

        await(two.journal.cleanUp());

        assertThat(TestPostgres.query(one.address, "select count(*) from nodes where state = 'dead'"))
                .isEqualTo("0");
        assertThat(TestPostgres.query(one.address, "select count(*) from idempotency_keys"))
                .isEqualTo("0");
        assertThat(TestPostgres.query(one.address, "select to_regclass('" + lastMonth + "')"))
                .isEqualTo(lastMonth);
    }

    private void expire(UUID node) {
        TestPostgres.execute(
                one.address, "update nodes set expires_at = now() - interval '2 hours' where id = '" + node + "'");
    }
}
