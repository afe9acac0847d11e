package io.taskpilot.app;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.taskpilot.engine.Archivist;
import io.taskpilot.engine.ObjectStore;
import io.taskpilot.engine.TraceArchive;
import io.taskpilot.engine.WatchedStore;
import io.taskpilot.journal.PgRetention;
import io.taskpilot.journal.PgRunReader;
import io.taskpilot.journal.PostgresAddress;
import io.taskpilot.journal.TestPostgres;
import io.taskpilot.objects.FileObjects;
import io.taskpilot.objects.LocalS3;
import io.taskpilot.objects.S3Objects;
import io.taskpilot.resilience.BlockingIo;
import io.taskpilot.telemetry.HealthRegistry;
import io.taskpilot.telemetry.Metrics;
import io.vertx.core.Vertx;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BiFunction;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The whole server over HTTP, for runs whose events are no longer in the database. */
class ArchivedRunTest {
    private static final Duration EVER = Duration.ofDays(10_000);

    private final PostgresAddress address = TestPostgres.database();

    @TempDir
    private Path directory;

    @Test
    void anArchivedRunAnswersAsBeforeFromFiles() throws Exception {
        answersAsBefore(Map.of(), (vertx, blocking) -> new FileObjects(directory.resolve("objects"), blocking));
    }

    @Test
    void anArchivedRunAnswersAsBeforeFromS3() throws Exception {
        try (var s3 = new LocalS3()) {
            var settings = Map.of(
                    "TASKPILOT_S3_URL",
                    s3.url().toString(),
                    "TASKPILOT_S3_ACCESS_KEY",
                    "local-access",
                    "TASKPILOT_S3_SECRET_KEY",
                    "local-secret");
            answersAsBefore(settings, (vertx, blocking) -> new S3Objects(vertx, blocking, s3.settings()));
        }
    }

    /** A named pipe does as a file of a file server that went away: whoever opens it hangs. */
    @Test
    void anArchiveThatHangsHoldsUpNobodyElse() throws Exception {
        var objects = directory.resolve("objects");
        var settings =
                Map.of("TASKPILOT_POSTGRES_URL", address.url().value(), "TASKPILOT_DATA_DIR", directory.toString());
        try (var server = TestServer.start(settings)) {
            var user = server.user();
            var id = user.finish("prepare the board deck").path("id").asText();
            archive((vertx, blocking) -> new FileObjects(objects, blocking));
            TestPostgres.execute(address, "truncate events");
            var pipe = pipe(objects, id);
            var reads = new ArrayList<CompletableFuture<Integer>>();
            try {
                for (var i = 0; i < 6; i++) {
                    reads.add(CompletableFuture.supplyAsync(
                            () -> status(user, "/v1/runs/" + id + "/events"), read -> new Thread(read).start()));
                }
                eventually(() -> hanging() == 4); // all threads that there are for it
                var input = "prepare the board deck, and mind this: " + "x ".repeat(9_000);

                var run = user.finish(input);

                assertThat(run.path("status").asText()).isEqualTo("succeeded");
                assertThat(reads).noneMatch(CompletableFuture::isDone);
            } finally {
                while (!reads.stream().allMatch(CompletableFuture::isDone)) {
                    new RandomAccessFile(pipe.toFile(), "rw").close(); // whoever waits in its opening goes on
                    LockSupport.parkNanos(20_000_000);
                }
            }
            assertThat(reads).allSatisfy(read -> assertThat(read.join()).isEqualTo(500));
        }
    }

    private static long hanging() {
        return Thread.getAllStackTraces().values().stream()
                .filter(stack -> Arrays.stream(stack)
                        .anyMatch(frame -> frame.getClassName().startsWith(FileObjects.class.getName())))
                .count();
    }

    private static int status(ApiUser user, String path) {
        try {
            return user.send("GET", path, null).statusCode();
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    private static Path pipe(Path objects, String runId) throws Exception {
        try (var files = Files.walk(objects)) {
            var trace = files.filter(file -> file.getFileName().toString().startsWith(runId))
                    .findFirst()
                    .orElseThrow();
            Files.delete(trace);
            assertThat(new ProcessBuilder("mkfifo", trace.toString()).start().waitFor())
                    .isZero();
            return trace;
        }
    }

    private void answersAsBefore(Map<String, String> settings, BiFunction<Vertx, BlockingIo, ObjectStore> store)
            throws Exception {
        var all = new HashMap<>(settings);
        all.put("TASKPILOT_POSTGRES_URL", address.url().value());
        all.put("TASKPILOT_DATA_DIR", directory.toString());
        try (var server = TestServer.start(all)) {
            var user = server.user();
            var id = user.finish("prepare the board deck").path("id").asText();
            var before = answers(user, id);
            assertThat(before.get(1).lines().count()).isGreaterThan(10);

            archive(store);
            for (var table : List.of("events", "artifacts", "decisions")) {
                TestPostgres.execute(address, "truncate " + table);
            }

            assertThat(answers(user, id)).isEqualTo(before);
            assertThat(user.get("/health")
                            .path("checks")
                            .path("objects")
                            .path("status")
                            .asText())
                    .isEqualTo("up");
        }
    }

    /** Every way there is to read a run's events. */
    private static List<String> answers(ApiUser user, String id) throws Exception {
        var frame =
                new ObjectMapper().writeValueAsString(Map.of("op", "subscribe", "id", "1", "run_id", id, "after", 3));
        var frames = user.socket(frame, one -> ApiUser.isTerminal(one.path("event")) || ApiUser.isTerminal(one));
        return List.of(
                user.send("GET", "/v1/runs/" + id, null).body(),
                user.send("GET", "/v1/runs/" + id + "/trace", null).body(),
                user.send("GET", "/v1/runs/" + id + "/events?after=2&limit=5", null)
                        .body(),
                user.events(id).toString(),
                user.follow(id, 4, ApiUser::isTerminal).toString(),
                frames.toString());
    }

    private void archive(BiFunction<Vertx, BlockingIo, ObjectStore> store) throws Exception {
        var vertx = Vertx.vertx();
        var blocking = new BlockingIo(vertx);
        var metrics = new Metrics("1", "test");
        var database = TestPostgres.open(vertx, address, 2);
        var objects =
                new WatchedStore(store.apply(vertx, blocking), new HealthRegistry(), metrics.dependencies(), "test");
        var archive = new TraceArchive(objects, blocking, metrics.stores());
        var at = new Archivist.Settings(Duration.ZERO, Duration.ofMillis(50), EVER, EVER, true);
        var reader = new PgRunReader(database, null);
        vertx.deployVerticle(new Archivist(new PgRetention(database), reader, archive, at, metrics.stores()))
                .await(20, TimeUnit.SECONDS);
        eventually(() -> TestPostgres.query(address, "select count(*) from runs where archived_at is null")
                .equals("0"));
        database.close().await(20, TimeUnit.SECONDS);
        vertx.close().await(20, TimeUnit.SECONDS);
    }

    private static void eventually(BooleanSupplier condition) {
        var deadline = System.nanoTime() + Duration.ofSeconds(20).toNanos();
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).as("in time").isLessThan(deadline);
            LockSupport.parkNanos(20_000_000);
        }
    }
}
