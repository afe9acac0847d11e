package io.taskpilot.guardrail;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.type;

import io.taskpilot.engine.CallContext;
import io.taskpilot.engine.Guardrails.Verdict;
import io.taskpilot.resilience.Deadline;
import io.taskpilot.resilience.Failure;
import io.taskpilot.run.RailPhase;
import io.taskpilot.telemetry.HealthRegistry;
import io.taskpilot.telemetry.Metrics;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.json.JsonObject;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class NemoGuardrailsTest {
    private static final String INTERNAL_ERROR = "I'm sorry, an internal error has occurred.";
    private static final Duration LONGEST = Duration.ofSeconds(20); // a busy machine is no outage
    private static final Duration WAITED_OUT = Duration.ofSeconds(2);

    @TempDir
    Path directory;

    private final Vertx vertx = Vertx.vertx();
    private final HealthRegistry health = new HealthRegistry();
    private Metrics metrics = new Metrics("1", "abc");
    private FakeNemo server;
    private NemoGuardrails rails;

    @BeforeEach
    void listen() throws Exception {
        server = FakeNemo.start(vertx);
        rails = at(LONGEST);
    }

    @AfterEach
    void close() throws Exception {
        rails.close().await(30, SECONDS);
        vertx.close().await(10, SECONDS);
    }

    @Test
    void whatIsAskedIsWhatTheServerWants() throws Exception {
        check(RailPhase.OUTPUT, "an answer").await(30, SECONDS);
        assertThat(server.asked())
                .isEqualTo(new JsonObject("{\"model\": \"\", \"messages\": [{\"role\": \"assistant\","
                        + " \"content\": \"an answer\"}], \"guardrails\": {\"config_id\": \"taskpilot\","
                        + " \"rail_types\": [\"output\"]}}"));

        check(RailPhase.TOOL_RESULT, "half a pair \ud83d").await(30, SECONDS);
        assertThat(server.asked().getJsonArray("messages").getJsonObject(0).getMap())
                .containsEntry("role", "user")
                .containsEntry("content", "half a pair \ufffd");
        assertThat(server.asked().getJsonObject("guardrails").getJsonArray("rail_types"))
                .containsExactly("input");
    }

    static Stream<Arguments> verdicts() {
        return Stream.of(
                Arguments.of("{\"status\": \"passed\", \"content\": \"hello\"}", new Verdict.Passed()),
                Arguments.of("{\"status\": \"modified\", \"content\": \"h*\"}", new Verdict.Modified("unnamed", "h*")),
                Arguments.of(
                        "{\"status\": \"blocked\", \"content\": \"no\", \"rail\": \"regex check input\"}",
                        new Verdict.Blocked("regex check input", "the NeMo Guardrails server said no")),
                Arguments.of(
                        "{\"status\": \"blocked\", \"content\": \"\", \"rail\": null}",
                        new Verdict.Blocked("unnamed", "the NeMo Guardrails server said no")));
    }

    @ParameterizedTest
    @MethodSource("verdicts")
    void verdictsAreRead(String answer, Verdict verdict) throws Exception {
        server.answers(200, answer);

        assertThat(check(RailPhase.INPUT, "hello").await(30, SECONDS)).isEqualTo(verdict);
    }

    static Stream<Arguments> noVerdicts() {
        return Stream.of(
                Arguments.of("an error that passes", 500, FakeNemo.PASSED),
                Arguments.of("another success", 201, FakeNemo.PASSED),
                Arguments.of("no such configuration", 422, "{\"error\": {\"message\": \"Invalid config path\"}}"),
                Arguments.of("a redirect", 307, ""),
                Arguments.of("an unknown verdict", 200, "{\"status\": \"unsure\", \"content\": \"hello\"}"),
                Arguments.of("a verdict of another type", 200, "{\"status\": [\"passed\"], \"content\": \"hello\"}"),
                Arguments.of("no content", 200, "{\"status\": \"passed\"}"),
                Arguments.of(
                        "two verdicts", 200, "{\"status\": \"blocked\", \"status\": \"passed\", \"content\": \"\"}"),
                Arguments.of("more after the verdict", 200, FakeNemo.PASSED + "{}"),
                Arguments.of("not JSON", 200, "<html>passed</html>"),
                Arguments.of("nothing", 200, ""),
                Arguments.of("a list", 200, "[" + FakeNemo.PASSED + "]"),
                Arguments.of("a rail that broke", 200, status("blocked", INTERNAL_ERROR)),
                Arguments.of("a rail that broke unnoticed", 200, status("passed", INTERNAL_ERROR)),
                Arguments.of("a rail that broke and changed", 200, status("modified", INTERNAL_ERROR)));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("noVerdicts")
    void anythingElseIsNoVerdict(String name, int status, String body) throws Exception {
        server.answers(status, body);
        assertUnavailable(check(RailPhase.INPUT, "hello"));

        server.answers(200, FakeNemo.PASSED);
        assertThat(check(RailPhase.INPUT, "hello").await(30, SECONDS))
                .as("after " + name)
                .isEqualTo(new Verdict.Passed());
    }

    @Test
    void aTextThatReadsLikeTheServersErrorMayPass() throws Exception {
        server.answers(200, status("passed", INTERNAL_ERROR));

        assertThat(check(RailPhase.INPUT, INTERNAL_ERROR).await(30, SECONDS)).isEqualTo(new Verdict.Passed());
    }

    static Stream<Arguments> brokenConnections() {
        return Stream.of(
                Arguments.of("silence", WAITED_OUT, (Consumer<FakeNemo>) FakeNemo::hangs),
                Arguments.of("a slow drip", WAITED_OUT, (Consumer<FakeNemo>) FakeNemo::drips),
                Arguments.of("10 MB", LONGEST, (Consumer<FakeNemo>) FakeNemo::floods),
                Arguments.of("connections that end", LONGEST, (Consumer<FakeNemo>) FakeNemo::hangsUp));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("brokenConnections")
    void noWholeAnswerIsNoVerdict(String name, Duration longest, Consumer<FakeNemo> trouble) throws Exception {
        rails.close().await(30, SECONDS);
        rails = at(longest);
        trouble.accept(server);
        assertUnavailable(check(RailPhase.INPUT, "hello"));

        server.answers(200, FakeNemo.PASSED);
        assertThat(check(RailPhase.INPUT, "hello").await(30, SECONDS))
                .as("after " + name)
                .isEqualTo(new Verdict.Passed());
    }

    @Test
    void aLostConnectionIsTriedOnceMoreAndNothingElseIs() throws Exception {
        server.hangsUpOnce();
        assertThat(check(RailPhase.INPUT, "hello").await(30, SECONDS)).isEqualTo(new Verdict.Passed());
        assertThat(server.checks()).isEqualTo(2);

        server.hangsUp();
        assertUnavailable(check(RailPhase.INPUT, "hello"));
        assertThat(server.checks()).isEqualTo(4);

        server.answers(500, "");
        assertUnavailable(check(RailPhase.INPUT, "hello"));
        assertThat(server.checks()).isEqualTo(5);
    }

    @Test
    void anAbortedCheckClosesItsRequest() throws Exception {
        var closed = new CompletableFuture<Boolean>();
        server.hangs(closed);
        var call = call();
        var answer = rails.check(RailPhase.INPUT, "hello", call);

        server.awaitChecks(1);
        call.abort();

        assertThat(closed.get(30, SECONDS)).isTrue();
        assertUnavailable(answer);
    }

    /** Rails of the operator's own, in the real server: what breaks in one must not be taken for its verdict. */
    @Test
    void theRealServerSaysWhatTheFakeOneSays() throws Exception {
        var config = Files.createDirectory(directory.resolve("taskpilot"));
        Files.writeString(config.resolve("config.yml"), """
                colang_version: "1.0"
                models: []
                rails:
                  input:
                    flows: [mask]
                  output:
                    flows: [fall over]
                """);
        Files.writeString(config.resolve("rails.co"), """
                define subflow mask
                  $user_message = execute mask_name(text=$user_message)

                define subflow fall over
                  $x = execute fall_over
                """);
        Files.writeString(config.resolve("actions.py"), """
                from nemoguardrails.actions import action

                @action()
                async def mask_name(text: str):
                    return text.replace("Ann", "***")

                @action()
                async def fall_over():
                    raise RuntimeError("on purpose")
                """);
        try (var real = RealNemo.start(directory)) {
            var engine = new NemoGuardrails(
                    vertx, real.url(), Duration.ofSeconds(30), false, health, new Metrics("1", "abc"));

            assertThat(engine.check(RailPhase.INPUT, "for Ann", call()).await(30, SECONDS))
                    .isEqualTo(new Verdict.Modified("unnamed", "for ***"));
            assertThat(engine.check(RailPhase.INPUT, "for Bob", call()).await(30, SECONDS))
                    .isEqualTo(new Verdict.Passed());
            assertUnavailable(engine.check(RailPhase.OUTPUT, "for Ann", call()));
            engine.close().await(30, SECONDS);
        }
    }

    /** With metrics of its own: an engine is one of its kind in a process. */
    private NemoGuardrails at(Duration longest) {
        metrics = new Metrics("1", "abc");
        return new NemoGuardrails(vertx, server.url(), longest, false, health, metrics);
    }

    private Future<Verdict> check(RailPhase phase, String text) {
        return rails.check(phase, text, call());
    }

    private static CallContext call() {
        return CallContext.ofRequest("req_1", Deadline.in(Duration.ofSeconds(30)));
    }

    private static String status(String status, String content) {
        return new JsonObject()
                .put("status", status)
                .put("content", content)
                .put("rail", status.equals("blocked") ? "regex check input" : null)
                .encode();
    }

    private static void assertUnavailable(Future<?> answer) {
        assertThatThrownBy(() -> answer.await(30, SECONDS))
                .asInstanceOf(type(Failure.class))
                .extracting(Failure::slug)
                .isEqualTo("guardrails-unavailable");
    }
}
