package io.taskpilot.guardrail;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.type;

import io.taskpilot.engine.CallContext;
import io.taskpilot.engine.Guardrails.Verdict;
import io.taskpilot.outside.OutsideProcess;
import io.taskpilot.resilience.Deadline;
import io.taskpilot.resilience.Failure;
import io.taskpilot.run.RailPhase;
import io.taskpilot.telemetry.HealthRegistry;
import io.taskpilot.telemetry.HealthRegistry.Level;
import io.taskpilot.telemetry.Metrics;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** How a server is found, lost and found again, and what is remembered of it meanwhile. */
class NemoAvailabilityTest {
    private static final Duration LONGEST = Duration.ofSeconds(20); // a busy machine is no outage

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
        rails = at(server.url(), false);
    }

    @AfterEach
    void close() throws Exception {
        rails.close().await(30, SECONDS);
        vertx.close().await(10, SECONDS);
    }

    @Test
    void aServerThatDoesNotAnswerIsLeftAloneAndFoundAgain() throws Exception {
        rails.start().await(30, SECONDS);
        assertThat(level()).isEqualTo(Level.UP);
        server.hangsUp();
        for (var i = 0; i < 5; i++) {
            assertUnavailable(check(RailPhase.INPUT, "hello"));
        }
        server.await(() -> circuitIs(2)); // half open whenever the engine looks
        assertThat(level()).isEqualTo(Level.DOWN);

        server.answers(200, FakeNemo.PASSED);

        server.await(() -> level() == Level.UP);
        assertThat(check(RailPhase.INPUT, "hello").await(30, SECONDS)).isEqualTo(new Verdict.Passed());
        assertThat(circuitIs(0)).isTrue();
    }

    @Test
    void aServerWithoutOurRailsIsNotReady() throws Exception {
        server.serves("[{\"id\": \"other\"}]");
        rails.start().await(30, SECONDS);
        assertThat(level()).isEqualTo(Level.DOWN);
        assertThat(server.checks()).isZero();

        server.serves("[{\"id\": \"other\"}, {\"id\": \"taskpilot\"}]");

        server.await(() -> level() == Level.UP);
        assertThat(server.checks()).as("one of each rail type").isEqualTo(2);
    }

    @Test
    void aServerThatIsNotThereDoesNotKeepUsFromStarting() throws Exception {
        var nowhere = at(URI.create("http://127.0.0.1:" + OutsideProcess.unusedPort()), true);

        nowhere.start().await(30, SECONDS);

        assertThat(level()).isEqualTo(Level.DOWN);
        assertUnavailable(nowhere.check(RailPhase.INPUT, "hello", call()));
        nowhere.close().await(30, SECONDS);
    }

    @Test
    void verdictsOfPureRailsAreKeptAsLongAsTheServerIsThere() throws Exception {
        var pure = at(server.url(), true);
        for (var i = 0; i < 3; i++) {
            pure.check(RailPhase.INPUT, "hello", call()).await(30, SECONDS);
        }
        assertThat(pure.check(RailPhase.TOOL_RESULT, "hello", call()).await(30, SECONDS))
                .isEqualTo(new Verdict.Passed());
        assertThat(server.checks()).isEqualTo(1);
        pure.check(RailPhase.OUTPUT, "hello", call()).await(30, SECONDS);
        assertThat(server.checks()).as("other rails").isEqualTo(2);
        assertThat(metrics.scrape("text/plain"))
                .contains("taskpilot_cache_requests_total{cache=\"guardrails\",result=\"hit\"} 3.0")
                .contains("taskpilot_cache_requests_total{cache=\"guardrails\",result=\"miss\"} 2.0");

        server.stop();

        server.await(() -> refused(pure));
        pure.close().await(30, SECONDS);
    }

    /** They would push out what comes again. */
    @Test
    void verdictsOnPartsOfAnAnswerAreNotKept() throws Exception {
        var pure = at(server.url(), true);
        for (var i = 1; i <= 3; i++) {
            assertThat(pure.checkPart("hel", call()).await(30, SECONDS)).isEqualTo(new Verdict.Passed());
            assertThat(server.checks()).isEqualTo(i);
        }

        pure.check(RailPhase.OUTPUT, "hel", call()).await(30, SECONDS);

        assertThat(server.checks()).isEqualTo(4);
        assertThat(metrics.scrape("text/plain"))
                .contains("taskpilot_cache_requests_total{cache=\"guardrails\",result=\"miss\"} 1.0");
        pure.close().await(30, SECONDS);
    }

    @Test
    void whatAServerChangedOrDidNotJudgeIsNotKept() throws Exception {
        var pure = at(server.url(), true);
        server.answers(200, "{\"status\": \"modified\", \"content\": \"h*\"}");
        pure.check(RailPhase.INPUT, "hello", call()).await(30, SECONDS);
        server.answers(500, "");
        assertUnavailable(pure.check(RailPhase.INPUT, "hello", call()));
        server.answers(200, FakeNemo.PASSED);

        assertThat(pure.check(RailPhase.INPUT, "hello", call()).await(30, SECONDS))
                .isEqualTo(new Verdict.Passed());
        assertThat(server.checks()).isEqualTo(3);
        pure.close().await(30, SECONDS);
    }

    @Test
    void onlyModelFreeRailsArePure() throws Exception {
        assertThat(EmbeddedGuardrails.understands(EmbeddedGuardrailsTest.SHIPPED))
                .isTrue();
        assertThat(EmbeddedGuardrails.understands(directory)).isFalse();
        Files.writeString(directory.resolve("config.yml"), "models: [{type: main, engine: openai, model: m}]");
        assertThat(EmbeddedGuardrails.understands(directory)).isFalse();
    }

    private boolean circuitIs(int state) {
        return metrics.scrape("text/plain").contains("taskpilot_circuit_state{dependency=\"guardrails\"} " + state);
    }

    private boolean refused(NemoGuardrails engine) throws Exception {
        var refused = new AtomicInteger();
        engine.check(RailPhase.INPUT, "hello", call())
                .onFailure(unused -> refused.incrementAndGet())
                .otherwiseEmpty()
                .await(30, SECONDS);
        return refused.get() == 1;
    }

    private Level level() {
        return Objects.requireNonNull(health.states().get("guardrails")).level();
    }

    /** With metrics of its own: an engine is one of its kind in a process. */
    private NemoGuardrails at(URI url, boolean pure) {
        metrics = new Metrics("1", "abc");
        return new NemoGuardrails(vertx, url, LONGEST, pure, health, metrics);
    }

    private Future<Verdict> check(RailPhase phase, String text) {
        return rails.check(phase, text, call());
    }

    private static CallContext call() {
        return CallContext.ofRequest("req_1", Deadline.in(Duration.ofSeconds(30)));
    }

    private static void assertUnavailable(Future<?> answer) {
        assertThatThrownBy(() -> answer.await(30, SECONDS))
                .asInstanceOf(type(Failure.class))
                .extracting(Failure::slug)
                .isEqualTo("guardrails-unavailable");
    }
}
