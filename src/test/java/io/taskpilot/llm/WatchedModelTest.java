package io.taskpilot.llm;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.engine.CallContext;
import io.taskpilot.engine.ChatModel;
import io.taskpilot.engine.ChatModel.Answer;
import io.taskpilot.engine.ChatModel.Message;
import io.taskpilot.engine.ChatModel.Request;
import io.taskpilot.engine.ChatModel.Role;
import io.taskpilot.resilience.Deadline;
import io.taskpilot.resilience.Failure;
import io.taskpilot.run.Usage;
import io.taskpilot.telemetry.HealthRegistry;
import io.taskpilot.telemetry.HealthRegistry.Level;
import io.taskpilot.telemetry.Metrics;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** When a provider is left alone, and how that ends. {@code ModelDownTest} has the same over sockets. */
class WatchedModelTest {
    private static final Duration TIMEOUT = Duration.ofSeconds(60);
    private static final Answer OK = new Answer("ok", List.of(), new Usage(2, 1, 0.001), "openai", "m");

    private final Vertx vertx = Vertx.vertx();
    private final HealthRegistry health = new HealthRegistry();
    private final Metrics metrics = new Metrics("1", "test");
    private final AtomicInteger calls = new AtomicInteger();
    private volatile ChatModel provider = (request, call, text) -> gone();
    private final WatchedModel model =
            new WatchedModel(vertx, this::counted, this::counted, TIMEOUT, "a test", health, metrics);

    @BeforeEach
    void nameModel() {
        metrics.nameModels(Set.of("m"));
    }

    @AfterEach
    void close() throws Exception {
        model.close();
        vertx.close().await(10, SECONDS);
    }

    private Future<Answer> counted(Request request, CallContext call, Consumer<String> text) {
        calls.incrementAndGet();
        return provider.chat(request, call, text);
    }

    private static Future<Answer> gone() {
        return Future.failedFuture(Failure.of(Failure.Kind.UPSTREAM, "provider-unreachable", "nobody is there"));
    }

    private static boolean isProbe(CallContext call) {
        return call.requestId().equals("probe");
    }

    private String slug(Duration budget) {
        var request = new Request("m", List.of(Message.of(Role.USER, "hello")), List.of(), null, 0, 100);
        var answer = model.chat(request, CallContext.ofRequest("req-1", Deadline.in(budget)), text -> {});
        until(answer::isComplete);
        return answer.succeeded() ? "" : Failure.from(answer.cause()).slug();
    }

    private static void until(BooleanSupplier condition) {
        var end = System.nanoTime() + SECONDS.toNanos(30);
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime() - end).as("it did not come true").isNegative();
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(5));
        }
    }

    private Level level() {
        return Objects.requireNonNull(health.states().get("llm")).level();
    }

    private boolean isOpen() {
        return metrics.scrape("text/plain").contains("taskpilot_circuit_state{dependency=\"llm\"} 2.0");
    }

    @Test
    void afterFiveFailuresNobodyAsksButTheProbeAndItsAnswerEndsIt() {
        provider = (request, call, text) -> gone();
        for (var i = 0; i < 5; i++) {
            assertThat(slug(TIMEOUT)).isEqualTo("provider-unreachable");
        }
        assertThat(level()).isEqualTo(Level.DOWN);
        provider = (request, call, text) -> isProbe(call) ? gone() : Future.succeededFuture(OK);
        assertThat(slug(TIMEOUT)).as("a run's call").isEqualTo("provider-unreachable");

        provider = (request, call, text) -> Future.succeededFuture(OK);

        until(() -> level() == Level.UP);
        assertThat(slug(TIMEOUT)).isEmpty();
        assertThat(metrics.scrape("text/plain"))
                .as("what the probe cost")
                .contains("taskpilot_llm_cost_usd_total{model=\"m\",provider=\"openai\"} 0.001");
    }

    @Test
    void oneFailureIsLookedInto() {
        assertThat(slug(TIMEOUT)).isEqualTo("provider-unreachable");

        until(() -> health.states().containsKey("llm"));

        assertThat(level()).as("by the probe").isEqualTo(Level.DOWN);
        provider = (request, call, text) -> Future.succeededFuture(OK);
        until(() -> level() == Level.UP);
    }

    @Test
    void whatTheRequestCausesAndLimitsOpenNothing() {
        var causes = List.of(
                ModelFailures.declined("the provider answered HTTP 400"),
                ModelFailures.refused(),
                ModelFailures.truncated(),
                ModelFailures.aborted(),
                ModelFailures.notStarted(),
                Failure.of(Failure.Kind.UPSTREAM, "provider-rate-limited", "slower"));
        for (var cause : causes) {
            provider = (request, call, text) -> Future.failedFuture(cause);
            for (var i = 0; i < 10; i++) {
                assertThat(slug(TIMEOUT)).isEqualTo(cause.slug());
            }
        }
        provider = (request, call, text) -> Future.failedFuture(ModelFailures.timeout());
        for (var i = 0; i < 10; i++) {
            assertThat(slug(Duration.ofSeconds(1))).as("with too little time").isEqualTo("provider-timeout");
        }

        assertThat(calls).hasValue(70);
        assertThat(isOpen()).isFalse();
        assertThat(health.states()).isEmpty();
    }

    @Test
    void anOutageThatBeginsWhileTheProbeIsUnderWayIsFoundToEndToo() {
        var probe = Promise.<Answer>promise();
        var probes = new AtomicInteger();
        provider = (request, call, text) -> isProbe(call) && probes.incrementAndGet() == 1 ? probe.future() : gone();
        slug(TIMEOUT);
        until(() -> probes.get() == 1);
        for (var i = 0; i < 5; i++) {
            slug(TIMEOUT);
        }
        assertThat(isOpen()).isTrue();

        probe.complete(OK); // an answer to what was asked before it opened

        until(() -> probes.get() > 1);
        provider = (request, call, text) -> Future.succeededFuture(OK);
        until(() -> level() == Level.UP);
        assertThat(slug(TIMEOUT)).isEmpty();
    }
}
