package io.taskpilot.journal;

import static io.taskpilot.journal.JournalFixture.await;

import io.taskpilot.engine.Archivist;
import io.taskpilot.engine.ObjectStore;
import io.taskpilot.engine.Seal;
import io.taskpilot.engine.SealCopies;
import io.taskpilot.engine.Sealer;
import io.taskpilot.engine.TraceArchive;
import io.taskpilot.engine.WatchedStore;
import io.taskpilot.journal.JournalFixture.Owned;
import io.taskpilot.objects.FileObjects;
import io.taskpilot.resilience.BlockingIo;
import io.taskpilot.run.DecisionResult;
import io.taskpilot.run.Ids;
import io.taskpilot.run.RunRequest;
import io.taskpilot.run.RunStatus;
import io.taskpilot.telemetry.HealthRegistry;
import io.taskpilot.telemetry.Metrics;
import io.vertx.core.Future;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** A journal with an archive, and runs of long ago. */
final class ArchiveFixture implements AutoCloseable {
    static final Instant LONG_AGO = Instant.parse("2026-03-10T12:00:00Z");
    static final LocalDate OLD_MONTH_ENDS = LocalDate.parse("2026-03-31");
    static final Duration EVER = Duration.ofDays(10_000);

    final JournalFixture journal;
    final Path directory;
    final BlockingIo blocking;
    final HealthRegistry health = new HealthRegistry();
    final Metrics metrics = new Metrics("1", "test");
    final TraceArchive archive;
    final SealCopies copies;
    final PgSeals seals;
    final PgRunReader reader;
    private final List<Path> owned;

    ArchiveFixture() throws IOException {
        this(new JournalFixture(), Files.createTempDirectory("taskpilot-archive"), true);
    }

    private ArchiveFixture(JournalFixture journal, Path directory, boolean delete) {
        this.journal = journal;
        this.directory = directory;
        this.owned = delete ? List.of(directory) : List.of();
        blocking = new BlockingIo(journal.vertx);
        archive = archive(new FileObjects(directory, blocking));
        copies = new SealCopies(
                new WatchedStore(new FileObjects(directory, blocking), health, metrics.dependencies(), "test"),
                blocking,
                true);
        seals = new PgSeals(journal.database, null, "test");
        reader = reader(archive, EVER);
        journal.register();
    }

    TraceArchive archive(ObjectStore store) {
        return new TraceArchive(
                new WatchedStore(store, health, metrics.dependencies(), "test"), blocking, metrics.stores());
    }

    PgRunReader reader(TraceArchive from, Duration kept) {
        return new PgRunReader(journal.database, null, from, copies, kept);
    }

    /** Another process on the same database and directory. */
    ArchiveFixture another() {
        return new ArchiveFixture(journal.another(), directory, false);
    }

    /** The partitions of the month of {@link #LONG_AGO}, with the months between that and those there are left out. */
    void makeOldMonth() {
        for (var parent : List.of("events", "artifacts", "decisions")) {
            TestPostgres.execute(journal.address, """
                    create table %1$s_y2026m03 partition of %1$s
                    for values from (uuid_at('2026-03-01Z')) to (uuid_at('2026-04-01Z'))""".formatted(parent));
        }
    }

    /** A run of {@link #LONG_AGO} that this node owns. */
    Owned old(String input) {
        var now = JournalFixture.request(input);
        var request = new RunRequest(
                Ids.at(LONG_AGO.toEpochMilli(), ThreadLocalRandom.current()),
                now.tenant(),
                now.principal(),
                now.roles(),
                now.requestId(),
                input,
                Map.of(),
                now.timeout(),
                false);
        return journal.new Owned(request, await(journal.journal.create(request, null, true)));
    }

    static Owned succeeded(Owned run) {
        return run.appended(
                JournalFixture.started(),
                JournalFixture.checked(DecisionResult.ALLOW),
                JournalFixture.turnStarted(1),
                JournalFixture.turnCompleted(1, "x"),
                JournalFixture.ended(RunStatus.SUCCEEDED));
    }

    /** Deploys one that looks often, until it is closed. */
    String archivist(TraceArchive to, Duration keepJournal, Duration keepArchive) {
        var settings = new Archivist.Settings(Duration.ZERO, Duration.ofMillis(50), keepJournal, keepArchive, true);
        var archivist = new Archivist(
                new PgRetention(journal.database),
                reader(to, keepArchive),
                to,
                settings,
                new Metrics("1", "test").stores());
        return await(journal.vertx.deployVerticle(archivist));
    }

    /** Has had its end in the middle of that day, and was accepted a day before. */
    void endedOn(Owned run, LocalDate day) {
        TestPostgres.execute(
                journal.address,
                "update runs set created_at = '%1$sT12:00Z'::timestamptz - interval '1 day', finished_at = '%1$sT12:00Z' where id = '%2$s'"
                        .formatted(day, run.id));
    }

    void sealingBegan(LocalDate day) {
        TestPostgres.execute(journal.address, "update sealing set first_day = '%s'".formatted(day));
    }

    /** Seals the days up to that one, without copies. */
    List<Seal> sealThrough(LocalDate last) {
        return sealThrough(seals, last);
    }

    /** The next one: the lock of one that has ended goes with its session, a moment later. */
    static <T> T turn(Supplier<Future<@Nullable T>> taken) {
        var turn = new AtomicReference<T>();
        eventually(() -> {
            turn.set(await(taken.get()));
            return turn.get() != null;
        });
        return Objects.requireNonNull(turn.get());
    }

    static List<Seal> sealThrough(PgSeals seals, LocalDate last) {
        var turn = turn(seals::turn);
        try {
            var made = new ArrayList<Seal>();
            for (var next = await(turn.state(Duration.ZERO)).next();
                    !next.isAfter(last);
                    next = await(turn.state(Duration.ZERO)).next()) {
                made.add(await(turn.seal(next)));
            }
            return made;
        } finally {
            await(turn.end());
        }
    }

    /** Deploys one that looks often, until it is undeployed. */
    String sealer(SealCopies to) {
        return sealer(to, Duration.ZERO);
    }

    private String sealer(SealCopies to, Duration margin) {
        var settings = new Sealer.Settings(margin, Duration.ofMillis(50));
        return await(journal.vertx.deployVerticle(new Sealer(seals, to, settings, health, metrics.stores())));
    }

    /** Seals every day that is over, and copies the seals. */
    void sealAll() {
        work(Duration.ZERO);
    }

    /** Copies the seals there are. */
    void copyAll() {
        work(EVER);
    }

    private void work(Duration margin) {
        var id = sealer(copies, margin);
        eventually(() -> {
            var state = await(seals.state(margin));
            return !state.due() && state.uncopied() == 0 && sealing().equals("every day before " + state.next());
        });
        await(journal.vertx.undeploy(id));
    }

    /** What {@code /health} says of the seals. */
    String sealing() {
        return health("seals");
    }

    /** What {@code /health} says of that; empty for nothing yet. */
    String health(String name) {
        var state = health.states().get(name);
        return state == null ? "" : state.detail();
    }

    /** Has the runs of {@link #LONG_AGO} that ended end on their day, and seals their month. */
    void sealOldMonth() {
        if (count("seals") == 0) {
            sealingBegan(OLD_MONTH_ENDS.minusDays(1));
        }
        TestPostgres.execute(
                journal.address,
                "update runs set finished_at = '%s' where finished_at is not null and sealed_on is null and id < uuid_at('2026-04-01Z')"
                        .formatted(LONG_AGO));
        var next = await(seals.state(Duration.ZERO)).next();
        sealThrough(next.isBefore(OLD_MONTH_ENDS) ? OLD_MONTH_ENDS : next);
    }

    /** Archives what there is, and drops or removes nothing. */
    void archiveAll() {
        var id = archivist(archive, EVER, EVER);
        eventually(() -> count("runs where finished_at is not null and archived_at is null") == 0);
        await(journal.vertx.undeploy(id));
    }

    long count(String from) {
        return Long.parseLong(TestPostgres.query(journal.address, "select count(*) from " + from));
    }

    boolean isArchived(UUID runId) {
        return count("runs where archived_at is not null and id = '%s'".formatted(runId)) == 1;
    }

    boolean hasOldMonth() {
        return count("partition_months() where suffix = '_y2026m03'") == 1;
    }

    static void eventually(BooleanSupplier condition) {
        var deadline = System.nanoTime() + Duration.ofSeconds(20).toNanos();
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() > deadline) {
                throw new AssertionError("did not come to pass within 20 s");
            }
            LockSupport.parkNanos(20_000_000);
        }
    }

    Path object(UUID runId) throws IOException {
        try (Stream<Path> files = Files.walk(directory)) {
            return files.filter(file -> file.endsWith("run_" + runId + ".jsonl.gz"))
                    .findFirst()
                    .orElseThrow();
        }
    }

    @Override
    public void close() throws IOException {
        journal.close();
        for (var path : owned) {
            TestPostgres.delete(path);
        }
    }
}
