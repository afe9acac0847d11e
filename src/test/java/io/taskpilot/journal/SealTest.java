package io.taskpilot.journal;

import static io.taskpilot.journal.ArchiveFixture.eventually;
import static io.taskpilot.journal.JournalFixture.await;
import static io.taskpilot.journal.JournalFixture.checked;
import static io.taskpilot.journal.JournalFixture.failure;
import static io.taskpilot.journal.JournalFixture.started;
import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.config.Secret;
import io.taskpilot.engine.ObjectStore;
import io.taskpilot.engine.RunReader.Progress;
import io.taskpilot.engine.RunReader.Verification;
import io.taskpilot.engine.Seal;
import io.taskpilot.engine.SealCopies;
import io.taskpilot.engine.SealCopies.Match;
import io.taskpilot.engine.WatchedStore;
import io.taskpilot.journal.JournalFixture.Owned;
import io.taskpilot.objects.FileObjects;
import io.taskpilot.resilience.Failure;
import io.taskpilot.run.ApprovalAnswer;
import io.taskpilot.run.DecisionResult;
import io.taskpilot.run.RunEvent;
import io.taskpilot.run.RunStatus;
import io.taskpilot.telemetry.HealthRegistry.Level;
import io.vertx.core.Future;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class SealTest {
    private final LocalDate today = LocalDate.now(ZoneOffset.UTC);
    private final LocalDate first = today.minusDays(4);

    private ArchiveFixture fixture;

    @BeforeEach
    void open() throws IOException {
        fixture = new ArchiveFixture();
        fixture.sealingBegan(first);
    }

    @AfterEach
    void close() throws IOException {
        fixture.close();
    }

    /** A run with two decisions that ended so many days after the first. */
    private Owned ended(int days) {
        var run = fixture.journal
                .owned()
                .appended(started(), checked(DecisionResult.ALLOW))
                .appended(checked(DecisionResult.DENY), JournalFixture.ended(RunStatus.FAILED));
        fixture.endedOn(run, first.plusDays(days));
        return run;
    }

    private Verification verified() {
        return verified(null);
    }

    private Verification verified(@Nullable UUID runId) {
        return await(fixture.reader.verifyDecisions(runId, progress -> Future.succeededFuture()));
    }

    private List<String> broken() {
        return verified().broken().stream()
                .map(finding -> finding.check().word() + ": " + finding.what())
                .toList();
    }

    private void sql(String sql) {
        TestPostgres.execute(fixture.journal.address, sql);
    }

    @Test
    void everyDayThatIsOverIsSealedAlsoOneWithoutDecisions() throws IOException {
        ended(0);
        ended(2);
        ended(2);
        ended(4); // today

        fixture.sealAll();

        assertThat(TestPostgres.query(
                        fixture.journal.address,
                        "select string_agg(chains || '/' || rows, ' ' order by day) from seals"))
                .isEqualTo("1/2 0/0 2/4 0/0");
        var all = verified();
        assertThat(all.broken()).isEmpty();
        assertThat(all.checked()).isEqualTo(new Progress(4, 8, 4));
        assertThat(all.sealedTo()).isEqualTo(today.minusDays(1));
        assertThat(all.copies()).isEqualTo(4);
        var copy = fixture.directory.resolve("seals/" + first.toString().replace('-', '/') + ".json");
        assertThat(Files.readString(copy)).startsWith("{\"chains\":1,\"day\":\"" + first + "\",\"hash\":\"");
        assertThat(fixture.metrics.scrape("text/plain"))
                .contains("taskpilot_seals_total{outcome=\"sealed\"} 4.0")
                .contains("taskpilot_seals_total{outcome=\"copied\"} 4.0")
                .contains("taskpilot_seal_copies_pending 0.0");
        assertThat(level()).isEqualTo(Level.UP);
    }

    private Level level() {
        return Objects.requireNonNull(fixture.health.states().get("seals")).level();
    }

    @Test
    void theAgeIsCountedFromTheEndOfTheLastSealedDay() {
        fixture.sealAll();

        var age = fixture.metrics
                .scrape("text/plain")
                .lines()
                .filter(line -> line.startsWith("taskpilot_seal_age_seconds "))
                .mapToDouble(line -> Double.parseDouble(line.substring(line.indexOf(' '))))
                .findFirst()
                .orElseThrow();

        assertThat(age).isBetween(0.0, 86_401.0);
    }

    @Test
    void aDayIsNotSealedBeforeItIsOver() {
        fixture.sealAll();

        var state = await(fixture.seals.state(Duration.ZERO));

        assertThat(state.next()).isEqualTo(today);
        assertThat(state.due()).isFalse();
        fixture.sealingBegan(today.minusDays(1));
        sql("delete from seals");
        assertThat(await(fixture.seals.state(Duration.ZERO)).due()).isTrue();
        assertThat(await(fixture.seals.state(Duration.ofDays(1))).due()).isFalse();
    }

    @Test
    void aRunThatGoesOnAfterItWasSealedBreaksNothingAndItsRestIsInALaterSeal() {
        var run = fixture.journal.owned().appended(started(), checked(DecisionResult.ALLOW));
        run.appended(
                JournalFixture.proposed(run),
                JournalFixture.asked(run, Instant.now().plusSeconds(3600)));
        sql("update runs set created_at = '%sT12:00Z'".formatted(first));
        assertThat(fixture.sealThrough(first)).extracting(Seal::rows).containsExactly(1L);

        await(fixture.journal.journal.appendUnowned(
                run.id,
                (state, now) -> List.of(new RunEvent.ApprovalDecided(
                        Objects.requireNonNull(state.asked()).approvalId(),
                        ApprovalAnswer.REJECT,
                        "key-2",
                        List.of(),
                        "no",
                        null))));
        assertThat(broken()).isEmpty();
        assertThat(fixture.sealThrough(first.plusDays(1)))
                .extracting(Seal::rows)
                .containsExactly(1L);
        assertThat(fixture.sealThrough(first.plusDays(2)))
                .extracting(Seal::chains)
                .containsExactly(0L);

        assertThat(broken()).isEmpty();
        assertThat(verified(run.id).broken()).isEmpty();
    }

    @Test
    void anEndThatBecomesVisibleAfterItsDayWasSealedIsInTheNextSeal() {
        fixture.sealThrough(first);
        ended(0);

        assertThat(fixture.sealThrough(first.plusDays(1)))
                .extracting(Seal::chains)
                .containsExactly(1L);
        assertThat(broken()).isEmpty();
    }

    @Test
    void howManyChainsAStatementTakesChangesNothing() {
        for (var i = 0; i < 7; i++) {
            ended(0);
        }
        fixture.journal.owned().appended(started(), checked(DecisionResult.ALLOW));
        sql("update runs set created_at = '%sT12:00Z'".formatted(first));
        OtherChain.begun(fixture.journal.address, first).append(3);
        OtherChain.begun(fixture.journal.address, first).append(2);
        var one = fixture.sealThrough(first);
        sql("truncate seals, seal_heads");
        sql("update runs set sealed_on = null");

        var other = ArchiveFixture.sealThrough(new PgSeals(fixture.journal.database, null, "test", 2), first);

        assertThat(other).isEqualTo(one);
        assertThat(one.get(0).chains()).isEqualTo(10);
        assertThat(one.get(0).rows()).isEqualTo(7 * 2 + 1 + 5);
        assertThat(broken()).isEmpty();
    }

    @Test
    void chainsOfNoRunAreSealedAsFarAsTheyHaveCome() {
        var chain = OtherChain.begun(fixture.journal.address, first).append(3);
        OtherChain.begun(fixture.journal.address, today).append(1);
        assertThat(fixture.sealThrough(first)).extracting(Seal::rows).containsExactly(3L);
        chain.append(2);
        assertThat(broken()).isEmpty();
        assertThat(fixture.sealThrough(first.plusDays(1)))
                .extracting(Seal::rows)
                .containsExactly(2L);
        assertThat(broken()).isEmpty();

        sql("delete from decisions where chain_id = '%s' and position > 3".formatted(chain.id));
        assertThat(broken()).hasSize(2).first().isEqualTo("run: chain %s: 2 deleted at the end".formatted(chain.id));
        sql("update decision_chains c set decisions = 3, hash = d.hash from decisions d"
                + " where c.chain_id = '%s' and d.chain_id = c.chain_id and d.position = 3".formatted(chain.id));
        assertThat(broken())
                .containsExactly("seal: chain %s: sealed on %s with 5 decisions, 2 deleted at the end"
                        .formatted(chain.id, first.plusDays(1)));
        sql("delete from decisions where chain_id = '%s'".formatted(chain.id));
        assertThat(broken()).hasSize(3).first().isEqualTo("run: chain %s: all 3 deleted".formatted(chain.id));
        sql("delete from decision_chains where chain_id = '%s'".formatted(chain.id));
        assertThat(broken()).hasSize(2).allMatch(line -> line.endsWith("decisions, all of them deleted"));
    }

    @Test
    void whatWasBrokenOffIsGoneOnWith() {
        for (var i = 0; i < 20; i++) {
            ended(0);
        }
        var eleventh = TestPostgres.query(fixture.journal.address, "select id from runs order by id offset 10 limit 1");
        sql("alter table seal_heads add constraint broken check (chain_id <> '%s')".formatted(eleventh));
        var small = new PgSeals(fixture.journal.database, null, "test", 2);
        var turn = ArchiveFixture.turn(small::turn);
        assertThat(failure(turn.seal(first))).isNotNull();
        await(turn.end());
        assertThat(fixture.count("seal_heads")).isEqualTo(10);
        sql("alter table seal_heads drop constraint broken");

        assertThat(ArchiveFixture.sealThrough(small, first))
                .extracting(Seal::chains)
                .containsExactly(20L);
        assertThat(broken()).isEmpty();
    }

    @Test
    void oneNodeAtATimeSeals() {
        var turn = ArchiveFixture.turn(fixture.seals::turn);

        assertThat(await(fixture.seals.turn())).isNull();
        await(turn.end());

        eventually(() -> {
            var next = await(fixture.seals.turn());
            return next != null && await(next.end().map(true));
        });
        assertThat(failure(turn.seal(first))).isNotNull();
    }

    @Test
    void twoNodesMakeEachSealOnce() throws IOException {
        try (var other = fixture.another()) {
            var one = fixture.sealer(fixture.copies);
            var two = other.sealer(other.copies);
            eventually(() -> fixture.count("seals where copied_to is not null") == 4);
            await(fixture.journal.vertx.undeploy(one));
            await(other.journal.vertx.undeploy(two));
        }
        assertThat(fixture.count("seals")).isEqualTo(4);
        assertThat(broken()).isEmpty();
    }

    @Test
    void aStoreThatIsAwayDelaysTheCopiesOnly() throws IOException {
        ended(0);
        TestPostgres.delete(fixture.directory);
        Files.writeString(fixture.directory, "not a directory");
        var store = new WatchedStore(
                new FileObjects(fixture.directory, fixture.blocking),
                fixture.health,
                fixture.metrics.dependencies(),
                "test");
        var sealer = fixture.sealer(new SealCopies(store, fixture.blocking, true));

        eventually(() -> fixture.sealing().equals("4 seals wait for the object store"));
        assertThat(level()).isEqualTo(Level.DEGRADED);
        assertThat(fixture.metrics.scrape("text/plain")).contains("taskpilot_seal_copies_pending 4.0");
        assertThat(fixture.count("seals where copied_to is null")).isEqualTo(4);
        var away = verified();
        assertThat(away.broken()).isEmpty();
        assertThat(away.copies()).isZero();

        Files.delete(fixture.directory);
        eventually(() -> fixture.count("seals where copied_to is not null") == 4);
        eventually(() -> level() == Level.UP);
        await(fixture.journal.vertx.undeploy(sealer));
        assertThat(verified().copies()).isEqualTo(4);
        TestPostgres.delete(fixture.directory);
        Files.writeString(fixture.directory, "not a directory");
        assertThat(verified().unread()).isEqualTo(4);
        assertThat(verified().broken()).isEmpty();
    }

    /** What takes everything and stores nothing; asked for an object, it has a page, or nothing. */
    private final class NoStore implements ObjectStore {
        private final boolean isPage;

        NoStore(boolean isPage) {
            this.isPage = isPage;
        }

        @Override
        public Future<Void> check() {
            return isPage
                    ? Future.failedFuture(
                            Failure.unavailable("archive-unavailable", "no list", new IOException("a page")))
                    : Future.succeededFuture();
        }

        @Override
        public Future<Void> put(String key, Path file) {
            return Future.succeededFuture();
        }

        @Override
        public Future<Void> get(String key, Path file) {
            return isPage
                    ? fixture.blocking
                            .run(() -> Files.writeString(file, "<html>Hello</html>"))
                            .mapEmpty()
                    : Future.failedFuture(Failure.internal("internal-archive", new NoSuchFileException(key)));
        }

        @Override
        public Future<Void> delete(String key) {
            return Future.succeededFuture();
        }

        SealCopies copies() {
            var watched = new WatchedStore(this, fixture.health, fixture.metrics.dependencies(), "test");
            return new SealCopies(watched, fixture.blocking, true);
        }
    }

    @Test
    void aPageInPlaceOfTheStoreIsNoCopyOfAnotherSeal() {
        ended(0);
        var page = new NoStore(true).copies();
        var sealer = fixture.sealer(page);

        eventually(() -> fixture.sealing().equals("4 seals wait for the object store"));
        await(fixture.journal.vertx.undeploy(sealer));
        sql("update seals set copied_to = 'test'");
        var reader = new PgRunReader(fixture.journal.database, null, fixture.archive, page, ArchiveFixture.EVER);
        var verified = await(reader.verifyDecisions(null, progress -> Future.succeededFuture()));
        assertThat(verified.broken()).isEmpty();
        assertThat(verified.unread()).isEqualTo(4);
    }

    @Test
    void aStoreThatTakesCopiesAndDoesNotHaveThemIsNamed() {
        ended(0);
        var sealer = fixture.sealer(new NoStore(false).copies());

        eventually(() -> fixture.health("objects").contains("the object store took seals/"));
        eventually(() -> fixture.sealing().equals("4 seals wait for the object store"));
        assertThat(fixture.count("seals where copied_to is not null")).isZero();
        await(fixture.journal.vertx.undeploy(sealer));
    }

    @Test
    void aCopyIsNeverReplaced() throws IOException {
        var file = fixture.directory.resolve("seals/" + first.toString().replace('-', '/') + ".json");
        Files.createDirectories(file.getParent());
        Files.writeString(file, "{\"day\":\"" + first + "\"}");

        var sealer = fixture.sealer(fixture.copies);
        eventually(() -> fixture.count("seals where copied_to is not null") == 3);
        eventually(() -> fixture.sealing().equals("the object store has another seal of " + first));

        assertThat(level()).isEqualTo(Level.DEGRADED);
        assertThat(fixture.metrics.scrape("text/plain")).contains("taskpilot_seals_total{outcome=\"conflict\"}");
        assertThat(Files.readString(file)).isEqualTo("{\"day\":\"" + first + "\"}");
        assertThat(broken())
                .containsExactly("copy: seal of %s: is not what its copy in the object store says".formatted(first));
        await(fixture.journal.vertx.undeploy(sealer));
    }

    @Test
    void anotherStoreGetsCopiesOfItsOwn() throws IOException {
        fixture.sealAll();
        TestPostgres.execute(fixture.journal.address, "update seals set copied_to = 'another one'");
        TestPostgres.delete(fixture.directory);

        assertThat(broken()).isEmpty();
        fixture.sealAll();

        assertThat(verified().copies()).isEqualTo(4);
    }

    @Test
    void sealsStayAndAreCheckedAfterTheirChainsWereDropped() throws IOException {
        fixture.makeOldMonth();
        var run = ArchiveFixture.succeeded(fixture.old("go"));
        fixture.archiveAll();
        fixture.sealOldMonth();
        var seals = new PgRetention(fixture.journal.database);
        var turn = ArchiveFixture.turn(seals::turn);
        assertThat(await(turn.drop("_y2026m03"))).isTrue();
        await(turn.end());
        fixture.copyAll();

        assertThat(fixture.count("decisions where chain_id = '%s'".formatted(run.id)))
                .isZero();
        assertThat(broken()).isEmpty();
        sql("update seals set rows = rows + 1 where day = '2026-03-30'");
        assertThat(broken())
                .containsExactly(
                        "seal: seal of 2026-03-30: changed",
                        "copy: seal of 2026-03-30: is not what its copy in the object store says");
    }

    @Test
    void withAKeyNobodyElseCanMakeASeal() {
        ArchiveFixture.sealThrough(new PgSeals(fixture.journal.database, new Secret("k".repeat(32)), "test"), first);
        var keyed = new PgRunReader(fixture.journal.database, new Secret("k".repeat(32)));

        assertThat(await(keyed.verifyDecisions(null, progress -> Future.succeededFuture()))
                        .broken())
                .isEmpty();
        assertThat(broken()).containsExactly("seal: seal of %s: changed".formatted(first));
    }

    @Test
    void aCopyOfADayWithoutASealIsNoticed() {
        fixture.sealAll();
        assertThat(await(fixture.copies.compare(first.minusDays(1), null))).isEqualTo(Match.ABSENT);
        sql("delete from seals where day >= '%s'".formatted(today.minusDays(2)));

        assertThat(broken())
                .containsExactly(
                        "copy: seal of %s: missing, and the object store has a copy of it"
                                .formatted(today.minusDays(2)),
                        "copy: seal of %s: missing, and the object store has a copy of it"
                                .formatted(today.minusDays(1)));
    }

    @Test
    void aSealThatWasDeletedIsMadeAgainAsItWas() {
        ended(0);
        ended(3);
        fixture.sealAll();
        sql("delete from seals where day = '%s'".formatted(today.minusDays(1)));

        fixture.sealAll();

        assertThat(broken()).isEmpty();
        assertThat(verified().copies()).isEqualTo(4);
    }
}
