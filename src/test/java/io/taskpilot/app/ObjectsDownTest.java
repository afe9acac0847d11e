package io.taskpilot.app;

import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.LongRunning;
import io.taskpilot.app.Dependency.Victim;
import io.taskpilot.journal.PostgresAddress;
import io.taskpilot.journal.TestPostgres;
import io.taskpilot.objects.SeaweedFs;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What a server does while its object store, a real SeaweedFS, is down. */
@LongRunning
class ObjectsDownTest {
    private static final Duration PATIENCE = Duration.ofMinutes(2);

    private static PostgresAddress database;
    private static SeaweedFs process;
    private static Dependency store;
    private static TestServer server;

    @BeforeAll
    static void start() throws Exception {
        database = TestPostgres.database();
        process = SeaweedFs.start();
        var victim = Victim.of(process);
        store = new Dependency("objects", victim, Wire.to(process.port()), Duration.ofSeconds(8));
        server = TestServer.start(settings(store.wire().port()));
    }

    private static Map<String, String> settings(int port) {
        return Map.of(
                "TASKPILOT_POSTGRES_URL",
                database.url().value(),
                "TASKPILOT_S3_URL",
                "http://127.0.0.1:" + port,
                "TASKPILOT_S3_ACCESS_KEY",
                "local-access",
                "TASKPILOT_S3_SECRET_KEY",
                "local-secret",
                "TASKPILOT_ARCHIVE_AFTER",
                "0s",
                "TASKPILOT_ARCHIVE_EVERY",
                "200ms");
    }

    @AfterAll
    static void stop() throws Exception {
        if (server != null) {
            server.close();
            store.close();
            process.close();
        }
    }

    @ParameterizedTest
    @EnumSource
    void runsGoOnAndTheirTracesAreArchivedWhenItIsBack(Failing how) throws Exception {
        var user = server.user();
        var before = new HashMap<String, String>();

        new Outage(server, store.name())
                .through(
                        how.name(),
                        () -> {
                            awaitArchived(); // so that nothing is under way
                            how.begin(store);
                        },
                        () -> how.end(store),
                        () -> {
                            for (var i = 0; i < 3; i++) {
                                var run = user.submit(Outage.input());
                                assertThat(ApiUser.types(user.events(run)))
                                        .last()
                                        .isEqualTo("run.succeeded");
                                before.put(run, trace(user, run));
                            }
                            new Vitals(server, store.name()).awaitDown();
                            assertThat(unarchived()).isEqualTo("3");
                        });

        awaitArchived();
        for (var table : List.of("events", "artifacts", "decisions")) {
            TestPostgres.execute(database, "truncate " + table);
        }
        for (var run : before.entrySet()) {
            assertThat(trace(user, run.getKey())).as("from the archive alone").isEqualTo(run.getValue());
        }
    }

    @Test
    void killedInTheMiddleOfLoadItTakesNoRunWithIt() throws Exception {
        var load = new SteadyLoad(server.user());
        load.await(10);
        process.kill();
        store.wire().goesDown();
        load.await(10);
        process.startAgain();
        store.wire().comesUp();
        load.await(10);

        assertThat(load.stop())
                .allSatisfy(run -> assertThat(run.path("status").asText()).isEqualTo("succeeded"));
        awaitArchived();
        new Vitals(server, store.name()).awaitUp();
    }

    @Test
    void slowAnswersInTimeCostTimeAlone() throws Exception {
        new Outage(server, store.name()).slow(store, Duration.ofMillis(100));
        awaitArchived();
    }

    private static String trace(ApiUser user, String run) throws Exception {
        var answer = user.send("GET", "/v1/runs/" + run + "/trace", null);
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
        return answer.body();
    }

    private static void awaitArchived() throws Exception {
        Outage.until(PATIENCE, () -> unarchived().equals("0"));
    }

    private static String unarchived() {
        return TestPostgres.query(
                database, "select count(*) from runs where finished_at is not null and archived_at is null");
    }
}
