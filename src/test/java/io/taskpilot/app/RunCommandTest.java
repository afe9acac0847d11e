package io.taskpilot.app;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ch.qos.logback.core.joran.spi.JoranException;
import com.fasterxml.jackson.databind.JsonNode;
import io.taskpilot.run.Agent;
import io.taskpilot.run.ApprovalAnswer;
import io.taskpilot.run.ApprovalKind;
import io.taskpilot.run.Problem;
import io.taskpilot.run.RunEvent;
import io.taskpilot.run.RunStatus;
import io.taskpilot.run.ToolCall;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RunCommandTest {
    private static final UUID APPROVAL = UUID.fromString("01930000-0000-7000-8000-000000000002");

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

    @ParameterizedTest
    @CsvSource({"SUCCEEDED,0", "REJECTED,10", "BLOCKED,11", "FAILED,12", "TIMED_OUT,13", "CANCELLED,14"})
    void theExitCodeSaysHowTheRunEnded(RunStatus status, int code) {
        try (var server = new FakeServer(endingWith(status).events())) {
            var end = command.run("run", "--server", server.url().toString(), "do", "it");

            assertThat(end.code()).isEqualTo(code);
            assertThat(end.out())
                    .contains("request    · accepted    do it")
                    .containsPattern("\n. " + status.word() + " in ");
        }
    }

    @Test
    void noWaitEndsOnceAPersonIsAsked() {
        try (var server = new FakeServer(answered().events())) {
            var end = command.run("run", "--server", server.url().toString(), "--no-wait", "do it");

            assertThat(end.code()).isEqualTo(15);
            assertThat(end.out())
                    .contains("taskpilot approve apr_" + APPROVAL + " --server " + server.url() + "\n")
                    .contains("\n◆ awaiting_approval in ")
                    .doesNotContain("succeeded");
        }
    }

    @Test
    void withoutNoWaitItFollowsToTheEnd() {
        try (var server = new FakeServer(answered().events())) {
            var end = command.run("run", "--server", server.url().toString(), "do it");

            assertThat(end.code()).isZero();
            assertThat(end.out()).contains("approval   ✓ approve     by ops");
        }
    }

    @Test
    void theRequestCarriesWhatWasAsked() throws IOException {
        command.environment.put("TASKPILOT_API_KEY", "tp_k");
        try (var server = new FakeServer(endingWith(RunStatus.SUCCEEDED).events())) {
            var url = server.url().toString();
            command.run(
                    "run",
                    "--server",
                    url,
                    "--timeout",
                    "5m",
                    "--require-approval",
                    "--idempotency-key",
                    "k1",
                    "a",
                    "b");

            var request = server.seen.get(0);
            assertThat(request.headers())
                    .containsEntry("Authorization", "Bearer tp_k")
                    .containsEntry("Idempotency-key", "k1")
                    .containsEntry("Accept", "text/event-stream");
            assertThat(ApiClient.JSON.readTree(request.body()))
                    .isEqualTo(ApiClient.JSON.readTree(
                            "{\"input\": \"a b\", \"timeout_s\": 300, \"require_approval\": true}"));
        }
    }

    @Test
    void whatToLookAtNextNamesTheKeyAndDoesNotTellIt() throws IOException {
        Files.writeString(dir.resolve("key"), "tp_secret");
        try (var server = new FakeServer(endingWith(RunStatus.SUCCEEDED).events())) {
            var url = server.url() + "/v1/runs/run_" + Script.RUN;
            var run = List.of("run", "--server", server.url().toString(), "do it");

            assertThat(command.run(run.toArray(String[]::new)).out())
                    .contains("curl " + url + "\n")
                    .doesNotContain("Authorization");
            command.environment.put("TASKPILOT_API_KEY", "tp_secret");
            assertThat(command.run(run.toArray(String[]::new)).out())
                    .contains("curl " + url + " -H \"Authorization: Bearer $TASKPILOT_API_KEY\"\n")
                    .contains("curl " + url + "/events -H \"Authorization: Bearer $TASKPILOT_API_KEY\" -N -H")
                    .doesNotContain("tp_secret");
            assertThat(command.run("run", "--server", server.url().toString(), "--api-key-file", "key", "do it")
                            .out())
                    .contains("-H \"Authorization: Bearer $(cat 'key')\"\n")
                    .contains("--server " + server.url() + " --api-key-file 'key'\n")
                    .doesNotContain("tp_secret");
        }
    }

    @Test
    void forScriptsThereIsALineOfJsonForEachEventAndOneForTheRun() throws IOException {
        var events = endingWith(RunStatus.SUCCEEDED).events();
        try (var server = new FakeServer(events).answering("/v1/runs/run_" + Script.RUN, 200, "{\"id\": \"it\"}")) {
            var end = command.run("run", "--server", server.url().toString(), "--json", "do it");

            var lines = end.out().lines().toList();
            assertThat(lines).hasSize(events.size() + 1).last().isEqualTo("{\"id\":\"it\"}");
            assertThat(ApiClient.JSON.readTree(lines.get(0))).isEqualTo(events.get(0));
        }
    }

    @Test
    void aDrainingServerIsFollowedToTheNext() {
        var events = answered().events();
        try (var server = new FakeServer(events).cuttingAfter(2, 0).sayingReconnect()) {
            var end = command.run("run", "--server", server.url().toString(), "do it");

            assertThat(end.code()).isZero();
            assertThat(server.seen).hasSize(3);
            assertThat(server.seen.get(1).headers()).containsEntry("Last-event-id", "2");
        }
    }

    @Property(tries = 12)
    void howeverTheStreamIsCutEachEventIsShownOnceAndInOrder(
            @ForAll @Size(max = 3) List<@IntRange(max = 4) Integer> cuts) throws InterruptedException {
        var events = answered().events();
        var shown = new ArrayList<JsonNode>();
        try (var server = new FakeServer(events).cuttingAfter(cuts.toArray(new Integer[0]))) {
            var follower = new RunFollower(
                    new ApiClient(server.url(), null), shown::add, live -> {}, note -> {}, Duration.ofSeconds(30));
            follower.run(Map.of("input", "x"), "key", event -> false);

            assertThat(shown).isEqualTo(events);
            var keys = server.seen.stream()
                    .filter(seen -> seen.method().equals("POST"))
                    .map(seen -> seen.headers().get("Idempotency-key"));
            assertThat(keys).containsOnly("key");
        }
    }

    @Test
    void theRecordedServerIsFound() throws IOException {
        try (var server = new FakeServer(endingWith(RunStatus.SUCCEEDED).events())) {
            new ServerRecord(server.url(), server.url(), 1).write(dir.resolve("data"));

            var end = command.run("run", "do it");

            assertThat(end.code()).isZero();
            assertThat(end.out()).contains("curl " + server.url() + "/v1/runs/run_" + Script.RUN);
        }
    }

    @Test
    void withoutAServerOneIsStartedForTheRunAndClosedAfterIt() throws IOException {
        var gone = new FakeServer(List.of());
        new ServerRecord(gone.url(), gone.url(), 1).write(dir.resolve("data"));
        gone.close();
        var closed = new AtomicInteger();
        try (var server = new FakeServer(endingWith(RunStatus.REJECTED).events())) {
            command.start = config -> {
                assertThat(config.dataDir()).isEqualTo(dir.resolve("data"));
                Runnable close = () -> {
                    assertThat(dir.resolve("data/server.json")).doesNotExist();
                    closed.incrementAndGet();
                };
                return new LocalServer(server.url(), server.url(), List.of(), close, () -> {});
            };

            var end = command.run("run", "do it");

            assertThat(end.code()).isEqualTo(10);
            assertThat(end.err()).contains("starting one for this run");
            assertThat(end.out()).contains("taskpilot serve");
            assertThat(closed).hasValue(1);
        }
    }

    @Test
    void aRefusalIsShownInTheServersWordsAndNamesWhatWasTyped() {
        var problem = """
                {"type": "/problems/caller-invalid", "title": "t", "status": 400, "detail": "3 mistakes",
                 "errors": [{"pointer": "/input", "detail": "empty"}, {"pointer": "/timeout_s", "detail": "0 (expected: 1..86400)"},
                            {"pointer": "/else", "detail": "unknown"}]}
                """;
        try (var server = new FakeServer(List.of()).answering("/v1/runs", 400, problem)) {
            var end = command.run("run", "--server", server.url().toString(), " ");

            assertThat(end.code()).isEqualTo(2);
            assertThat(end.err()).isEqualTo("""
                            taskpilot: 3 mistakes (400 caller-invalid)
                              REQUEST: empty
                              --timeout: 0 (expected: 1..86400)
                              /else: unknown
                            """);
        }
    }

    @Test
    void aServerThatIsNotThereIsNamed() {
        var gone = new FakeServer(List.of());
        gone.close();

        var end = command.run("run", "--server", gone.url().toString(), "do it");

        assertThat(end.code()).isEqualTo(1);
        assertThat(end.err())
                .startsWith("taskpilot: no answer from " + gone.url())
                .hasLineCount(1);
    }

    @Test
    void whatDoesNotSpeakHttpIsNoLostRun() throws Exception {
        try (var greeting = new Talker("SSH-2.0-OpenSSH_9.6\r\n")) {
            var end = command.run("run", "--server", greeting.url().toString(), "do it");

            assertThat(end.code()).isEqualTo(1);
            assertThat(end.out()).isEmpty();
            assertThat(end.err())
                    .startsWith("taskpilot: " + greeting.url()
                            + " does not answer as a TaskPilot server does, so nothing was accepted (");
        }
    }

    /** A server that is being restarted does so too, for a while; and may have taken the run. */
    @Test
    void whatTakesConnectionsAndAnswersNoneIsNoLostRun() throws Exception {
        try (var mute = new Talker("")) {
            var notes = new ArrayList<String>();
            var follower = new RunFollower(
                    new ApiClient(mute.url(), null), event -> {}, live -> {}, notes::add, Duration.ofSeconds(12));

            assertThatThrownBy(() -> follower.run(Map.of("input", "x"), "k1", event -> false))
                    .hasMessageStartingWith("no answer from " + mute.url())
                    .hasMessageContaining("nothing is known to be accepted; with --idempotency-key k1");
            assertThat(notes).isNotEmpty().allMatch(note -> note.equals(mute.url() + " did not answer, trying again"));
        }
    }

    @Test
    void whoSaysThatNobodyAnswersMayStandBeforeAServerThatTookTheRun() {
        var problem = "{\"type\": \"/problems/internal-no-answer\", \"detail\": \"no server answered\"}";
        try (var proxy = new FakeServer(List.of()).answering("/v1/runs", 502, problem)) {
            var end = command.run("run", "--server", proxy.url().toString(), "--idempotency-key", "k1", "do it");

            assertThat(end.code()).isEqualTo(1);
            assertThat(end.err())
                    .contains("no server answered (502 internal-no-answer")
                    .endsWith("; with --idempotency-key k1 the same request is not run twice\n");
        }
    }

    @Test
    void anotherServersPageIsNotTheEndOfARunThatIsFollowed() {
        var path = "/v1/runs/run_" + Script.RUN + "/events";
        try (var server = new FakeServer(endingWith(RunStatus.SUCCEEDED).events())
                .cuttingAfter(2)
                .answeringOnce(path, 200, "<html>back soon", "text/html")) {
            var end = command.run("run", "--server", server.url().toString(), "do it");

            assertThat(end.code()).isZero();
            assertThat(server.seen)
                    .extracting(FakeServer.Seen::path)
                    .filteredOn(path::equals)
                    .hasSize(2);
        }
    }

    @Test
    void anotherServersPageIsNoRun() {
        try (var other = new FakeServer(List.of()).answering("/v1/runs", 200, "<html>", "text/html")) {
            var end = command.run("run", "--server", other.url().toString(), "do it");

            assertThat(end)
                    .isEqualTo(new CommandRun.End(
                            1,
                            "",
                            "taskpilot: " + other.url()
                                    + " does not answer as a TaskPilot server does, so nothing was accepted"
                                    + " (Content-Type: \"text/html\" (expected: text/event-stream))\n"));
        }
    }

    /** Says the same to each connection, and hangs up. */
    private static final class Talker implements AutoCloseable {
        private final ServerSocket socket = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        private final String text;

        Talker(String text) throws IOException {
            this.text = text;
            new Thread(this::talk, "talker").start();
        }

        URI url() {
            return URI.create("http://127.0.0.1:" + socket.getLocalPort());
        }

        private void talk() {
            var isOpen = true;
            while (isOpen) {
                isOpen = answerOne();
            }
        }

        private boolean answerOne() {
            try (var caller = socket.accept();
                    var in = caller.getInputStream()) {
                if (in.read() >= 0) {
                    caller.getOutputStream().write(text.getBytes(US_ASCII));
                    caller.shutdownOutput();
                    in.transferTo(OutputStream.nullOutputStream()); // what is left unread would make a reset
                }
                return true;
            } catch (IOException e) {
                return !socket.isClosed(); // the caller hung up first, or the test is over
            }
        }

        @Override
        public void close() throws IOException {
            socket.close(); // which ends the thread
        }
    }

    @ParameterizedTest
    @CsvSource({"--timeout,soon", "--timeout,0s", "--server,nowhere", "--bogus,bogus"})
    void wrongUsageIsTwo(String option, String value) {
        var end = command.run("run", option, value, "do it");

        assertThat(end.code()).isEqualTo(2);
        assertThat(end.err()).contains(value);
    }

    private static Script endingWith(RunStatus status) {
        var problem = status == RunStatus.SUCCEEDED ? null : new Problem("some-slug", "because");
        return new Script()
                .after(0, Script.accepted("do it"))
                .after(1, new RunEvent.Started())
                .after(1, new RunEvent.Ended(status, null, problem, List.of()));
    }

    private static Script answered() {
        var call = new ToolCall("call_1", Agent.EXECUTOR, "create_task", Map.of("title", "x"));
        var asked = new RunEvent.ApprovalRequested(
                APPROVAL, ApprovalKind.TOOL_CALL, call, "d", "r", "why", "1", List.of("approver"), Instant.EPOCH);
        var answer =
                new RunEvent.ApprovalDecided(APPROVAL, ApprovalAnswer.APPROVE, "ops", List.of("approver"), "", null);
        var script = new Script();
        Stream.of(Script.accepted("do it"), new RunEvent.Started(), asked, answer, new RunEvent.Resumed("answered"))
                .forEach(event -> script.after(1, event));
        return script.after(1, new RunEvent.Ended(RunStatus.SUCCEEDED, null, null, List.of()));
    }
}
