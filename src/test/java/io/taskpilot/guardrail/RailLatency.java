package io.taskpilot.guardrail;

import static java.util.concurrent.TimeUnit.SECONDS;

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
import java.util.Arrays;
import java.util.LinkedHashMap;
import org.junit.jupiter.api.Test;

/**
 * Measures what a check takes, for {@code docs/performance.md}: {@code mvn test -Dtest=RailLatency}. No test by its
 * name, so that nothing runs it unless it is asked to.
 */
class RailLatency {
    private static final int WARM_UP = 300;
    private static final int MEASURED = 1_000;
    private static final String SENTENCE = "Please prepare the board deck, print 4 copies & show the result. ";

    @Test
    void measure() throws Exception {
        var url = RealNemo.shared();
        var vertx = Vertx.vertx();
        try {
            var metrics = new Metrics("1", "abc");
            var longest = Duration.ofSeconds(30);
            var engines = new LinkedHashMap<String, Guardrails>();
            engines.put("embedded", EmbeddedGuardrails.load(EmbeddedGuardrailsTest.SHIPPED, new BlockingIo(vertx)));
            engines.put("NeMo", new NemoGuardrails(vertx, url, longest, false, new HealthRegistry(), metrics));
            for (var length : new int[] {65, 2_000, 16_000}) {
                for (var engine : engines.entrySet()) {
                    measure(engine.getKey(), engine.getValue(), length);
                }
            }
            // Kept verdicts: the same text again.
            var pure = new NemoGuardrails(vertx, url, longest, true, new HealthRegistry(), new Metrics("1", "abc"));
            pure.check(RailPhase.INPUT, SENTENCE, call()).await(30, SECONDS);
            print("NeMo, kept", SENTENCE.length(), times(pure, i -> SENTENCE));
        } finally {
            vertx.close().await(10, SECONDS);
        }
    }

    private static void measure(String name, Guardrails engine, int length) throws Exception {
        var text = SENTENCE.repeat(length / SENTENCE.length() + 1).substring(0, length);
        print(name, length, times(engine, i -> i + text));
    }

    @FunctionalInterface
    private interface Texts {
        String text(int i);
    }

    /** Nanoseconds of each check, one after the other, sorted. */
    private static long[] times(Guardrails engine, Texts texts) throws Exception {
        var times = new long[MEASURED];
        for (var i = -WARM_UP; i < MEASURED; i++) {
            var text = texts.text(i);
            var began = System.nanoTime();
            var verdict = engine.check(RailPhase.INPUT, text, call()).await(30, SECONDS);
            var took = System.nanoTime() - began;
            if (!(verdict instanceof Verdict.Passed)) {
                throw new AssertionError(verdict);
            }
            if (i >= 0) {
                times[i] = took;
            }
        }
        Arrays.sort(times);
        return times;
    }

    private static void print(String name, int length, long[] times) {
        System.out.printf(
                "%-12s %6d characters: p50 %8.3f ms, p99 %8.3f ms%n",
                name, length, times[times.length / 2] / 1e6, times[times.length * 99 / 100] / 1e6);
    }

    private static CallContext call() {
        return CallContext.ofRequest("req-1", Deadline.in(Duration.ofSeconds(30)));
    }
}
