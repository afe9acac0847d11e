package io.taskpilot.app;

import static io.taskpilot.app.ApiUser.types;
import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.LongRunning;
import io.taskpilot.app.Dependency.Victim;
import io.taskpilot.journal.PostgresProcess;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What a server does while its PostgreSQL, a real one, is down. {@link PostgresTroubleTest} has subtler troubles. */
@LongRunning
class PostgresDownTest {
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final int RUNS = 4;

    @TempDir
    private static Path directory;

    private static PostgresProcess process;
    private static Dependency postgres;
    private static TestServer server;

    @BeforeAll
    static void start() throws Exception {
        process = PostgresProcess.create(directory);
        var victim = new Victim(process::kill, process::start, process::freeze, process::thaw);
        postgres = new Dependency("postgres", victim, Wire.to(process.port()), Duration.ofSeconds(6));
        server = TestServer.start(Map.of(
                "TASKPILOT_POSTGRES_URL",
                process.url(postgres.wire().port()),
                "TASKPILOT_LLM_OFFLINE_LATENCY",
                "300ms"));
    }

    @AfterAll
    static void stop() throws Exception {
        server.close();
        postgres.close();
        process.close();
    }

    @ParameterizedTest
    @EnumSource
    void newRunsAreRefusedAndRunningOnesWait(Failing how) throws Exception {
        var outage = new Outage(server, postgres.name());
        var user = server.user();
        var runs = new ArrayList<String>();

        outage.through(
                how.name(),
                () -> {
                    runs.addAll(submitted(user));
                    how.begin(postgres);
                },
                () -> how.end(postgres),
                () -> {
                    Outage.until(PATIENCE, () -> outage.submit().statusCode() == 503);
                    var refusal = outage.submit();
                    Outage.assertProblem(refusal, "overload-journal", 503);
                    assertThat(refusal.headers().firstValue("Retry-After")).isPresent();
                    var read = user.send("GET", "/v1/runs/" + runs.get(0), null);
                    if (how != Failing.TOO_SLOW || read.statusCode() != 200) { // what is slow still reads
                        Outage.assertProblem(read, "overload-journal", 503);
                    }
                });

        for (var run : runs) {
            var events = user.events(run);
            assertThat(types(events)).containsOnlyOnce("tool.started").last().isEqualTo("run.succeeded");
            Outage.startedOnlyWhatWasAllowed(events);
        }
    }

    private static List<String> submitted(ApiUser user) throws Exception {
        var runs = new ArrayList<String>();
        for (var i = 0; i < RUNS; i++) {
            runs.add(user.submit(Outage.input()));
        }
        return runs;
    }

    @Test
    void slowAnswersInTimeCostTimeAlone() throws Exception {
        new Outage(server, postgres.name()).slow(postgres, Duration.ofMillis(50));
    }
}
