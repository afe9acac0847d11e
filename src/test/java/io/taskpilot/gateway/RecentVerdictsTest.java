package io.taskpilot.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.gateway.RecentVerdicts.Question;
import io.taskpilot.run.DecisionResult;
import io.taskpilot.run.PolicyVerdict;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

final class RecentVerdictsTest {
    private final AtomicLong nanos = new AtomicLong();
    private final RecentVerdicts recent = new RecentVerdicts(nanos::get);
    private final Question submit = question("ann", "POST", "/v1/runs");

    private static Question question(String caller, String method, String route) {
        var who = new Caller(caller, "default", List.of("client"), Set.of(Scope.RUNS_WRITE), true);
        return new Question(new Operation(method, route), who);
    }

    private static PolicyVerdict verdict(String revision) {
        return new PolicyVerdict(DecisionResult.ALLOW, "scopes", List.of(), revision, List.of(), Duration.ZERO);
    }

    private void put(Question question, String revision) {
        recent.put(question, verdict(revision), recent.epoch());
    }

    @Test
    void aVerdictIsKnownForASecondToWhomItWasGiven() {
        put(submit, "1");

        nanos.addAndGet(RecentVerdicts.LIFE.toNanos());
        assertThat(recent.get(question("ann", "POST", "/v1/runs"))).isEqualTo(verdict("1"));
        assertThat(recent.get(question("bob", "POST", "/v1/runs"))).isNull();
        assertThat(recent.get(question("ann", "GET", "/v1/runs"))).isNull();

        nanos.incrementAndGet();
        assertThat(recent.get(submit)).isNull();
    }

    @Test
    void anotherRevisionEndsWhatTheOneBeforeSaid() {
        put(submit, "1");
        put(question("bob", "POST", "/v1/runs"), "2");

        assertThat(recent.get(submit)).isNull();
    }

    @Test
    void whatWasAskedBeforeTheLackOfAVerdictIsNotKept() {
        var asked = recent.epoch();
        put(submit, "1");
        recent.forget();

        assertThat(recent.get(submit)).isNull();
        recent.put(submit, verdict("1"), asked);
        assertThat(recent.get(submit)).isNull();
        put(submit, "1");
        assertThat(recent.get(submit)).isNotNull();
    }

    @Test
    void thousandsOfCallersAreNotKept() {
        for (var i = 0; i <= 10_000; i++) {
            put(question("caller-" + i, "GET", "/v1/runs"), "1");
        }

        assertThat(recent.get(question("caller-0", "GET", "/v1/runs"))).isNull();
        assertThat(recent.get(question("caller-10000", "GET", "/v1/runs"))).isNotNull();
    }

    @Test
    void aSampleSaysHowManyItLeftOut() {
        var sampled = new Sampled(2, nanos::get);

        assertThat(List.of(sampled.take(), sampled.take(), sampled.take(), sampled.take()))
                .containsExactly(0, 0, -1, -1);
        nanos.addAndGet(1_000_000_000);
        assertThat(List.of(sampled.take(), sampled.take(), sampled.take())).containsExactly(2, 0, -1);
    }
}
