package io.taskpilot.policy;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.type;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.taskpilot.engine.CallContext;
import io.taskpilot.outside.OutsideProcess;
import io.taskpilot.resilience.Deadline;
import io.taskpilot.resilience.Failure;
import io.taskpilot.run.DecisionResult;
import io.taskpilot.run.PolicyVerdict;
import io.taskpilot.telemetry.HealthRegistry;
import io.taskpilot.telemetry.HealthRegistry.Level;
import io.taskpilot.telemetry.Metrics;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.slf4j.LoggerFactory;

class OpaServerEngineTest {
    private static final String ALLOW = "{\"result\": {\"decision\": \"allow\", \"reasons\": [], \"rule\": \"r\","
            + " \"revision\": \"7\", \"approval\": {\"roles\": [\"approver\"], \"ttl_s\": 60}}}";
    private static final Duration LONGEST = Duration.ofSeconds(20); // a busy machine is no outage
    private static final Duration WAITED_OUT = Duration.ofSeconds(2);
    private static final Map<String, Object> INPUT = Map.of(
            "tool_name", "create_task",
            "agent_type", "ExecutorAgent",
            "parameters", Map.of("title", "t", "priority", "low"));

    @TempDir
    Path directory;

    private final Vertx vertx = Vertx.vertx();
    private final HealthRegistry health = new HealthRegistry();
    private volatile Consumer<HttpServerRequest> behaviour = answers(200, ALLOW);
    private OpaServerEngine engine = at("http://127.0.0.1:1");
    private int port;

    @BeforeEach
    void listen() throws Exception {
        HttpServer server = vertx.createHttpServer()
                .requestHandler(request -> behaviour.accept(request))
                .listen(0, "127.0.0.1")
                .await(30, SECONDS);
        port = server.actualPort();
        engine = at("http://127.0.0.1:" + port + "/");
        engine.warmUp(LONGEST).await(30, SECONDS); // the first question loads classes
    }

    @AfterEach
    void close() throws Exception {
        vertx.close().await(10, SECONDS);
    }

    @Test
    void aWholeAnswerIsTheVerdict() throws Exception {
        assertThat(decide().await(30, SECONDS).result()).isEqualTo(DecisionResult.ALLOW);
    }

    @Test
    void itPostsTheInputToOneConstantPath() throws Exception {
        var received = new CompletableFuture<String>();
        behaviour = request -> request.body().onSuccess(body -> {
            received.complete(request.method() + " " + request.uri() + " " + request.getHeader("X-Request-Id") + " "
                    + body.toJsonObject().equals(new JsonObject().put("input", new JsonObject(INPUT))));
            request.response().end(ALLOW);
        });

        decide().await(30, SECONDS);

        assertThat(received.get(30, SECONDS)).isEqualTo("POST /v1/data/taskpilot/tool_calls/decision req_1 true");
    }

    @Test
    void offersAreAskedFor() throws Exception {
        behaviour = request ->
                request.response().end(request.path().endsWith("/offered") ? "{\"result\": [\"create_task\"]}" : ALLOW);

        assertThat(engine.offered(Map.of("agent_type", "ExecutorAgent"), call()).await(30, SECONDS))
                .containsExactly("create_task");
    }

    static Stream<Arguments> noVerdicts() {
        return Stream.of(
                Arguments.of("an undefined rule", answers(200, "{}")),
                Arguments.of("a missing field", answers(200, ALLOW.replace("\"rule\": \"r\",", ""))),
                Arguments.of("an unknown value", answers(200, ALLOW.replace("allow", "maybe"))),
                Arguments.of("an error with a body that allows", answers(500, ALLOW)),
                Arguments.of("another success", answers(201, ALLOW)),
                Arguments.of("not found", answers(404, "")),
                Arguments.of("a redirect", (Consumer<HttpServerRequest>) request -> request.response()
                        .setStatusCode(307)
                        .putHeader("Location", "/")
                        .end()),
                Arguments.of("HTML", answers(200, "<html>")),
                Arguments.of("a wrong type", answers(200, ALLOW.replace("\"allow\"", "true"))),
                Arguments.of("a list", answers(200, "[" + ALLOW + "]")),
                Arguments.of("10 MB", answers(200, ALLOW + " ".repeat(10_000_000))),
                Arguments.of(
                        "10 MB of an allow",
                        answers(200, ALLOW.replace("\"r\"", "\"" + "r".repeat(10_000_000) + "\""))),
                Arguments.of("an empty body", answers(200, "")),
                Arguments.of("a closed connection", (Consumer<HttpServerRequest>)
                        request -> request.connection().close()));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("noVerdicts")
    void anythingElseIsNoVerdict(String name, Consumer<HttpServerRequest> wrong) throws Exception {
        assertNoVerdict(name, wrong);
    }

    static Stream<Arguments> unfinished() {
        return Stream.of(
                Arguments.of("a slow drip", (Consumer<HttpServerRequest>) OpaServerEngineTest::drip),
                Arguments.of("silence", (Consumer<HttpServerRequest>) request -> {}),
                Arguments.of("a body that stops", (Consumer<HttpServerRequest>) OpaServerEngineTest::half));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("unfinished")
    void anAnswerThatDoesNotEndIsNoVerdict(String name, Consumer<HttpServerRequest> wrong) throws Exception {
        engine = at("http://127.0.0.1:" + port, WAITED_OUT);

        assertNoVerdict(name, wrong);
    }

    private void assertNoVerdict(String name, Consumer<HttpServerRequest> wrong) throws Exception {
        behaviour = wrong;
        assertUnavailable(decide());

        behaviour = answers(200, ALLOW);
        assertThat(decide().await(30, SECONDS).result()).as("after " + name).isEqualTo(DecisionResult.ALLOW);
    }

    /** Else an operator who has nothing but the log would not learn what is wrong with the bundle. */
    @Test
    void whatIsWrongWithAnAnswerIsLogged() throws Exception {
        var logger = (Logger) LoggerFactory.getLogger(OpaServerEngine.class);
        var lines = new ListAppender<ILoggingEvent>();
        lines.start();
        logger.addAppender(lines);
        try {
            behaviour = answers(200, "{}");
            assertUnavailable(decide());
        } finally {
            logger.detachAppender(lines);
        }

        assertThat(lines.list)
                .extracting(ILoggingEvent::getFormattedMessage)
                .anyMatch(line -> line.startsWith("policy answered wrongly path=/v1/data/taskpilot/tool_calls/decision")
                        && line.endsWith("the rule is undefined"));
    }

    @Test
    void aLostConnectionIsTriedOnceMoreAndNoOftener() throws Exception {
        var asked = new AtomicInteger();
        behaviour = request -> {
            if (asked.incrementAndGet() == 1) {
                request.connection().close();
            } else {
                request.response().end(ALLOW);
            }
        };
        assertThat(decide().await(30, SECONDS).result()).isEqualTo(DecisionResult.ALLOW);
        assertThat(asked).hasValue(2);

        behaviour = request -> {
            asked.incrementAndGet();
            request.connection().close();
        };
        assertUnavailable(decide());
        assertThat(asked).hasValue(4);
    }

    @Test
    void anAnswerIsNeverAskedForAgain() throws Exception {
        for (var status : List.of(200, 429, 500, 503)) {
            var asked = new AtomicInteger();
            behaviour = request -> {
                asked.incrementAndGet();
                request.response().setStatusCode(status).end("{}");
            };

            assertUnavailable(decide());
            assertThat(asked).as("questions answered with %d", status).hasValue(1);
        }
    }

    @Test
    void itsNameForTheDecisionIsKept() throws Exception {
        behaviour = answers(200, ALLOW.replaceFirst("\\{", "{\"decision_id\": \"4ca636c1-55e4\", "));
        assertThat(decide().await(30, SECONDS).decisionId()).isEqualTo("4ca636c1-55e4");

        behaviour = answers(200, ALLOW.replaceFirst("\\{", "{\"decision_id\": \"two words\", "));
        assertThat(decide().await(30, SECONDS).decisionId()).isEmpty();
    }

    @Test
    void aServerThatIsGoneIsLeftAloneAndFoundAgainWithoutARun() throws Exception {
        var asked = new AtomicInteger();
        behaviour = request -> {
            asked.incrementAndGet();
            request.connection().close();
        };
        for (var i = 0; i < 40; i++) {
            assertUnavailable(decide());
        }
        assertThat(asked.get()).isBetween(10, 39);
        assertThat(level()).isEqualTo(Level.DOWN);

        behaviour = answers(200, ALLOW);
        eventually(() -> level() == Level.UP);
        assertThat(decide().await(30, SECONDS).result()).isEqualTo(DecisionResult.ALLOW);
    }

    @Test
    void whatAQuestionCausesKeepsNoOtherFromBeingAsked() throws Exception {
        for (var wrong : List.of(answers(500, "{}"), answers(400, "{}"), answers(200, "{}"))) {
            behaviour = wrong;
            for (var i = 0; i < 10; i++) {
                assertUnavailable(decide());
            }
            behaviour = answers(200, ALLOW);
            assertThat(decide().await(30, SECONDS).result()).isEqualTo(DecisionResult.ALLOW);
        }
    }

    @Test
    void warmUpTellsTheRevisionAndAFailedOneGoesOn() throws Exception {
        assertThat(engine.warmUp(LONGEST).await(30, SECONDS)).isEqualTo("7");

        behaviour = answers(200, "{}"); // it runs, and has not loaded the policy yet
        assertUnavailable(engine.warmUp(LONGEST));
        behaviour = answers(200, ALLOW);
        eventually(() -> level() == Level.UP);
    }

    @Test
    void whileItOwesAnAnswerAboutTheApiNoOtherMakesItWell() throws Exception {
        var rules = new AtomicInteger();
        behaviour = request -> {
            var isIngress = request.path().equals("/v1/data/taskpilot/ingress/decision");
            request.response().end(rules.get() < (isIngress ? 2 : 1) ? "{}" : ALLOW);
        };
        assertUnavailable(engine.warmUpWithIngress(LONGEST)); // it runs, and has not loaded the policy yet
        rules.set(1);
        assertThatThrownBy(() -> engine.warmUpWithIngress(LONGEST).await(30, SECONDS))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("no taskpilot/ingress/decision");
        assertThat(decide().await(30, SECONDS).result()).isEqualTo(DecisionResult.ALLOW);
        assertThat(level()).isEqualTo(Level.DOWN);

        rules.set(2);
        eventually(() -> level() == Level.UP);
        assertThat(engine.warmUpWithIngress(LONGEST).await(30, SECONDS)).isEqualTo("7");
    }

    @Test
    void aServerThatIsNotThereIsNoVerdict() throws IOException {
        engine = at("http://127.0.0.1:" + OutsideProcess.unusedPort());

        assertUnavailable(decide());
    }

    @Test
    void anAbortedCallClosesItsRequest() throws Exception {
        var arrived = new CompletableFuture<HttpServerResponse>();
        var closed = new CompletableFuture<Boolean>();
        behaviour = request -> {
            request.connection().closeHandler(unused -> closed.complete(true));
            arrived.complete(request.response());
        };
        var call = call();
        var answer = engine.decide(INPUT, call);

        arrived.get(30, SECONDS);
        call.abort();

        assertThat(closed.get(30, SECONDS)).isTrue();
        assertUnavailable(answer);
    }

    @Test
    void theRealServerGivesTheAnswersOfTheShippedPolicy() throws Exception {
        try (var opa = OpaProcess.start()) {
            engine = at(opa.url().toString());

            assertThat(decide().await(30, SECONDS).rule()).isEqualTo("create_task");
            assertThat(engine.decide(Map.of("tool_name", "delete_task"), call())
                            .await(30, SECONDS)
                            .result())
                    .isEqualTo(DecisionResult.DENY);
            assertThat(engine.offered(Map.of("agent_type", "PlannerAgent"), call())
                            .await(30, SECONDS))
                    .isEqualTo(List.of("create_task"));
        }
    }

    private Level level() {
        return Objects.requireNonNull(health.states().get("opa")).level();
    }

    private OpaServerEngine at(String server) {
        return at(server, LONGEST);
    }

    private OpaServerEngine at(String server, Duration longest) {
        return new OpaServerEngine(
                vertx, vertx.createHttpClient(), URI.create(server), longest, health, new Metrics("1", "test"));
    }

    private Future<PolicyVerdict> decide() {
        return engine.decide(INPUT, call());
    }

    private static CallContext call() {
        return CallContext.ofRequest("req_1", Deadline.in(Duration.ofSeconds(30)));
    }

    private static Consumer<HttpServerRequest> answers(int status, String body) {
        return request -> request.response().setStatusCode(status).end(body);
    }

    private static void half(HttpServerRequest request) {
        request.response()
                .putHeader("Content-Length", String.valueOf(ALLOW.length()))
                .write(ALLOW.substring(0, 20));
    }

    private void eventually(BooleanSupplier condition) throws Exception {
        var seen = Promise.<Void>promise();
        var timer = vertx.setPeriodic(20, unused -> {
            if (condition.getAsBoolean()) {
                seen.tryComplete();
            }
        });
        seen.future().await(30, SECONDS);
        vertx.cancelTimer(timer);
    }

    /** A byte now and then, for longer than anybody waits. */
    private static void drip(HttpServerRequest request) {
        var response = request.response().putHeader("Content-Length", String.valueOf(ALLOW.length()));
        var sent = new AtomicInteger();
        var timer = Vertx.currentContext().owner().setPeriodic(100, unused -> {
            if (sent.get() < ALLOW.length() && !response.closed()) {
                response.write(ALLOW.substring(sent.get(), sent.incrementAndGet()));
            }
        });
        response.exceptionHandler(unused -> Vertx.currentContext().owner().cancelTimer(timer));
        response.closeHandler(unused -> Vertx.currentContext().owner().cancelTimer(timer));
    }

    private static void assertUnavailable(Future<?> answer) {
        assertThatThrownBy(() -> answer.await(30, SECONDS))
                .asInstanceOf(type(Failure.class))
                .extracting(Failure::slug)
                .isEqualTo("policy-unavailable");
    }
}
