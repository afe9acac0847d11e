package io.taskpilot.app;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.core.joran.spi.JoranException;
import io.taskpilot.config.Secret;
import io.taskpilot.gateway.ApiKeys;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CliTest {
    private static final String SECRET = "0123456789abcdef0123456789abcdef";
    private static final String APPROVAL = """
            {"id": "apr_1", "run_id": "run_1", "status": "pending", "kind": "tool_call", "agent": "ExecutorAgent",
             "tool": "create_task", "arguments": {"title": "x"}, "rule": "sensitive_high", "answered": null,
             "expires_at": "2026-11-23T13:00:00.123Z"}
            """;

    @TempDir
    private Path dir;

    private CommandRun command;

    @AfterAll
    static void restoreLogging() throws JoranException {
        CommandRun.restoreLogging();
    }

    @BeforeEach
    void makeCommand() {
        command = new CommandRun(dir);
    }

    @Test
    void aWrongConfigurationIsTwoAndNamesEveryMistake() {
        command.environment.put("TASKPILOT_HTTP_PORT", "x");

        var end = command.run("serve", "--set", "http.host=0.0.0.0");

        assertThat(end.code()).isEqualTo(2);
        assertThat(end.err().lines())
                .hasSize(3)
                .contains("  http.port: 'x' (expected: 0..65535), from TASKPILOT_HTTP_PORT")
                .anyMatch(line -> line.startsWith("  http.host: '0.0.0.0' (expected: a loopback address"));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "'' | empty (expected: a YAML list of keys; taskpilot keys hash makes an entry)",
                "'- {id: x, roles: [' | not YAML at line 1 (while parsing a flow node)",
                "'a: b' | not a list (expected: a YAML list of keys)",
            })
    void aWrongKeysFileIsNamedWithItsMistake(String content, String mistake) throws IOException {
        var file = dir.resolve("keys.yaml");
        Files.writeString(file, content);
        command.environment.put("TASKPILOT_AUTH_MODE", "keys");
        command.environment.put("TASKPILOT_AUTH_SECRET", SECRET);
        command.environment.put("TASKPILOT_AUTH_KEYS_FILE", file.toString());
        command.start = config -> {
            Server.start(config);
            throw new AssertionError("started");
        };

        var end = command.run("serve");

        assertThat(end.code()).isEqualTo(2);
        assertThat(end.err()).isEqualTo("""
                        taskpilot: the configuration has a mistake:
                          auth.keysFile: %s: %s
                        """.formatted(file, mistake));
    }

    @Test
    void aServerThatCannotStartSaysWhyInOneLine() {
        command.start = config -> {
            throw new IllegalStateException("the data directory is in use", new IOException("lock"));
        };

        var end = command.run("serve");

        assertThat(end.code()).isEqualTo(1);
        assertThat(end.err())
                .contains("taskpilot: the data directory is in use: lock\n")
                .doesNotContain("\tat ");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "bogus",
                "run",
                "sleep",
                "sleep soon",
                "keys",
                "keys hash --scope all",
                "migrate",
                "approve nope",
                "runs apr_1",
                "runs run_1 --status failed",
                "cancel",
                "cancel all"
            })
    void wrongUsageIsTwo(String line) {
        var end = command.run(line.isEmpty() ? new String[0] : line.split(" "));

        assertThat(end.code()).isEqualTo(2);
        assertThat(end.err()).isNotEmpty();
    }

    @ParameterizedTest
    @CsvSource(
            quoteCharacter = '"',
            delimiter = '|',
            value = {
                "bogus | Unmatched argument at index 0: 'bogus' | taskpilot",
                "approvls | Unmatched argument at index 0: 'approvls', did you mean approvals? | taskpilot",
                "run --timout=5m x | Unknown option: '--timout=5m', did you mean --timeout? | taskpilot run",
                "decisions --server 127.0.0.1:80 | Invalid value for option '--server': '127.0.0.1:80' "
                        + "(expected: a URL such as http://127.0.0.1:8000) | taskpilot decisions",
            })
    void wrongUsageIsToldInTwoLines(String line, String reason, String command) {
        var end = this.command.run(line.split(" "));

        assertThat(end).isEqualTo(new CommandRun.End(2, "", reason(reason, command)));
    }

    @Test
    void aGroupOfCommandsShowsWhatItHasAndThenWhatIsMissing() {
        assertThat(command.run("keys").err())
                .startsWith("Usage: taskpilot keys")
                .endsWith(reason("Missing required subcommand", "taskpilot keys"));
    }

    private static String reason(String reason, String command) {
        return "taskpilot: %s\n  %s --help tells more\n".formatted(reason, command);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "serve",
                "run",
                "runs",
                "cancel",
                "approvals",
                "approve",
                "reject",
                "answer",
                "decisions",
                "migrate",
                "keys",
                "config",
                "health",
                "sleep"
            })
    void everyCommandExplainsItself(String name) {
        var end = command.run(name, "--help");

        assertThat(end.code()).isZero();
        assertThat(end.out()).startsWith("Usage: taskpilot " + name);
        assertThat(command.run("--help").out()).contains("  " + name + " ");
    }

    @Test
    void configPrintShowsWhereEachValueIsFromAndNoSecret() {
        command.environment.put("OPENAI_API_KEY", "sk-tell-no-one");

        var end = command.run("config", "print", "--set", "http.port=9000");

        assertThat(end.code()).isZero();
        assertThat(end.out())
                .containsPattern("(?m)^environment +test +.*taskpilot.yaml$")
                .containsPattern("(?m)^http.port +9000 +a flag$")
                .containsPattern("(?m)^http.host +127.0.0.1 +default$")
                .containsPattern("(?m)^llm.apiKey +\\*{3} +OPENAI_API_KEY$")
                .doesNotContain("tell-no-one");
        assertThat(command.run("config", "print", "--json").out())
                .contains("\"llm.apiKey\":{\"value\":\"***\"")
                .doesNotContain("tell-no-one");
    }

    @Test
    void theKeyOfKeysHashIsApartFromItsEntry() {
        command.environment.put("TASKPILOT_AUTH_SECRET", SECRET);

        var end = command.run(
                "keys", "hash", "--id", "ci", "--tenant", "acme", "--scope", "runs:write", "--role", "approver");

        assertThat(end.code()).isZero();
        var key = end.err().strip().replaceAll(".*: ", "");
        assertThat(key).matches("tp_[a-z0-9]{8}_[\\w-]{43}");
        assertThat(end.out())
                .contains(
                        "\"id\":\"ci\"", "\"tenant\":\"acme\"", "\"scopes\":[\"runs:write\"],\"roles\":[\"approver\"]")
                .contains("\"hash\":\"" + ApiKeys.hash(new Secret(SECRET), key) + "\"")
                .doesNotContain(key);
        assertThat(ApiKeys.parse(
                                end.out()
                                        + end.out().replace("ci", "x").replaceAll("\"prefix\":\"..", "\"prefix\":\"00"),
                                new Secret(SECRET))
                        .size())
                .isEqualTo(2);
    }

    @ParameterizedTest
    @ValueSource(strings = {"hash", "create --key-file key"})
    void aWrongKeyIsToldByItsOptions(String how) {
        command.environment.put("TASKPILOT_AUTH_SECRET", SECRET);
        command.environment.put(
                "TASKPILOT_AUTH_KEYS_FILE", dir.resolve("keys.yaml").toString());

        var end = command.run(("keys " + how + " --id % --scope all --role Boss,Clerk").split(" "));

        assertThat(end.code()).isEqualTo(2);
        assertThat(end.err().lines())
                .hasSize(3)
                .anyMatch(line -> line.startsWith("--role: malformed (expected: each 1..64"))
                .anyMatch(line -> line.startsWith("taskpilot: --id: malformed"))
                .anyMatch(line -> line.startsWith("--scope: all (expected: "));
        assertThat(dir.resolve("keys.yaml")).doesNotExist();
    }

    @Test
    void keysHashNeedsTheServersSecret() {
        var end = command.run("keys", "hash");

        assertThat(end.code()).isEqualTo(2);
        assertThat(end.err()).contains("auth.secret: missing");
    }

    @Test
    void migrateTakesTheConfiguredDatabase() {
        command.environment.put("TASKPILOT_POSTGRES_URL", "postgresql://u:p@db/x");

        var end = command.run("migrate");

        assertThat(end.out()).isEqualTo("up to date, after 2 migrations\n");
        assertThat(command.migrated).hasSize(1);
    }

    @Test
    void aRestoredDatabaseIsMigratedAndThenItsRunsAreParked() {
        command.environment.put("TASKPILOT_POSTGRES_URL", "postgresql://u:p@db/x");

        var end = command.run("migrate", "--restored");

        assertThat(end.out()).endsWith("migrations\n1 unfinished run will ask a person before going on\n");
    }

    @Test
    void clientsSayWhenThereIsNoServer() {
        var end = command.run("approvals");

        assertThat(end.code()).isEqualTo(1);
        assertThat(end.err()).contains("no server runs on this data directory: start one with `taskpilot serve`");
    }

    @Test
    void approvalsShowsWhatWouldRun() {
        try (var server = new FakeServer(List.of())
                .answering("/v1/approvals", 200, "{\"items\": [" + APPROVAL + "], \"next_cursor\": null}")
                .answering("/v1/approvals/apr_1", 200, APPROVAL)) {
            command.environment.put("TASKPILOT_SERVER", server.url().toString());

            assertThat(command.run("approvals").out()).isEqualTo("""
                            approval  expires               kind       rule            call
                            apr_1     2026-11-23T13:00:00Z  tool_call  sensitive_high  create_task {"title":"x"}
                            """);
            assertThat(command.run("approvals", "apr_1").out())
                    .contains("tool:              create_task\n")
                    .contains("  title:")
                    .doesNotContain("answered");
            assertThat(server.seen.get(0).path()).isEqualTo("/v1/approvals?status=pending&limit=200");
        }
    }

    @Test
    void runsAreListedAndShown() {
        var run = """
                {"id": "run_1", "status": "succeeded", "input": "Buy milk", "created_at": "2026-11-23T12:00:00.5Z",
                 "duration_s": 1.5, "error": null, "usage": {"cost_usd": 0.25}}
                """;
        try (var server = new FakeServer(List.of())
                .answering("/v1/runs", 200, "{\"items\": [" + run + "], \"next_cursor\": \"c\"}")
                .answering("/v1/runs/run_1", 200, run)) {
            command.environment.put("TASKPILOT_SERVER", server.url().toString());

            var list = command.run("runs", "--status", "succeeded", "--since", "2026-11-23T12:00:00Z");

            assertThat(list).isEqualTo(new CommandRun.End(0, """
                            run    accepted              status     took     request
                            run_1  2026-11-23T12:00:00Z  succeeded  1.500 s  Buy milk
                            """, "there are more: the same with --cursor c\n"));
            assertThat(server.seen.get(0).path())
                    .isEqualTo("/v1/runs?status=succeeded&since=2026-11-23T12%3A00%3A00Z&limit=50");
            assertThat(command.run("runs", "run_1").out())
                    .contains("status:            succeeded\n", "usage:\n  cost_usd:")
                    .doesNotContain("error");
        }
    }

    @Test
    void noRunIsNoError() {
        try (var server = new FakeServer(List.of()).answering("/v1/runs", 200, "{\"items\": []}")) {
            command.environment.put("TASKPILOT_SERVER", server.url().toString());

            assertThat(command.run("runs", "--status", "failed"))
                    .isEqualTo(new CommandRun.End(0, "", "no run is failed\n"));
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{'status': 'running', 'finished_at': null} | run_1: running, will be cancelled",
                "{'status': 'failed', 'finished_at': '2026-11-23T12:00:00Z'} | run_1: failed"
            },
            quoteCharacter = '"')
    void cancelSaysWhatBecomesOfTheRun(String run, String said) {
        try (var server = new FakeServer(List.of()).answering("/v1/runs/run_1/cancel", 202, run.replace('\'', '"'))) {
            command.environment.put("TASKPILOT_SERVER", server.url().toString());

            assertThat(command.run("cancel", "run_1")).isEqualTo(new CommandRun.End(0, said + "\n", ""));
            assertThat(server.seen.get(0).body()).isEqualTo("{}");
        }
    }

    @Test
    void answeredApprovalsShowTheAnswer() {
        var answered = APPROVAL.replace(
                "\"answered\": null",
                "\"answered\": {\"answer\": \"edit\", \"by\": \"ops\","
                        + " \"reason\": \"shorter\", \"at\": \"2026-11-23T12:00:00.5Z\"}");
        try (var server = new FakeServer(List.of())
                .answering("/v1/approvals", 200, "{\"items\": [" + answered + "], \"next_cursor\": null}")) {
            command.environment.put("TASKPILOT_SERVER", server.url().toString());

            assertThat(command.run("approvals", "--status", "answered").out()).isEqualTo("""
                            approval  at                    answer  by   reason   asked about
                            apr_1     2026-11-23T12:00:00Z  edit    ops  shorter  create_task {"title":"x"}
                            """);
        }
    }

    @Test
    void answersGoWhereTheyBelong() throws IOException {
        try (var server = new FakeServer(List.of()).answering("/v1/approvals/apr_1/answer", 200, APPROVAL)) {
            command.environment.put("TASKPILOT_SERVER", server.url().toString());

            assertThat(command.run("approve", "apr_1", "--reason", "fine").out())
                    .isEqualTo("apr_1: approve; the run goes on (run_1)\n");
            command.run("reject", "apr_1");
            command.run("answer", "apr_1", "mark_done", "--result", "{\"status\": 200}");
            command.run("answer", "apr_1", "edit", "--arguments", "{\"title\": \"y\"}");

            assertThat(server.seen)
                    .extracting(FakeServer.Seen::body)
                    .containsExactly(
                            "{\"answer\":\"approve\",\"reason\":\"fine\"}",
                            "{\"answer\":\"reject\",\"reason\":\"\"}",
                            "{\"answer\":\"mark_done\",\"reason\":\"\",\"result\":{\"status\":200}}",
                            "{\"answer\":\"edit\",\"reason\":\"\",\"arguments\":{\"title\":\"y\"}}");
        }
    }

    @Test
    void aSecondAnswerIsRefusedInTheServersWords() {
        var problem = "{\"type\": \"/problems/caller-approval-answered\", \"detail\": \"answered by ops: approve\"}";
        try (var server = new FakeServer(List.of()).answering("/v1/approvals/apr_1/answer", 409, problem)) {
            var end = command.run("reject", "apr_1", "--server", server.url().toString());

            assertThat(end.code()).isEqualTo(1);
            assertThat(end.err()).isEqualTo("taskpilot: answered by ops: approve (409 caller-approval-answered)\n");
        }
    }

    @Test
    void verifyTellsWhatIsBrokenByItsExitCode() {
        var intact = """
                {"chains": 1, "rows": 3, "seals": 0}
                {"intact": true, "chains": 2, "rows": 7, "seals": 3, "sealed_to": "2026-11-25", "copies": 1, "copies_unread": 2, "found": 0, "broken": []}
                """;
        var broken = """
                {"intact": false, "chains": 2, "rows": 7, "seals": 0, "sealed_to": null, "found": 3, "broken": [{"check": "run", "what": "chain 1: its run is gone"}]}
                """;
        try (var server = new FakeServer(List.of()).answering("/v1/decisions/verify", 200, intact)) {
            command.environment.put("TASKPILOT_SERVER", server.url().toString());

            assertThat(command.run("decisions", "verify")).isEqualTo(new CommandRun.End(0, """
                    intact: 7 decisions in 2 chains, 3 seals up to 2026-11-25, 1 compared with their copy
                      not compared: 2 copies, as the object store does not answer
                    """, ""));
            server.answering("/v1/decisions/verify", 200, broken);
            assertThat(command.run("decisions", "verify")).isEqualTo(new CommandRun.End(3, """
                    BROKEN: 7 decisions in 2 chains, 0 seals up to none, 0 compared with their copy
                      run    chain 1: its run is gone
                      and 2 more
                    """, ""));
        }
    }

    @Test
    void aVerificationThatWasCutIsNoVerdict() {
        var cut = "{\"chains\": 1, \"rows\": 3, \"seals\": 0}\n";
        try (var server = new FakeServer(List.of()).answering("/v1/decisions/verify", 200, cut)) {
            command.environment.put("TASKPILOT_SERVER", server.url().toString());

            assertThat(command.run("decisions", "verify"))
                    .isEqualTo(new CommandRun.End(1, "", "taskpilot: the answer ended before the log was verified\n"));
        }
    }

    @Test
    void decisionsAreFiltered() {
        try (var server = new FakeServer(List.of()).answering("/v1/decisions", 200, "{\"items\": []}")) {
            command.run("decisions", "--server", server.url().toString(), "--run", "run_1", "--result", "deny");

            assertThat(server.seen.get(0).path()).isEqualTo("/v1/decisions?run_id=run_1&result=deny&limit=50");
        }
    }

    @Test
    void aMistakeThatTheServerFindsIsWrongUsageOfTheOption() {
        var problem = """
                {"type": "/problems/caller-invalid", "detail": "#run_id: x (expected: run_ and a UUID)",
                 "errors": [{"pointer": "#run_id", "detail": "x (expected: run_ and a UUID)"}]}
                """;
        try (var server = new FakeServer(List.of()).answering("/v1/decisions", 400, problem)) {
            var end = command.run("decisions", "--server", server.url().toString(), "--run", "x");

            assertThat(end)
                    .isEqualTo(new CommandRun.End(
                            2, "", "taskpilot: --run: x (expected: run_ and a UUID) (400 caller-invalid)\n"));
        }
    }

    @Test
    void aPageOfDecisionsSaysWhereTheNextIs() {
        var page = "{\"items\": [{\"run_id\": \"run_1\"}], \"next_cursor\": \"abc\"}";
        try (var server = new FakeServer(List.of()).answering("/v1/decisions", 200, page)) {
            command.environment.put("TASKPILOT_SERVER", server.url().toString());

            assertThat(command.run("decisions").err()).isEqualTo("there are more: the same with --cursor abc\n");
            assertThat(command.run("decisions", "--json").err()).isEmpty();
            server.answering("/v1/decisions", 200, "{\"items\": [], \"next_cursor\": null}");
            assertThat(command.run("decisions", "--cursor", "abc").err()).isEmpty();
            assertThat(server.seen.get(2).path()).isEqualTo("/v1/decisions?cursor=abc&limit=50");
        }
    }

    @Test
    void healthIsZeroOrOne() {
        try (var server = new FakeServer(List.of())) {
            var port = "http.managementPort=" + server.url().getPort();

            assertThat(command.run("health", "--set", port).code()).isZero();
            server.answering("/health/live", 503, "");
            assertThat(command.run("health", "--set", port).code()).isEqualTo(1);
        }
    }

    @Test
    void theRecordOfAServerIsPrivateAndRemovedByItsOwnerOnly() throws IOException {
        var data = dir.resolve("data");
        var mine = new ServerRecord(URI.create("http://127.0.0.1:1"), URI.create("http://127.0.0.1:2"), 3);
        var theirs = new ServerRecord(mine.url(), mine.managementUrl(), 4);

        theirs.write(data);
        mine.write(data);
        theirs.remove(data);

        assertThat(ServerRecord.read(data)).contains(mine);
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(data.resolve("server.json"))))
                .isEqualTo("rw-------");
        mine.remove(data);
        assertThat(data).isEmptyDirectory();
    }

    @Test
    void aKeyIsReadFromItsFile() throws IOException {
        Files.writeString(dir.resolve("key"), "tp_1\n");
        try (var server = new FakeServer(List.of()).answering("/v1/approvals", 200, "{\"items\": []}")) {
            command.run("approvals", "--server", server.url().toString(), "--api-key-file", "key");

            assertThat(server.seen.get(0).headers()).containsEntry("Authorization", "Bearer tp_1");
        }
    }
}
