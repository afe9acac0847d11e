package io.taskpilot.journal;

import static io.taskpilot.journal.JournalFixture.await;
import static io.taskpilot.journal.JournalFixture.checked;
import static io.taskpilot.journal.JournalFixture.failure;
import static io.taskpilot.journal.JournalFixture.started;
import static io.taskpilot.journal.JournalFixture.turnStarted;
import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.config.JsonPath;
import io.taskpilot.config.Redaction;
import io.taskpilot.config.Secret;
import io.taskpilot.config.TaskPilotConfig.Decisions;
import io.taskpilot.engine.RunReader.DecisionFilter;
import io.taskpilot.engine.RunReader.DecisionView;
import io.taskpilot.engine.RunReader.Finding;
import io.taskpilot.engine.RunReader.PageRequest;
import io.taskpilot.engine.RunReader.Progress;
import io.taskpilot.engine.RunReader.Verification;
import io.taskpilot.journal.JournalFixture.Owned;
import io.taskpilot.run.Agent;
import io.taskpilot.run.AgentAnswer;
import io.taskpilot.run.ApprovalAnswer;
import io.taskpilot.run.CanonicalJson;
import io.taskpilot.run.Decision;
import io.taskpilot.run.DecisionResult;
import io.taskpilot.run.PolicyVerdict;
import io.taskpilot.run.Recorded;
import io.taskpilot.run.RunEvent;
import io.taskpilot.run.ToolCall;
import io.taskpilot.run.Usage;
import io.vertx.core.Future;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DecisionLogTest {
    private static final DecisionFilter ALL = new DecisionFilter(null, null, null, null, null, null);

    private JournalFixture fixture;

    @BeforeEach
    void open() {
        fixture = new JournalFixture();
        fixture.register();
    }

    @AfterEach
    void close() {
        fixture.close();
    }

    /** A run with five decisions, from three appends. */
    private Owned decided() {
        return fixture.owned()
                .appended(started(), checked(DecisionResult.ALLOW), checked(DecisionResult.ALLOW))
                .appended(turnStarted(1))
                .appended(checked(DecisionResult.ERROR))
                .appended(turnStarted(2), checked(DecisionResult.ALLOW), checked(DecisionResult.DENY));
    }

    private Verification verified() {
        return verified(fixture.reader, null);
    }

    private static Verification verified(PgRunReader reader, @Nullable UUID runId) {
        return await(reader.verifyDecisions(runId, progress -> Future.succeededFuture()));
    }

    private static Verification intact(long chains, long rows) {
        return new Verification(new Progress(chains, rows, 0), null, 0, 0, 0, List.of());
    }

    @Test
    void whatNobodyTouchedHolds() {
        decided();
        decided();

        assertThat(verified()).isEqualTo(intact(2, 10));
    }

    @Test
    void theChainGoesOnWithTheNextOwnerAndThroughAnAnswer() {
        var run = fixture.owned().parked();
        await(fixture.journal.appendUnowned(
                run.id,
                (state, now) -> List.of(new RunEvent.ApprovalDecided(
                        Objects.requireNonNull(state.asked()).approvalId(),
                        ApprovalAnswer.APPROVE,
                        "key-2",
                        List.of(),
                        "fine",
                        null))));
        var claim = await(fixture.journal.claim(1)).get(0);
        fixture.new Owned(run.id, claim.fence())
                .appended(new RunEvent.Resumed("answered"), checked(DecisionResult.ALLOW))
                .appended(checked(DecisionResult.ALLOW));

        assertThat(verified(fixture.reader, run.id)).isEqualTo(intact(1, 3));
    }

    @ParameterizedTest
    @CsvSource(
            delimiterString = "=>",
            value = {
                "update decisions set result = 'allow' where position = 3 => position 3 .*changed",
                "update decisions set reason = reason || ' ' where position = 1 => position 1 .*changed",
                "update decisions set created_at = created_at + interval '1 us' where position = 2 => position 2 .*changed",
                "update decisions set latency_ms = 0.1 where position = 5 => position 5 .*changed",
                "delete from decisions where position = 3 => 1 deleted before position 4",
                "delete from decisions where position = 1 => 1 deleted before position 2",
                "delete from decisions where position > 3 => 2 deleted at the end",
                "delete from decisions => all 5 deleted",
                "update decisions set position = 9 - position where position in (4, 5); => position 4 .*changed, inserted or reordered",
                "insert into decisions select chain_id, 6, id, run_id, request_id, trace_id, tenant, principal, decision_type, phase, result, rule, reason, agent, tool, policy_revision, input_sha256, context, latency_ms, created_at, hash, hash from decisions where position = 5 => 1 inserted at the end",
                "delete from runs => its run is gone"
            })
    void everyKindOfTamperingIsNamed(String tampering, String expected) {
        decided();

        if (tampering.contains("9 - position")) { // the key forbids two rows at one place on the way
            TestPostgres.execute(
                    fixture.address, "update decisions set position = position + 100 where position in (4, 5)");
            TestPostgres.execute(
                    fixture.address, "update decisions set position = 109 - position where position > 100");
        } else {
            TestPostgres.execute(fixture.address, tampering);
        }

        assertThat(verified().broken())
                .anySatisfy(finding -> assertThat(finding.what()).containsPattern(expected));
    }

    @Test
    void rowsThatMovedAreToldFromRowsThatChanged() {
        decided();
        TestPostgres.execute(fixture.address, "update decisions set position = position + 100 where position >= 3");
        TestPostgres.execute(fixture.address, "update decisions set position = position - 99 where position > 100");
        TestPostgres.execute(
                fixture.address,
                "insert into decisions select chain_id, 3, id, run_id, request_id, trace_id, tenant, principal, decision_type, phase, result, rule, reason, agent, tool, policy_revision, input_sha256, context, latency_ms, created_at, hash, 'x' from decisions where position = 2");

        assertThat(verified().broken().stream().map(finding -> finding.check().word() + " " + finding.what()))
                .anyMatch(line -> line.startsWith("chain") && line.contains("position 3") && line.endsWith(": changed"))
                .anyMatch(line -> line.contains("position 4") && line.contains("it was made for position 3"))
                .anyMatch(line -> line.startsWith("run") && line.endsWith("1 inserted at the end"));
    }

    @Test
    void aVerificationEndsWithItsReader() {
        decided();

        assertThat(failure(fixture.reader.verifyDecisions(
                        null, progress -> Future.failedFuture(new IllegalStateException("reader gone")))))
                .hasMessage("reader gone");
    }

    @Test
    void moreIsFoundThanListed() {
        for (var i = 0; i < 25; i++) {
            decided();
        }
        TestPostgres.execute(fixture.address, "update decisions set reason = 'other'");

        assertThat(verified().found()).isEqualTo(125);
        assertThat(verified().broken()).hasSize(Verification.LONGEST_LIST);
    }

    @Test
    void aWhollyRewrittenChainDoesNotMatchWhatTheRunRemembers() {
        var run = decided();
        var other = decided();
        TestPostgres.execute(
                fixture.address,
                "update runs set decisions_hash = (select decisions_hash from runs where id = '%s') where id = '%s'"
                        .formatted(other.id, run.id));

        assertThat(verified().broken())
                .singleElement()
                .extracting(Finding::what)
                .asString()
                .contains(run.id.toString(), "rewritten");
    }

    @Test
    void withAKeyNobodyElseCanMakeTheHashes() {
        var keyed = new PgJournal(fixture.database, new Secret("k".repeat(32)), runs -> {}, unused -> {});
        await(keyed.register());
        var request = JournalFixture.request();
        var creation = await(keyed.create(request, null, true));
        var run = fixture.new Owned(request, creation);
        await(keyed.append(run.id, creation.fence(), run.state, List.of(started(), checked(DecisionResult.ALLOW))));

        assertThat(verified(new PgRunReader(fixture.database, new Secret("k".repeat(32))), null)
                        .broken())
                .isEmpty();
        assertThat(verified().broken()).isNotEmpty(); // without the key nothing matches
        keyed.close();
    }

    @Test
    void aRowTellsOfACallWhatMayBeTold() {
        var paths = List.of(Objects.requireNonNull(JsonPath.parse("$..password")));
        var shown = new Decisions(null, new Redaction(paths), true);
        var plain = new Decisions(null, new Redaction(paths), false);

        assertThat(told(shown))
                .extracting(Decision::reason, Decision::context)
                .containsExactly("*** is no password", "call=call-1 arguments={\"password\":\"***\",\"user\":\"ann\"}");
        assertThat(told(plain))
                .extracting(Decision::reason, Decision::context)
                .containsExactly("*** is no password", "call=call-1");
        assertThat(told(shown).inputSha256()).isEqualTo(told(plain).inputSha256());
        assertThat(verified().broken()).isEmpty();
    }

    /** The decision on a call whose policy speaks of its password. */
    private Decision told(Decisions settings) {
        var journal =
                new PgJournal(fixture.database, settings, runs -> {}, unused -> {}, (rows, took) -> {}, Witness.NONE);
        await(journal.register());
        var request = JournalFixture.request();
        var creation = await(journal.create(request, null, true));
        var run = fixture.new Owned(request, creation);
        var arguments = new LinkedHashMap<String, Object>();
        arguments.put("password", "hunter2");
        arguments.put("user", "ann");
        var call = new ToolCall("call-1", Agent.EXECUTOR, "create_task", arguments);
        var verdict = new PolicyVerdict(
                DecisionResult.DENY, "weak", List.of("hunter2 is no password"), "r1", List.of(), Duration.ZERO);
        var decided = new RunEvent.PolicyDecided(
                call, verdict, Map.of("parameters", arguments), CanonicalJson.sha256(arguments), 0.5);
        var turn = new RunEvent.AgentCompleted(
                Agent.EXECUTOR,
                1,
                new AgentAnswer.Calls("", List.of(call)),
                new Usage(1, 1, 0),
                "offline",
                "offline-1");
        await(journal.append(
                run.id,
                creation.fence(),
                run.state,
                List.of(started(), new RunEvent.AgentStarted(Agent.EXECUTOR, 1), turn, decided)));
        journal.close();

        assertThat(run.history().get(4).event()).isEqualTo(decided); // what a replay needs
        var filter = new DecisionFilter(run.id, null, null, null, null, null);
        return await(fixture.reader.decisions(filter, new PageRequest(null, 1)))
                .items()
                .get(0)
                .decision();
    }

    @Test
    void anExportHasEachDecisionOnceAndWaitsForItsReader() {
        for (var i = 0; i < 90; i++) {
            decided();
        }
        var seen = new ArrayList<DecisionView>();
        var pages = new ArrayList<Integer>();

        await(fixture.reader.exportDecisions(ALL, page -> {
            pages.add(page.size());
            return fixture.vertx.timer(5).map(unused -> {
                seen.addAll(page);
                return null;
            });
        }));

        assertThat(pages).containsExactly(200, 200, 50);
        assertThat(seen.stream().map(view -> view.decision().id()))
                .doesNotHaveDuplicates()
                .hasSize(450);
        assertThat(failure(fixture.reader.exportDecisions(
                        ALL, page -> Future.failedFuture(new IllegalStateException("reader gone")))))
                .hasMessage("reader gone");
    }

    @Test
    void anUnknownRunCannotBeVerified() {
        assertThat(failure(fixture.reader.verifyDecisions(UUID.randomUUID(), progress -> Future.succeededFuture())))
                .hasFieldOrPropertyWithValue("slug", "caller-not-found");
        assertThat(verified(fixture.reader, fixture.owned().id).checked().rows())
                .isZero();
    }

    @Test
    void theDecisionIsInTheSameAppendAsItsEvent() {
        var run = decided();

        assertThat(TestPostgres.query(
                        fixture.address,
                        "select count(*) from decisions d join events e on e.run_id = d.run_id and e.type = 'guardrail.checked'"
                                + " where d.xmin::text = e.xmin::text and d.run_id = '" + run.id + "'"))
                .isNotEqualTo("0");
        assertThat(run.history())
                .extracting(Recorded::event)
                .filteredOn(RunEvent.GuardrailChecked.class::isInstance)
                .hasSize(5);
    }
}
