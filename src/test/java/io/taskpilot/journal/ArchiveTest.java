package io.taskpilot.journal;

import static io.taskpilot.journal.ArchiveFixture.EVER;
import static io.taskpilot.journal.ArchiveFixture.eventually;
import static io.taskpilot.journal.ArchiveFixture.succeeded;
import static io.taskpilot.journal.JournalFixture.await;
import static io.taskpilot.journal.JournalFixture.failure;
import static io.taskpilot.journal.JournalFixture.started;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.taskpilot.engine.ObjectStore;
import io.taskpilot.engine.RunReader.Progress;
import io.taskpilot.engine.RunReader.Verification;
import io.taskpilot.engine.TraceArchive;
import io.taskpilot.engine.WatchedStore;
import io.taskpilot.objects.FileObjects;
import io.taskpilot.resilience.Failure;
import io.taskpilot.run.Ids;
import io.taskpilot.run.Recorded;
import io.taskpilot.run.RunStatus;
import io.taskpilot.telemetry.HealthRegistry.Level;
import io.vertx.core.Future;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.zip.GZIPInputStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ArchiveTest {
    private static final Duration MONTH = Duration.ofDays(31);

    private ArchiveFixture fixture;

    @BeforeEach
    void open() throws IOException {
        fixture = new ArchiveFixture();
    }

    @AfterEach
    void close() throws IOException {
        fixture.close();
    }

    private void dropOldMonth() {
        fixture.sealOldMonth();
        var archivist = fixture.archivist(fixture.archive, MONTH, EVER);
        eventually(() -> !fixture.hasOldMonth());
        await(fixture.journal.vertx.undeploy(archivist));
    }

    @Test
    void aFinishedRunIsArchivedByTheDateOfItsIdWithItsEventsAndDecisions() throws IOException {
        fixture.makeOldMonth();
        var run = succeeded(fixture.old("x".repeat(100_000)));
        var unfinished = fixture.journal.owned();

        fixture.archiveAll();

        var object = fixture.object(run.id);
        assertThat(fixture.directory.relativize(object).toString()).startsWith("traces/2026/03/10/run_");
        var lines = lines(object);
        assertThat(lines).hasSize(7);
        assertThat(lines.get(0)).startsWith("{\"seq\":1,\"run_id\":\"run_").contains("x".repeat(100_000));
        assertThat(lines.get(6)).startsWith("{\"decision\":{\"id\":\"dec_");
        assertThat(fixture.isArchived(unfinished.id)).isFalse();
        try (var files = Files.walk(fixture.directory)) {
            assertThat(files.filter(file -> file.toString().endsWith(".tmp"))).isEmpty();
        }
    }

    private static List<String> lines(Path object) throws IOException {
        try (var in = new BufferedReader(
                new InputStreamReader(new GZIPInputStream(Files.newInputStream(object)), StandardCharsets.UTF_8))) {
            return in.lines().toList();
        }
    }

    @Test
    void anArchivedRunReadsTheSameAfterItsMonthWasDropped() {
        fixture.makeOldMonth();
        var run = succeeded(fixture.old("x".repeat(100_000)));
        var before = await(fixture.reader.events(run.id, 0, 100));
        fixture.archiveAll();

        dropOldMonth();

        assertThat(fixture.count("events")).isZero();
        assertThat(await(fixture.reader.events(run.id, 0, 100))).isEqualTo(before);
        assertThat(await(fixture.reader.events(run.id, 2, 2)))
                .extracting(Recorded::seq)
                .containsExactly(3L, 4L);
        assertThat(await(fixture.reader.events(run.id, 6, 2))).isEmpty();
        assertThat(await(fixture.reader.run(run.id)).lastSeq()).isEqualTo(6);
    }

    @Test
    void decisionsThatWereDroppedInOrderAreNotMissing() {
        fixture.makeOldMonth();
        var run = succeeded(fixture.old("go"));
        succeeded(fixture.journal.owned());
        fixture.archiveAll();
        dropOldMonth();

        var all = verified(null);
        assertThat(all.broken()).isEmpty();
        assertThat(all.checked()).isEqualTo(new Progress(1, 1, 2));
        assertThat(verified(run.id).broken()).isEmpty();

        TestPostgres.execute(fixture.journal.address, "delete from decisions");
        assertThat(verified(null).broken()).hasSize(1);
    }

    @Test
    void chainsOfNoRunGoWithTheirMonthAndSoDoTheirHeads() {
        fixture.makeOldMonth();
        OtherChain.begun(fixture.journal.address, ArchiveFixture.OLD_MONTH_ENDS).append(2);
        var recent = OtherChain.begun(fixture.journal.address, LocalDate.now(ZoneOffset.UTC))
                .append(3);
        fixture.sealOldMonth();
        assertThat(verified(null).checked()).isEqualTo(new Progress(2, 5, 2));

        assertThat(drop()).isTrue();

        assertThat(verified(null).broken()).isEmpty();
        assertThat(verified(null).checked()).isEqualTo(new Progress(1, 3, 2));
        await(fixture.journal.journal.cleanUp());
        assertThat(TestPostgres.query(fixture.journal.address, "select chain_id from decision_chains"))
                .isEqualTo(recent.id.toString());
        assertThat(verified(null).broken()).isEmpty();
        TestPostgres.execute(fixture.journal.address, "delete from decisions");
        assertThat(verified(null).broken()).hasSize(1);
    }

    private Verification verified(@Nullable UUID runId) {
        return await(fixture.reader.verifyDecisions(runId, progress -> Future.succeededFuture()));
    }

    @Test
    void aMonthStaysUntilEachOfItsRunsAndDaysIsSealed() {
        fixture.makeOldMonth();
        succeeded(fixture.old("go"));
        fixture.archiveAll();

        assertThat(drop()).isFalse();

        fixture.sealOldMonth();
        TestPostgres.execute(fixture.journal.address, "delete from seals where day = '2026-03-31'");
        assertThat(drop()).isFalse();
        fixture.sealOldMonth();
        assertThat(drop()).isTrue();
        assertThat(fixture.count("pg_class where relname = 'seal_heads_y2026m03'"))
                .isZero();
    }

    @Test
    void aMonthStaysWhileOneOfItsRunsIsNotFinished() {
        fixture.makeOldMonth();
        succeeded(fixture.old("go"));
        var unfinished = fixture.old("go").appended(started());
        fixture.archiveAll();
        fixture.sealOldMonth();

        assertThat(drop()).isFalse();

        succeededFromStarted(unfinished);
        fixture.archiveAll();
        fixture.sealOldMonth();
        assertThat(drop()).isTrue();
    }

    private static void succeededFromStarted(JournalFixture.Owned run) {
        run.appended(JournalFixture.ended(RunStatus.FAILED));
    }

    private boolean drop() {
        var turn = ArchiveFixture.turn(new PgRetention(fixture.journal.database)::turn);
        try {
            assertThat(await(turn.oldMonths(MONTH))).containsExactly("_y2026m03");
            return await(turn.drop("_y2026m03"));
        } finally {
            await(turn.end());
        }
    }

    @Test
    void aMonthThatSomebodyReadsStaysUntilLater() throws Exception {
        fixture.makeOldMonth();
        succeeded(fixture.old("go"));
        fixture.archiveAll();
        fixture.sealOldMonth();
        var address = fixture.journal.address;
        try (var connection = DriverManager.getConnection(address.jdbcUrl(), address.jdbcProperties());
                var statement = connection.createStatement()) {
            connection.setAutoCommit(false);
            statement.executeQuery("select count(*) from events_y2026m03");

            assertThat(drop()).isFalse();
            assertThat(fixture.hasOldMonth()).isTrue();
            connection.rollback();
        }
        assertThat(drop()).isTrue();
    }

    @Test
    void whileSomebodyDropsNobodyElseDoes() throws Exception {
        fixture.makeOldMonth();
        fixture.sealOldMonth();
        var address = fixture.journal.address;
        try (var connection = DriverManager.getConnection(address.jdbcUrl(), address.jdbcProperties());
                var statement = connection.createStatement()) {
            connection.setAutoCommit(false);
            statement.execute("select pg_advisory_xact_lock(hashtext('taskpilot.drop_month'))");

            assertThat(drop()).isFalse();
            connection.rollback();
        }
        assertThat(drop()).isTrue();
    }

    /** A drop that waits keeps everybody else waiting, whatever its session may wait for. */
    @Test
    void aDropGivesUpBeforeItsStatementIsEnded() throws Exception {
        fixture.makeOldMonth();
        fixture.sealOldMonth();
        var address = fixture.journal.address;
        try (var reader = DriverManager.getConnection(address.jdbcUrl(), address.jdbcProperties());
                var reading = reader.createStatement();
                var dropper = DriverManager.getConnection(address.jdbcUrl(), address.jdbcProperties());
                var dropping = dropper.createStatement()) {
            reader.setAutoCommit(false);
            reading.executeQuery("select count(*) from events_y2026m03");
            dropping.execute("set lock_timeout = 0; set statement_timeout = '10s'");

            assertThatThrownBy(() -> dropping.executeQuery("select drop_month('_y2026m03')"))
                    .isInstanceOfSatisfying(
                            SQLException.class,
                            failure -> assertThat(failure.getSQLState()).isEqualTo("55P03"));
            reader.rollback();
        }
    }

    @Test
    void monthsThatAreNotOldEnoughStayAndSoDoesTheLastOne() {
        fixture.makeOldMonth();
        var turn = ArchiveFixture.turn(new PgRetention(fixture.journal.database)::turn);

        assertThat(await(turn.oldMonths(EVER))).isEmpty();
        assertThat(await(turn.oldMonths(Duration.ZERO))).containsExactly("_y2026m03");
        await(turn.end());
        assertThat(await(new PgRetention(fixture.journal.database).headroomDays()))
                .isBetween(80.0, 130.0);
    }

    @Test
    void oneNodeAtATimeArchives() {
        var retention = new PgRetention(fixture.journal.database);
        var turn = ArchiveFixture.turn(retention::turn);

        assertThat(await(retention.turn())).isNull();
        await(turn.end());
        eventually(() -> {
            var next = await(retention.turn());
            return next != null && await(next.end().map(true));
        });
        assertThat(failure(turn.archived(UUID.randomUUID(), "", "test"))).isNotNull();
    }

    @Test
    void twoNodesArchiveEachRunOnce() throws IOException {
        for (var i = 0; i < 30; i++) {
            succeeded(fixture.journal.owned());
        }
        var puts = new AtomicInteger();
        try (var other = fixture.another()) {
            var one = fixture.archivist(fixture.archive(new Counted(fixture, puts)), EVER, EVER);
            var two = other.archivist(other.archive(new Counted(other, puts)), EVER, EVER);
            eventually(() -> fixture.count("runs where archived_at is null") == 0);
            await(fixture.journal.vertx.undeploy(one));
            await(other.journal.vertx.undeploy(two));
        }
        assertThat(puts).hasValue(30);
    }

    /** Files, counting and failing on demand. */
    private static class Counted implements ObjectStore {
        private final FileObjects files;
        private final AtomicInteger puts;

        Counted(ArchiveFixture fixture, AtomicInteger puts) {
            this.files = new FileObjects(fixture.directory, fixture.blocking);
            this.puts = puts;
        }

        @Override
        public Future<Void> check() {
            return files.check();
        }

        @Override
        public Future<Void> put(String key, Path file) {
            puts.incrementAndGet();
            return files.put(key, file);
        }

        @Override
        public Future<Void> get(String key, Path file) {
            return files.get(key, file);
        }

        @Override
        public Future<Void> delete(String key) {
            return files.delete(key);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"this version", "an earlier version"})
    void aMonthIsNotDroppedForTracesThatAnotherStoreHas(String by) throws IOException {
        fixture.makeOldMonth();
        var run = succeeded(fixture.old("go"));
        var recent = succeeded(fixture.journal.owned());
        var before = await(fixture.reader.events(run.id, 0, 100));
        fixture.archiveAll();
        if (by.equals("an earlier version")) {
            TestPostgres.execute(fixture.journal.address, "update runs set archive_store = null");
        }
        var elsewhere = Files.createTempDirectory("taskpilot-archive");
        var store = new WatchedStore(
                new FileObjects(elsewhere, fixture.blocking),
                fixture.health,
                fixture.metrics.dependencies(),
                "elsewhere");
        var archive = new TraceArchive(store, fixture.blocking, fixture.metrics.stores());
        fixture.sealOldMonth();

        var archivist = fixture.archivist(archive, MONTH, EVER);
        eventually(() -> !fixture.hasOldMonth());
        await(fixture.journal.vertx.undeploy(archivist));

        assertThat(await(fixture.reader(archive, EVER).events(run.id, 0, 100))).isEqualTo(before);
        assertThat(fixture.isArchived(recent.id)).isTrue();
        TestPostgres.delete(elsewhere);
    }

    @Test
    void aRunWhoseEventsAreGoneStaysWithTheStoreThatHasThem() {
        var gone = succeeded(fixture.journal.owned()); // of this month, and the one before it stays
        fixture.makeOldMonth();
        var run = succeeded(fixture.old("go"));
        fixture.old("go").appended(started());
        fixture.archiveAll();
        var month = TestPostgres.query(
                fixture.journal.address,
                "select suffix from partition_months() where '" + gone.id
                        + "' between uuid_at(starts) and uuid_at(ends)");
        TestPostgres.execute(fixture.journal.address, "update runs set sealed_on = current_date"); // as if it were over
        TestPostgres.execute(
                fixture.journal.address,
                "insert into seals (day, chains, rows, root, prev_hash, hash) values ('9999-12-31', 0, 0, '', '', '')");
        TestPostgres.execute(fixture.journal.address, "select drop_month('" + month + "')");
        assertThat(fixture.count("partition_months() where suffix = '" + month + "'"))
                .isZero();
        var retention = new PgRetention(fixture.journal.database);
        var turn = ArchiveFixture.turn(retention::turn);

        assertThat(await(turn.disown("elsewhere", 10))).isEqualTo(1);

        assertThat(fixture.isArchived(run.id)).isFalse();
        assertThat(fixture.isArchived(gone.id)).isTrue();
        assertThat(await(fixture.reader.events(gone.id, 0, 100))).hasSize(6);
        await(turn.end());
    }

    @Test
    void aPutThatWasNotMarkedIsDoneAgain() throws IOException {
        var run = succeeded(fixture.journal.owned());
        fixture.archiveAll();
        var before = Files.readAllBytes(fixture.object(run.id));
        TestPostgres.execute(fixture.journal.address, "update runs set archived_at = null, archive_sha256 = null");

        fixture.archiveAll();

        assertThat(Files.readAllBytes(fixture.object(run.id))).isEqualTo(before);
    }

    @Test
    void aStoreThatIsAwayLosesNothing() throws IOException {
        fixture.close();
        fixture = new ArchiveFixture();
        TestPostgres.delete(fixture.directory);
        Files.writeString(fixture.directory, "not a directory");
        var run = succeeded(fixture.journal.owned());

        var archivist = fixture.archivist(fixture.archive, EVER, EVER);
        eventually(() -> fixture.health.states().containsKey("objects")
                && fixture.health.states().get("objects").level() == Level.DEGRADED);
        assertThat(fixture.metrics.scrape("text/plain"))
                .contains("taskpilot_dependency_up{dependency=\"objects\"} 0.0");
        assertThat(await(fixture.reader.events(run.id, 0, 10))).hasSize(6);
        assertThat(fixture.isArchived(run.id)).isFalse();

        Files.delete(fixture.directory);
        eventually(() -> fixture.isArchived(run.id));
        assertThat(Objects.requireNonNull(fixture.health.states().get("objects"))
                        .level())
                .isEqualTo(Level.UP);
        await(fixture.journal.vertx.undeploy(archivist));
    }

    @ParameterizedTest
    @ValueSource(strings = {"cut", "flip", "other", "gone"})
    void aBrokenTraceIsNotServed(String how) throws IOException {
        fixture.makeOldMonth();
        var run = succeeded(fixture.old("go"));
        var other = succeeded(fixture.old("stop"));
        fixture.archiveAll();
        dropOldMonth();
        var object = fixture.object(run.id);
        var bytes = Files.readAllBytes(object);
        switch (how) {
            case "cut" -> Files.write(object, Arrays.copyOf(bytes, bytes.length / 2));
            case "flip" -> {
                bytes[bytes.length / 2] ^= 1;
                Files.write(object, bytes);
            }
            case "other" -> Files.write(object, Files.readAllBytes(fixture.object(other.id)));
            default -> Files.delete(object);
        }

        assertThat(failure(fixture.reader.events(run.id, 0, 10)))
                .isInstanceOfSatisfying(
                        Failure.class, failure -> assertThat(failure.slug()).isEqualTo("internal-archive"));
    }

    @Test
    void whatIsStoredWronglyDoesNotCountAsArchived() {
        var run = succeeded(fixture.journal.owned());
        var broken = fixture.archive(new Counted(fixture, new AtomicInteger()) {
            @Override
            public Future<Void> put(String key, Path file) {
                return fixture.blocking
                        .run(() -> Files.writeString(file, "something else"))
                        .compose(unused -> super.put(key, file));
            }
        });
        var archivist = fixture.archivist(broken, EVER, EVER);
        eventually(() -> fixture.metrics
                .scrape("text/plain")
                .contains("taskpilot_trace_archive_objects_total{outcome=\"corrupt\"}"));
        assertThat(fixture.isArchived(run.id)).isFalse();
        await(fixture.journal.vertx.undeploy(archivist));
    }

    @Test
    void aRunThatIsPastItsTimeGoesWithItsTraceAndIsGone() throws IOException {
        fixture.makeOldMonth();
        var run = succeeded(fixture.old("go"));
        succeeded(fixture.journal.owned());
        fixture.archiveAll();
        fixture.sealOldMonth();
        var object = fixture.object(run.id);

        var archivist = fixture.archivist(fixture.archive, MONTH, MONTH);
        eventually(() -> fixture.count("runs") == 1);
        await(fixture.journal.vertx.undeploy(archivist));

        assertThat(object).doesNotExist();
        var reader = fixture.reader(fixture.archive, MONTH);
        assertThat(slug(reader.run(run.id))).isEqualTo("caller-run-expired");
        assertThat(slug(reader.events(run.id, 0, 1))).isEqualTo("caller-run-expired");
        var recent = Ids.at(System.currentTimeMillis(), ThreadLocalRandom.current());
        assertThat(slug(reader.run(recent))).isEqualTo("caller-not-found");
        assertThat(verified(null).broken()).isEmpty();
    }

    private static String slug(Future<?> future) {
        return ((Failure) failure(future)).slug();
    }
}
