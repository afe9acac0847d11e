package io.taskpilot.engine;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.taskpilot.config.TaskPilotConfig.Guardrails.OnErrors;
import io.taskpilot.config.TaskPilotConfig.Guardrails.Streaming;
import io.taskpilot.config.TaskPilotConfig.OnError;
import io.taskpilot.engine.Guardrails.Verdict;
import io.taskpilot.resilience.Deadline;
import io.taskpilot.resilience.Failure;
import io.taskpilot.run.RailPhase;
import io.taskpilot.run.WorkflowSettings;
import io.taskpilot.telemetry.Metrics;
import io.taskpilot.telemetry.Scrape;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

final class RailGateTest {
    private static final Duration LONG = Duration.ofSeconds(60);

    private final Vertx vertx = Vertx.vertx();
    private final Metrics metrics = new Metrics("1", "abc");
    private final Failure unavailable = Failure.of(Failure.Kind.UNAVAILABLE, "guardrails-unavailable", "away");

    @AfterEach
    void close() throws Exception {
        vertx.close().await(10, SECONDS);
    }

    private RailGate gate(OnError onError, Future<Verdict> verdict) {
        return gate(onError, () -> verdict);
    }

    private RailGate gate(OnError onError, Supplier<Future<Verdict>> verdict) {
        var settings = new EngineSettings(
                "test",
                1,
                1,
                LONG,
                LONG,
                LONG,
                OnError.FAIL,
                new OnErrors(onError, onError, onError),
                Streaming.BUFFER,
                new WorkflowSettings(8, false, LONG, List.of("approver")));
        return new RailGate(
                (phase, text, call) -> verdict.get(), settings, new Patience(vertx), new RunMetrics(metrics));
    }

    private static CallContext call() {
        return CallContext.ofRequest("req", Deadline.in(LONG));
    }

    private double checks(String... labels) {
        return Scrape.parse(metrics.scrape("text/plain")).sum("taskpilot_guardrail_check_seconds_count", labels);
    }

    /** Else an outage that is waited out is no failure of anything. */
    @Test
    void whileItWaitsEachTryWithoutAVerdictCounts() throws Exception {
        var tries = new AtomicInteger();
        var gate = gate(
                OnError.WAIT,
                () -> tries.incrementAndGet() < 3
                        ? Future.failedFuture(unavailable)
                        : Future.succeededFuture(new Verdict.Passed()));

        gate.check(RailPhase.INPUT, null, null, "the request", call()).await(5, SECONDS);

        assertThat(checks("decision_type", "guardrails_input", "outcome", "error"))
                .isEqualTo(2);
        assertThat(checks("decision_type", "guardrails_input", "outcome", "allow"))
                .isEqualTo(1);
    }

    /** A few per answer, and quick: the objective would be met by them alone. */
    @Test
    void partsOfAnAnswerAreNoChecksThatAnObjectiveCounts() throws Exception {
        var gate = gate(OnError.FAIL, Future.succeededFuture(new Verdict.Passed()));

        assertThat(gate.mayBeSeen("a part", call()).await(5, SECONDS)).isTrue();
        assertThat(checks()).isZero();

        gate.check(RailPhase.OUTPUT, null, null, "the whole", call()).await(5, SECONDS);
        assertThat(checks()).isEqualTo(1);
    }

    @Test
    void aPartIsSeenOnceItHasPassedAsItIs() throws Exception {
        var blocked = Future.<Verdict>succeededFuture(new Verdict.Blocked("regex check output", "no"));
        var modified = Future.<Verdict>succeededFuture(new Verdict.Modified("mask", "***"));

        assertThat(gate(OnError.ALLOW, blocked).mayBeSeen("x", call()).await(5, SECONDS))
                .isFalse();
        assertThat(gate(OnError.ALLOW, modified).mayBeSeen("x", call()).await(5, SECONDS))
                .isFalse();
    }

    @Test
    void aPartThatNobodyJudgedIsSeenOnlyWhereTheWholeWouldBe() throws Exception {
        var none = Future.<Verdict>failedFuture(unavailable);

        assertThat(gate(OnError.ALLOW, none).mayBeSeen("x", call()).await(5, SECONDS))
                .isTrue();
        assertThatThrownBy(() -> gate(OnError.FAIL, none).mayBeSeen("x", call()).await(5, SECONDS))
                .isEqualTo(unavailable);
        var aborted = call();
        aborted.abort();
        assertThatThrownBy(
                        () -> gate(OnError.ALLOW, none).mayBeSeen("x", aborted).await(5, SECONDS))
                .isEqualTo(unavailable);
    }
}
