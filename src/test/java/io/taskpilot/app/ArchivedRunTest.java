package io.taskpilot.app;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.taskpilot.engine.Archivist;
import io.taskpilot.engine.ObjectStore;
import io.taskpilot.engine.TraceArchive;
import io.taskpilot.journal.Database;
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
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BiFunction;
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
        var database = Database.open(vertx, address, 2);
        var archive = new TraceArchive(store.apply(vertx, blocking), blocking, new HealthRegistry(), metrics, "test");
        var at = new Archivist.Settings(Duration.ZERO, Duration.ofMillis(50), EVER, EVER, true);
        var reader = new PgRunReader(database, null);
        vertx.deployVerticle(new Archivist(new PgRetention(database), reader, archive, at, metrics))
                .await(20, TimeUnit.SECONDS);
        var deadline = System.nanoTime() + Duration.ofSeconds(20).toNanos();
        while (!TestPostgres.query(address, "select count(*) from runs where archived_at is null")
                .equals("0")) {
            assertThat(System.nanoTime()).as("archived in time").isLessThan(deadline);
            LockSupport.parkNanos(20_000_000);
        }
        database.close().await(20, TimeUnit.SECONDS);
        vertx.close().await(20, TimeUnit.SECONDS);
    }
}
