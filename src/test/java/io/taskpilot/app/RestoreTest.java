package io.taskpilot.app;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.taskpilot.journal.PostgresAddress;
import io.taskpilot.journal.TestPostgres;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A database from a backup: what its runs did after it was made is not known, so people say what becomes of them. */
class RestoreTest {

    @TempDir
    private Path dir;

    private record End(int code, String said) {}

    @Test
    void unfinishedRunsOfARestoredDatabaseAskBeforeTheyGoOn() throws Exception {
        var original = TestPostgres.database();
        String waiting;
        String running;
        try (var server = start(original, "0s")) {
            waiting = id(server.user().finish("Create a high priority task \"Plan the sensitive audit\""));
        }
        try (var server = start(original, "60s")) {
            running = server.user().submit("Create a low priority task \"Restock\"");
            server.user()
                    .follow(running, 0, event -> event.path("type").asText().equals("agent.started"));
            assertThat(migrateRestored(original).code()).isEqualTo(ExitCode.FAILURE);
            assertThat(migrateRestored(original).said()).contains("servers on this database: 1");
        }
        var restored = TestPostgres.copy(original);

        assertThat(migrateRestored(restored).said()).contains("2 unfinished runs will ask a person");
        assertThat(migrateRestored(restored).code()).isEqualTo(ExitCode.OK);

        try (var server = start(restored, "0s")) {
            var user = server.user();
            user.follow(running, 0, RestoreTest::asks);
            answer(user, running, "restored", "continue");
            assertThat(ApiUser.types(user.events(running)))
                    .containsSubsequence("agent.started", "approval.decided", "task.proposed", "run.succeeded");

            var seen = answer(user, waiting, "tool_call", "approve");
            user.follow(waiting, seen, RestoreTest::asks);
            answer(user, waiting, "restored", "abort");
            assertThat(ApiUser.types(user.events(waiting)))
                    .doesNotContain("tool.started")
                    .last()
                    .isEqualTo("run.cancelled");
        }
    }

    /** The {@code seq} that the run had come to before the answer. */
    private static long answer(ApiUser user, String run, String kind, String word) throws Exception {
        var now = user.get("/v1/runs/" + run);
        var approval = "/v1/approvals/" + now.path("approval_id").asText();
        assertThat(user.get(approval).path("kind").asText()).isEqualTo(kind);
        var seq =
                user.get("/v1/runs/" + run + "/events?limit=200").path("items").size();
        var answered = user.send("POST", approval + "/answer", "{\"answer\": \"" + word + "\"}");
        assertThat(answered.statusCode()).as(answered.body()).isEqualTo(200);
        return seq;
    }

    private static boolean asks(JsonNode event) {
        return event.path("type").asText().equals("approval.requested");
    }

    private static String id(JsonNode run) {
        return run.path("id").asText();
    }

    private static TestServer start(PostgresAddress database, String latency) throws Exception {
        return TestServer.start(
                Map.of("TASKPILOT_POSTGRES_URL", database.url().value(), "TASKPILOT_LLM_OFFLINE_LATENCY", latency));
    }

    private End migrateRestored(PostgresAddress database) {
        var said = new ByteArrayOutputStream();
        var out = new PrintStream(said, true, UTF_8);
        var environment = Map.of(
                "TASKPILOT_POSTGRES_URL",
                database.url().value(),
                "TASKPILOT_CONF_DIR",
                Path.of("conf").toAbsolutePath().toString());
        var shell = new Shell(out, out, Terminal.PLAIN, environment, dir, null);
        var code = new Cli(shell, Main.jobs()).run("migrate", "--restored");
        return new End(code, said.toString(UTF_8));
    }
}
