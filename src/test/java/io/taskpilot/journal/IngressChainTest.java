package io.taskpilot.journal;

import static io.taskpilot.journal.JournalFixture.await;
import static io.taskpilot.journal.JournalFixture.failure;
import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.engine.IngressLog.Entry;
import io.taskpilot.engine.RunReader.DecisionFilter;
import io.taskpilot.engine.RunReader.DecisionView;
import io.taskpilot.engine.RunReader.PageRequest;
import io.taskpilot.engine.RunReader.Progress;
import io.taskpilot.engine.RunReader.Verification;
import io.taskpilot.journal.UnreliableWire.Break;
import io.taskpilot.run.Decision;
import io.taskpilot.run.DecisionResult;
import io.taskpilot.run.DecisionType;
import io.taskpilot.run.Ids;
import io.vertx.core.Future;
import java.sql.DriverManager;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Decisions of no run: chained by node and day, in the log once the caller knows, and audited like the others. */
@Timeout(120)
class IngressChainTest {
    private PostgresAddress address;
    private UnreliableWire wire;
    private JournalFixture fixture;
    private JournalFixture direct;
    private IngressChain chain;

    @BeforeEach
    void open() {
        address = TestPostgres.database();
        wire = new UnreliableWire(address);
        fixture = JournalFixture.quick(wire.address());
        direct = new JournalFixture(address);
        fixture.register();
        chain = chain(fixture);
    }

    @AfterEach
    void close() {
        chain.close();
        fixture.close();
        direct.close();
        wire.close();
    }

    private static IngressChain chain(JournalFixture of) {
        return of.journal.ingressChain((rows, took) -> {});
    }

    private static Entry denial(String reason) {
        var id = Ids.at(System.currentTimeMillis(), ThreadLocalRandom.current());
        var decision = new Decision(
                id,
                DecisionType.INGRESS,
                "",
                DecisionResult.DENY,
                "closed",
                reason,
                "",
                "",
                "r7",
                "ab".repeat(32),
                "POST /v1/runs",
                0.25);
        return new Entry(decision, "req-1", "", "acme", "ann");
    }

    private void record(int count) {
        record(chain, count);
    }

    private static void record(IngressChain chain, int count) {
        await(Future.all(IntStream.rangeClosed(1, count)
                .mapToObj(i -> chain.record(denial("no " + i)))
                .toList()));
    }

    private void awaitWell() {
        while (!fixture.database.isWell()) {
            LockSupport.parkNanos(5_000_000);
        }
    }

    private Verification verified() {
        return await(direct.reader.verifyDecisions(null, progress -> Future.succeededFuture()));
    }

    private static Verification intact(long chains, long rows) {
        return new Verification(new Progress(chains, rows, 0), null, 0, 0, 0, List.of());
    }

    private List<DecisionView> listed() {
        var filter = new DecisionFilter(null, "ingress", null, null, null, null);
        return await(direct.reader.decisions(filter, new PageRequest(null, 200)))
                .items();
    }

    private String query(String sql) {
        return TestPostgres.query(address, sql);
    }

    @Test
    void whatWasRecordedIsListedInOneChainOfTheNodeAndItsDay() {
        record(3);
        await(chain.record(denial("and \u0000 again")));

        assertThat(listed()).hasSize(4).allSatisfy(view -> {
            assertThat(view.runId()).isNull();
            assertThat(view.chainId().version()).isEqualTo(7);
            assertThat(view.chainId()).isEqualTo(listed().get(0).chainId());
            assertThat(view.principal()).isEqualTo("ann");
        });
        assertThat(verified()).isEqualTo(intact(1, 4));
        assertThat(query("select decisions from decision_chains c join nodes n on n.id = c.node"
                        + " where day = (now() at time zone 'UTC')::date"))
                .isEqualTo("4");
    }

    @Test
    void thousandsAtOnceAreOneWholeChain() {
        var patient = chain(direct);
        for (var round = 0; round < 5; round++) {
            record(patient, 700);
        }
        patient.close();

        assertThat(verified()).isEqualTo(intact(1, 3_500));
    }

    @Test
    void anotherNodeAndAnotherIdOfThisOneHaveChainsOfTheirOwn() {
        record(2);
        fixture.register(); // as after a lost lease
        record(2);
        direct.register();
        var other = chain(direct);
        await(other.record(denial("there")));
        other.close();

        assertThat(verified()).isEqualTo(intact(3, 5));
    }

    @Test
    void aProcessThatRegistersNoNodeHasAChainAllTheSame() {
        var gateway = chain(direct);
        await(Future.all(gateway.record(denial("one")), gateway.record(denial("two"))));
        gateway.close();

        assertThat(verified()).isEqualTo(intact(1, 2));
        assertThat(query("select count(*) from decision_chains c where not exists"
                        + " (select from nodes n where n.id = c.node)"))
                .isEqualTo("1");
    }

    @Test
    void itWaitsBehindNoReader() {
        var patient = chain(direct);
        var readers = IntStream.range(0, JournalFixture.POOL)
                .mapToObj(i -> direct.database.shared().run("select pg_sleep(5)"))
                .toList();

        record(patient, 1);

        assertThat(readers).noneMatch(Future::isComplete);
        assertThat(direct.database.isWell()).isTrue();
        await(Future.join(readers));
        patient.close();
    }

    @ParameterizedTest
    @CsvSource(
            delimiterString = "=>",
            value = {
                "update decisions set result = 'allow' where position = 3 => position 3 .*changed",
                "update decisions set principal = 'bob' where position = 1 => position 1 .*changed",
                "update decisions set context = 'GET /' where position = 2 => position 2 .*changed",
                "delete from decisions where position = 3 => 1 deleted before position 4",
                "delete from decisions where position = 1 => 1 deleted before position 2",
                "delete from decisions where position > 3 => 2 deleted at the end",
                "delete from decisions => all 5 deleted",
                "delete from decision_chains => its head is gone",
                "update decision_chains set hash = 'ab' => the whole of it was rewritten",
                "update decisions set position = position + 100 where position in (4, 5); update decisions set position = 109 - position where position > 100 => position 4 .*changed, inserted or reordered",
                "insert into decisions select chain_id, 6, id, run_id, request_id, trace_id, tenant, principal, decision_type, phase, result, rule, reason, agent, tool, policy_revision, input_sha256, context, latency_ms, created_at, hash, hash from decisions where position = 5 => 1 inserted at the end"
            })
    void everyKindOfTamperingIsNamed(String tampering, String expected) {
        record(5);

        for (var statement : tampering.split(";", -1)) {
            TestPostgres.execute(address, statement);
        }

        assertThat(verified().broken())
                .anySatisfy(finding -> assertThat(finding.what()).containsPattern(expected));
    }

    @ParameterizedTest
    @EnumSource(Break.class)
    void eachIsRecordedOnceWhereverTheWireBreaks(Break where) {
        record(2);
        wire.breakAt("in doubt", where);

        var late = chain.record(denial("in doubt"));
        // a silent connection is given up after the caller has stopped waiting
        await(late.otherwiseEmpty());
        awaitWell();
        record(1);

        assertThat(wire.breaks()).isEqualTo(1);
        assertThat(verified()).isEqualTo(intact(1, 4));
    }

    @Test
    void somebodyElsesRowInTheChainIsLeftToTheAuditAndNothingIsLost() {
        record(2);
        TestPostgres.execute(
                address,
                "insert into decisions select chain_id, 3, gen_random_uuid(), run_id, request_id, trace_id, tenant,"
                        + " principal, decision_type, phase, result, rule, reason, agent, tool, policy_revision,"
                        + " input_sha256, context, latency_ms, created_at, hash, hash from decisions"
                        + " where position = 2");

        record(2);

        assertThat(listed().stream().map(view -> view.decision().reason())).contains("no 1", "no 2");
        assertThat(listed()).hasSize(5);
        assertThat(verified().checked().chains()).isEqualTo(2);
        assertThat(verified().broken()).isNotEmpty();
    }

    @Test
    void whatADatabaseRefusesTakesNoPlaceInTheChain() {
        TestPostgres.execute(
                address, "alter table decisions add constraint test_bad check (reason <> 'bad') not valid");
        record(1);

        var good = new ArrayList<Future<Void>>();
        for (var i = 0; i < 5; i++) {
            good.add(chain.record(denial("good " + i)));
        }
        var bad = chain.record(denial("bad"));
        for (var i = 5; i < 10; i++) {
            good.add(chain.record(denial("good " + i)));
        }

        await(Future.all(good));
        assertThat(failure(bad)).hasFieldOrPropertyWithValue("slug", "internal-journal");
        assertThat(verified()).isEqualTo(intact(1, 11));
    }

    @Test
    void whileTheDatabaseIsAwayNothingIsPromised() {
        record(1);
        wire.down();

        assertThat(failure(chain.record(denial("first")))).hasFieldOrPropertyWithValue("slug", "overload-journal");
        assertThat(failure(chain.record(denial("second")))).hasFieldOrPropertyWithValue("slug", "overload-journal");
        wire.up();
        awaitWell();
        record(1);

        assertThat(verified().broken()).isEmpty();
        assertThat(listed().stream().map(view -> view.decision().reason())).contains("no 1");
    }

    @Test
    void moreThanAThousandThatWaitAreRefusedAtOnce() throws Exception {
        record(1);
        try (var connection = DriverManager.getConnection(address.jdbcUrl(), address.jdbcProperties())) {
            connection.setAutoCommit(false);
            try (var lock = connection.createStatement()) {
                lock.execute("lock table decision_chains");
            }
            var waiting = new ArrayList<Future<Void>>();
            for (var i = 0; i < 1_100; i++) {
                waiting.add(chain.record(denial("wait " + i)));
            }

            assertThat(failure(waiting.get(1_050))).hasFieldOrPropertyWithValue("slug", "overload-decisions");
            connection.rollback();
            await(Future.join(waiting).otherwiseEmpty());
        }
        awaitWell();
        record(1);
        assertThat(verified().broken()).isEmpty();
    }

    @Test
    void aRetiredMonthTakesItsHeadsAlong() {
        record(1);
        TestPostgres.execute(address, "delete from decisions");
        assertThat(verified().broken()).isNotEmpty();
        TestPostgres.execute(
                address,
                "insert into retired_months select uuid_at(now() - interval '1 day'), uuid_at(now() + interval '1 day'),"
                        + " now()");

        assertThat(verified()).isEqualTo(intact(0, 0));
        await(fixture.journal.cleanUp());
        assertThat(query("select count(*) from decision_chains")).isEqualTo("0");
    }

    @Test
    void howLongABatchTookIsTold() {
        var rows = new CopyOnWriteArrayList<Integer>();
        var measured = fixture.journal.ingressChain((count, took) -> {
            assertThat(took).isPositive();
            rows.add(count);
        });
        await(measured.record(denial("measured")));
        await(measured.record(denial("measured"))); // the first was told of by now
        measured.close();

        assertThat(rows).isNotEmpty().first().isEqualTo(1);
    }
}
