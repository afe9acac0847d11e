package io.taskpilot.app;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.taskpilot.LongRunning;
import io.taskpilot.journal.TestPostgres;
import io.taskpilot.policy.OpaProcess;
import io.taskpilot.policy.RealOpa;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A policy is tried beside the real one and on the past, before it decides anything. */
@LongRunning
class PolicyTrialTest {
    private static final String DECK = "Create a high priority task to prepare the board deck";

    @TempDir
    Path directory;

    @Test
    void aCandidateIsRecordedBesideTheRealVerdictAndChangesNothing() throws Exception {
        var candidate = noHighPriority();
        try (var server = TestServer.start(shadowed(candidate))) {
            var user = server.user();

            var run = user.finish(DECK);
            for (var end = Instant.now().plusSeconds(60);
                    said(user, run).equals("error") && Instant.now().isBefore(end); ) {
                run = user.finish(DECK); // a busy machine may not give it its time, and then it is not asked for 10 s
            }

            assertThat(run.path("status").asText()).isEqualTo("succeeded");
            var said = decided(user, run).path("verdict").path("candidate");
            assertThat(said.path("result").asText()).isEqualTo("deny");
            assertThat(said.path("rule").asText()).isEqualTo("create_task_priority");
            assertThat(said.path("revision").asText()).isEqualTo("next");
            assertThat(get(server.managementUrl() + "/metrics"))
                    .contains("taskpilot_policy_candidate_total{candidate=\"deny\",verdict=\"allow\"} ");
            var logged = user.get("/v1/decisions?decision_type=tool_call&run_id="
                    + run.path("id").asText());
            assertThat(logged.path("items").path(0).path("result").asText()).isEqualTo("allow");
            assertThat(logged.path("items").path(0).path("context").asText())
                    .endsWith(" candidate=deny candidate_rule=create_task_priority candidate_revision=next");
        }
    }

    @Test
    void aCandidateThatTakesForEverHurtsNoRun() throws Exception {
        var candidate = candidate("known if callers[input.tool_name]", """
                known if {
                    sum([1 | some i in numbers.range(1, 3000); some j in numbers.range(1, 3000); i * j > 0]) > 0
                }
                """);
        try (var server = TestServer.start(shadowed(candidate))) {
            for (var i = 0; i < 5; i++) {
                var run = server.user().finish(DECK);

                assertThat(run.path("status").asText()).isEqualTo("succeeded");
                var said = decided(server.user(), run).path("verdict").path("candidate");
                assertThat(said.path("result").asText()).isEqualTo("error");
            }
        }
    }

    @Test
    void aBackTestNamesExactlyTheRunsThatWouldFlip() throws Exception {
        var database = TestPostgres.database().url().value();
        var candidate = noHighPriority();
        String flips;
        try (var server = TestServer.start(Map.of("TASKPILOT_POSTGRES_URL", database))) {
            var user = server.user();
            flips = user.finish(DECK).path("id").asText();
            user.finish("Create a low priority task \"Water the plants\"");
            user.finish("Delete all tasks");
            var held = user.finish("Create a high priority task \"Handle the sensitive audit\"");
            user.send(
                    "POST",
                    "/v1/approvals/" + held.path("approval_id").asText() + "/answer",
                    "{\"answer\": \"approve\", \"reason\": \"a test\"}");
            user.events(held.path("id").asText());
        }

        var same = backtest(database, Path.of("conf/policy").toAbsolutePath(), 0);
        assertThat(same.path("replayed").asInt()).isEqualTo(5); // the approved call was decided twice
        assertThat(same.path("flipped").asInt()).isZero();

        var changed = backtest(database, candidate, 3);
        assertThat(changed.path("flipped").asInt()).isEqualTo(3);
        var allowed = changed.path("flips").findParents("examples").stream()
                .filter(flip -> flip.path("was").asText().equals("allow"))
                .toList();
        assertThat(allowed).singleElement().satisfies(flip -> {
            assertThat(flip.path("now").asText()).isEqualTo("deny");
            assertThat(flip.path("new_rule").asText()).isEqualTo("create_task_priority");
            assertThat(flip.path("count").asInt()).isEqualTo(1);
            assertThat(flip.path("examples").path(0).path("run_id").asText()).isEqualTo(flips);
        });
        assertThat(command(3, database, "policy", "backtest", "--policy", candidate.toString()))
                .contains("3 of 5 decisions since 7d would be others")
                .contains("allow (create_task) -> deny (create_task_priority)")
                .contains(flips);
        assertThat(command(0, database, "policy", "backtest", "--since", "0s", "--policy", candidate.toString()))
                .contains("0 of 0 decisions");
        command(2, database, "policy", "backtest", "--since", "soon", "--policy", candidate.toString());

        throughAnOpaServer(database, candidate, changed);
    }

    private void throughAnOpaServer(String database, Path candidate, JsonNode expected) throws Exception {
        String url;
        try (var opa = OpaProcess.start(candidate)) {
            url = opa.url().toString();
            var named = command(3, database, "policy", "backtest", "--json", "--opa", url);
            var configured = command(3, database, "policy", "backtest", "--json", "--set", "opa.url=" + url);

            assertThat(ApiUser.JSON.readTree(named)).isEqualTo(expected);
            assertThat(ApiUser.JSON.readTree(configured)).isEqualTo(expected);
        }
        assertThat(command(1, database, "policy", "backtest", "--opa", url)).contains("policy gave no verdict");
        assertThat(command(2, database, "policy", "backtest", "--policy", "nowhere"))
                .contains("--policy: nowhere");
        assertThat(command(2, database, "policy", "backtest", "--opa", "tcp://opa"))
                .contains("'tcp://opa' (expected: a URL such as");
        assertThat(command(2, database, "policy", "backtest")).contains("--policy: missing");
        assertThat(command(2, database, "policy", "backtest", "--opa", url, "--policy", candidate.toString()))
                .contains("both given");
    }

    private static JsonNode backtest(String database, Path policy, int code) throws Exception {
        return ApiUser.JSON.readTree(
                command(code, database, "policy", "backtest", "--json", "--policy", policy.toString()));
    }

    private static String command(int code, String database, String... args) {
        var out = new ByteArrayOutputStream();
        var stream = new PrintStream(out, true, UTF_8);
        var here = Path.of("").toAbsolutePath();
        var shell = new Shell(stream, stream, Terminal.PLAIN, Map.of("TASKPILOT_POSTGRES_URL", database), here, null);
        var jobs = new Jobs(
                config -> {
                    throw new AssertionError("started a server");
                },
                url -> 0,
                url -> 0);

        assertThat(new Cli(shell, jobs).run(args)).as(out.toString(UTF_8)).isEqualTo(code);
        return out.toString(UTF_8);
    }

    private Path noHighPriority() throws Exception {
        return candidate("{\"high\", \"medium\", \"low\"}", "{\"medium\", \"low\"}");
    }

    /** The shipped policy with one change, built. */
    private Path candidate(String old, String changed) throws Exception {
        var opa = RealOpa.installedOrSkip();
        var shipped = Files.readString(Path.of("conf/policy/tool_calls.rego"));
        assertThat(shipped).contains(old);
        Files.writeString(
                directory.resolve("tool_calls.rego"),
                shipped.replace(old, changed).replaceFirst("revision := \".*\"", "revision := \"next\""));
        opa.build(directory);
        return directory;
    }

    private static Map<String, String> shadowed(Path candidate) {
        return Map.of("TASKPILOT_POLICY_MODE", "shadow", "TASKPILOT_POLICY_CANDIDATE", candidate.toString());
    }

    private static String said(ApiUser user, JsonNode run) throws Exception {
        return decided(user, run).at("/verdict/candidate/result").asText();
    }

    private static JsonNode decided(ApiUser user, JsonNode run) throws Exception {
        return user.events(run.path("id").asText()).stream()
                .filter(event -> event.path("type").asText().equals("policy.decided"))
                .findFirst()
                .orElseThrow()
                .path("data");
    }

    private static String get(String url) throws Exception {
        var request = HttpRequest.newBuilder(URI.create(url)).build();
        return HttpClient.newHttpClient().send(request, BodyHandlers.ofString()).body();
    }
}
