package io.taskpilot.journal;

import static io.taskpilot.journal.JournalFixture.await;
import static io.taskpilot.journal.JournalFixture.checked;
import static io.taskpilot.journal.JournalFixture.started;
import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.journal.JournalFixture.Owned;
import io.taskpilot.run.DecisionResult;
import io.taskpilot.run.RunStatus;
import io.vertx.core.Future;
import java.io.IOException;
import java.nio.file.Files;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What somebody who may write to the database can do to a sealed log, and who notices. */
class TamperTest {
    private final LocalDate first = LocalDate.now(ZoneOffset.UTC).minusDays(3);

    private ArchiveFixture fixture;
    private Owned run;

    @BeforeEach
    void seal() throws IOException {
        fixture = new ArchiveFixture();
        fixture.sealingBegan(first);
        run = ended(0);
        ended(0);
        ended(1);
        fixture.sealAll();
        assertThat(broken()).isEmpty();
    }

    @AfterEach
    void close() throws IOException {
        fixture.close();
    }

    private Owned ended(int days) {
        var one = fixture.journal
                .owned()
                .appended(started(), checked(DecisionResult.ALLOW), checked(DecisionResult.DENY))
                .appended(checked(DecisionResult.ALLOW), JournalFixture.ended(RunStatus.FAILED));
        fixture.endedOn(one, first.plusDays(days));
        return one;
    }

    private List<String> broken() {
        return await(fixture.reader.verifyDecisions(null, progress -> Future.succeededFuture())).broken().stream()
                .map(finding -> finding.check().word() + ": " + finding.what())
                .toList();
    }

    private String placed(String text) {
        return text.replace("RUN", run.id.toString())
                .replace("DAY1", first.toString())
                .replace("DAY2", first.plusDays(1).toString())
                .replace("DAY3", first.plusDays(2).toString());
    }

    @ParameterizedTest
    @CsvSource(
            delimiterString = "=>",
            value = {
                "update decisions set result = 'deny' where chain_id = 'RUN' and position = 1"
                        + " => chain: chain RUN position 1 .*: changed",
                "delete from decisions where chain_id = 'RUN' and position = 2"
                        + " => chain: chain RUN: 1 deleted before position 3",
                "update decisions set position = position + 100 where chain_id = 'RUN' and position > 1;"
                        + "update decisions set position = 105 - position where chain_id = 'RUN' and position > 1"
                        + " => chain: chain RUN position 2 .*reordered: it was made for position 3",
                "update decisions set position = position + 100 where chain_id = 'RUN' and position > 1;"
                        + "update decisions set position = position - 99 where chain_id = 'RUN' and position > 1;"
                        + "insert into decisions select chain_id, 2, gen_random_uuid(), run_id, request_id, trace_id, tenant,"
                        + " principal, decision_type, phase, result, rule, reason, agent, tool, policy_revision, input_sha256,"
                        + " context, latency_ms, created_at, hash, 'x' from decisions where chain_id = 'RUN' and position = 1"
                        + " => chain: chain RUN position 3 .*inserted before it, or reordered: it was made for position 2",
                "delete from decisions where chain_id = 'RUN' and position = 3"
                        + " => run: chain RUN: 1 deleted at the end",
                "delete from decisions where chain_id = 'RUN' and position = 3;"
                        + "update runs set decisions = 2, decisions_hash = (select hash from decisions where chain_id = 'RUN'"
                        + " and position = 2) where id = 'RUN'"
                        + " => seal: chain RUN: sealed on DAY1 with 3 decisions, 1 deleted at the end",
                "delete from decisions where chain_id = 'RUN' => run: chain RUN: all 3 deleted",
                "delete from runs where id = 'RUN' => run: chain RUN: its run is gone",
                "delete from decisions where chain_id = 'RUN'; delete from runs where id = 'RUN'"
                        + " => seal: chain RUN: sealed on DAY1 with 3 decisions, all of them deleted",
                "delete from decisions where chain_id = 'RUN'; delete from runs where id = 'RUN';"
                        + "delete from seal_heads where chain_id = 'RUN'"
                        + " => seal: seal of DAY1: covers 2 chains and 6 decisions, and its list has 1 and 3",
                "update seal_heads set hash = repeat('0', 64) where chain_id = 'RUN'"
                        + " => seal: seal of DAY1: its list of chains was changed",
                "update decisions set hash = repeat('0', 64) where chain_id = 'RUN' and position = 3;"
                        + "update runs set decisions_hash = repeat('0', 64) where id = 'RUN'"
                        + " => seal: chain RUN: sealed on DAY1 with 3 decisions, the last of which is another now",
                "delete from seal_heads where chain_id = 'RUN'"
                        + " => seal: chain RUN: inserted: its run names the seal of DAY1, and no seal has it",
                "update runs set decisions = 4 where id = 'RUN'"
                        + " => seal: chain RUN: 1 inserted at the end since it was sealed on DAY1",
                "update seals set chains = 3 where day = 'DAY2' => seal: seal of DAY2: changed",
                "update seals set chains = 3 where day = 'DAY2'"
                        + " => copy: seal of DAY2: is not what its copy in the object store says",
                "update seals set hash = repeat('0', 64) where day = 'DAY1'"
                        + " => seal: seal of DAY2: does not follow the one before it: one of them was changed",
                "delete from seals where day = 'DAY2' => seal: seal of DAY2: missing",
                "delete from seals where day <= 'DAY2' => seal: seals of DAY1 to DAY2: missing",
                "delete from seals where day = 'DAY3'"
                        + " => copy: seal of DAY3: missing, and the object store has a copy of it",
                "delete from seals => seal: seals from DAY1 on: missing, and chains are listed for DAY2",
                "delete from seals; delete from seal_heads; update sealing set first_day = 'DAY3'"
                        + " => copy: seal of DAY2: missing, and the object store has a copy of it",
                "delete from sealing => seal: the first day with a seal is not known.*",
                "insert into seals select day - 10, chains, rows, root, prev_hash, hash from seals where day = 'DAY1'"
                        + " => seal: seal of .*: inserted, sealing began on DAY1"
            })
    void everyKindOfTamperingIsNamedByTheCheckThatSeesIt(String tampering, String expected) {
        for (var statement : placed(tampering).split(";", -1)) {
            TestPostgres.execute(fixture.journal.address, statement);
        }

        assertThat(broken()).anySatisfy(line -> assertThat(line).matches(placed(expected)));
    }

    @Test
    void aRunThatClaimsToBeSealedIsAskedForItsSeal() {
        var forged = ended(0);
        TestPostgres.execute(
                fixture.journal.address,
                "update runs set sealed_on = '%s' where id = '%s'".formatted(first, forged.id));

        assertThat(broken())
                .containsExactly("seal: chain %s: inserted: its run names the seal of %s, and no seal has it"
                        .formatted(forged.id, first));
    }

    @Test
    void copiesThatAreChangedOrGoneAreNoticed() throws IOException {
        var changed = fixture.directory.resolve("seals/" + first.toString().replace('-', '/') + ".json");
        var gone = fixture.directory.resolve(
                "seals/" + first.plusDays(1).toString().replace('-', '/') + ".json");
        Files.writeString(changed, Files.readString(changed).replace("\"chains\":2", "\"chains\":1"));
        Files.delete(gone);

        assertThat(broken())
                .containsExactly(
                        "copy: seal of %s: is not what its copy in the object store says".formatted(first),
                        "copy: seal of %s: its copy in the object store is gone".formatted(first.plusDays(1)));
    }
}
