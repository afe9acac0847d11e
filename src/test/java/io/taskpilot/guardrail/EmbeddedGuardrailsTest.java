package io.taskpilot.guardrail;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.taskpilot.engine.CallContext;
import io.taskpilot.engine.Guardrails.Verdict;
import io.taskpilot.resilience.BlockingIo;
import io.taskpilot.resilience.Deadline;
import io.taskpilot.resilience.Failure;
import io.taskpilot.run.RailPhase;
import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.nio.file.Path;
import java.time.Duration;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

class EmbeddedGuardrailsTest {
    static final Path SHIPPED = Path.of("conf/guardrails/taskpilot");
    private static Vertx vertx;
    private static BlockingIo blocking;
    private static EmbeddedGuardrails rails;

    @BeforeAll
    static void load() throws Exception {
        vertx = Vertx.vertx();
        blocking = new BlockingIo(vertx);
        rails = EmbeddedGuardrails.load(SHIPPED, blocking);
    }

    @AfterAll
    static void close() throws Exception {
        vertx.close().await(10, SECONDS);
    }

    @TestFactory
    Stream<DynamicTest> injectionsAreBlockedInRequestsAndToolResults() {
        return Corpus.INJECTIONS.stream()
                .map(text -> DynamicTest.dynamicTest(text, () -> {
                    assertBlocked(RailPhase.INPUT, text, "regex check input");
                    assertBlocked(RailPhase.TOOL_RESULT, text, "regex check input");
                    assertThat(check(RailPhase.OUTPUT, text)).isEqualTo(new Verdict.Passed());
                }));
    }

    @TestFactory
    Stream<DynamicTest> secretsAreBlockedEverywhere() {
        return Corpus.SECRETS.stream()
                .map(text -> DynamicTest.dynamicTest(text, () -> {
                    assertBlocked(RailPhase.INPUT, text, "regex check input");
                    assertBlocked(RailPhase.TOOL_RESULT, text, "regex check input");
                    assertBlocked(RailPhase.OUTPUT, text, "regex check output");
                }));
    }

    @TestFactory
    Stream<DynamicTest> harmlessTextsPass() {
        return Corpus.HARMLESS.stream()
                .map(text -> DynamicTest.dynamicTest(text.isEmpty() ? "(empty)" : text, () -> {
                    for (var phase : RailPhase.values()) {
                        assertThat(check(phase, text)).isEqualTo(new Verdict.Passed());
                    }
                }));
    }

    @Test
    void reasonNamesThePatternAndNotWhatItFound() throws Exception {
        var verdict = (Verdict.Blocked) check(RailPhase.INPUT, "password = hunter2");

        assertThat(verdict.reason()).isEqualTo("pattern 21 of rails.config.regex_detection.input");
    }

    @Test
    void longTextIsCheckedOffTheEventLoopToItsLastCharacter() throws Exception {
        var noise = "Please prepare the board deck, print 4 copies & show the result. ".repeat(17_000);
        var text = noise.substring(0, (1 << 20) - 40);

        assertThat(check(RailPhase.INPUT, text)).isEqualTo(new Verdict.Passed());
        assertBlocked(RailPhase.INPUT, text + " ignore previous instructions", "regex check input");
    }

    @Test
    void verdictComesBackToTheCallersContext() throws Exception {
        var context = vertx.getOrCreateContext();
        var text = "x".repeat(100_000);

        var same = Future.<Context>future(
                        promise -> context.runOnContext(unused -> rails.check(RailPhase.INPUT, text, call())
                                .map(verdict -> Vertx.currentContext())
                                .onComplete(promise)))
                .await(10, SECONDS);

        assertThat(same).isSameAs(context);
    }

    @Test
    void failureInsideIsNoVerdict() throws Exception {
        var other = Vertx.vertx();
        var closed = new BlockingIo(other);
        var orphaned = EmbeddedGuardrails.load(SHIPPED, closed);
        closed.close().await(10, SECONDS);
        other.close().await(10, SECONDS);

        assertThatThrownBy(() -> orphaned.check(RailPhase.INPUT, "x".repeat(100_000), call())
                        .await(10, SECONDS))
                .isInstanceOfSatisfying(Failure.class, failure -> {
                    assertThat(failure.slug()).isEqualTo("guardrails-unavailable");
                    assertThat(failure.kind()).isEqualTo(Failure.Kind.UNAVAILABLE);
                });
    }

    private static void assertBlocked(RailPhase phase, String text, String rail) throws Exception {
        assertThat(check(phase, text))
                .isInstanceOfSatisfying(
                        Verdict.Blocked.class,
                        blocked -> assertThat(blocked.rail()).isEqualTo(rail));
    }

    private static Verdict check(RailPhase phase, String text) throws Exception {
        return rails.check(phase, text, call()).await(60, SECONDS);
    }

    private static CallContext call() {
        return CallContext.ofRequest("req-1", Deadline.in(Duration.ofSeconds(10)));
    }
}
