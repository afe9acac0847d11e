package io.taskpilot.guardrail;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.OnDocker;
import io.taskpilot.engine.CallContext;
import io.taskpilot.engine.Guardrails;
import io.taskpilot.engine.Guardrails.Verdict;
import io.taskpilot.resilience.BlockingIo;
import io.taskpilot.resilience.Deadline;
import io.taskpilot.run.RailPhase;
import io.taskpilot.telemetry.HealthRegistry;
import io.taskpilot.telemetry.Metrics;
import io.vertx.core.Vertx;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;

/** From the same files the embedded rails and a real NeMo Guardrails server say the same of every text. */
class RailAgreementTest {
    private static final Duration LONGEST = Duration.ofSeconds(30);
    private static Vertx vertx;
    private static Guardrails embedded;
    private static NemoGuardrails nemo;

    @BeforeAll
    static void start(TestInfo test) throws Exception {
        var url = OnDocker.Engine.isAskedBy(test) ? ContainerNemo.start() : RealNemo.shared();
        vertx = Vertx.vertx();
        embedded = EmbeddedGuardrails.load(EmbeddedGuardrailsTest.SHIPPED, new BlockingIo(vertx));
        nemo = new NemoGuardrails(vertx, url, LONGEST, false, new HealthRegistry(), new Metrics("1", "abc"));
    }

    @AfterAll
    static void stop() throws Exception {
        if (vertx != null) {
            vertx.close().await(10, SECONDS);
        }
    }

    @Test
    void theCorpusHasTheSameVerdicts() throws Exception {
        var corpus = Corpus.all();
        assertThat(corpus).hasSizeGreaterThanOrEqualTo(200);

        assertThat(differences(corpus)).isEmpty();
    }

    @Test
    void generatedTextsHaveTheSameVerdicts() throws Exception {
        var seed = new Random().nextLong();
        var any = new AnyText(new Random(seed));
        var texts = Stream.concat(
                        IntStream.range(0, 30).mapToObj(i -> any.mutant()),
                        IntStream.range(0, 30).mapToObj(i -> any.salad()))
                .toList();

        assertThat(differences(texts)).as("seed %d", seed).isEmpty();
    }

    /** The server takes an answer of exactly this text out of a conversation; nothing of it goes on. */
    @Test
    void theOneTextThatTheServerKeepsForItself() throws Exception {
        for (var phase : RailPhase.values()) {
            assertThat(nemo.check(phase, "(remove last message)", call()).await(60, SECONDS))
                    .isEqualTo(new Verdict.Modified("unnamed", ""));
        }
    }

    private static List<String> differences(List<String> texts) throws Exception {
        var differences = new ArrayList<String>();
        for (var phase : List.of(RailPhase.INPUT, RailPhase.OUTPUT)) {
            for (var text : texts) {
                var ours = said(embedded.check(phase, text, call()).await(60, SECONDS));
                var theirs = said(nemo.check(phase, text, call()).await(60, SECONDS));
                if (!ours.equals(theirs)) {
                    differences.add("%s: embedded %s, NeMo %s: %s".formatted(phase, ours, theirs, text));
                }
            }
        }
        return differences;
    }

    /** The verdict without the reason, which is for people. */
    private static String said(Verdict verdict) {
        return verdict instanceof Verdict.Blocked blocked ? "blocked by " + blocked.rail() : verdict.toString();
    }

    private static CallContext call() {
        return CallContext.ofRequest("req-1", Deadline.in(LONGEST));
    }
}
