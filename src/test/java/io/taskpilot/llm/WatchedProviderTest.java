package io.taskpilot.llm;

import static io.taskpilot.llm.WireProvider.raw;
import static io.taskpilot.llm.WireProvider.silence;
import static io.taskpilot.llm.WireProvider.text;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.LongRunning;
import io.taskpilot.engine.CallContext;
import io.taskpilot.engine.ChatModel.Answer;
import io.taskpilot.engine.ChatModel.Message;
import io.taskpilot.engine.ChatModel.Request;
import io.taskpilot.engine.ChatModel.Role;
import io.taskpilot.llm.WireProvider.Script;
import io.taskpilot.resilience.Deadline;
import io.taskpilot.resilience.Failure;
import io.taskpilot.resilience.Retry;
import io.taskpilot.telemetry.HealthRegistry;
import io.taskpilot.telemetry.HealthRegistry.Level;
import io.taskpilot.telemetry.Metrics;
import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What calls over real sockets say about a provider that answers: nothing against it. */
@LongRunning
class WatchedProviderTest {
    private static final Duration LONG = Duration.ofSeconds(60);
    private static final Retry EAGER = new Retry(4, Duration.ofMillis(1), Duration.ofMillis(2));

    private final Vertx vertx = Vertx.vertx();
    private final Context context = vertx.getOrCreateContext();
    private final HealthRegistry health = new HealthRegistry();
    private final Metrics metrics = new Metrics("1", "test");

    @AfterEach
    void close() throws Exception {
        vertx.close().await(10, SECONDS);
    }

    private WatchedModel watched(WireProvider provider, int concurrency, Duration timeout) {
        var problems = new ArrayList<String>();
        var catalog = ModelCatalog.load(Path.of("conf/models.yaml"), problems);
        assertThat(problems).isEmpty();
        var settings = new OpenAiModel.Settings("openai", provider.baseUrl(), null, concurrency, true);
        var model = new OpenAiModel(vertx, settings, catalog, metrics.models(), EAGER);
        var probed = new OpenAiModel(vertx, settings.alone(), catalog, metrics.models(), EAGER);
        return new WatchedModel(vertx, model, probed, timeout, "a test", health, metrics);
    }

    private Future<Answer> ask(WatchedModel model, CallContext call) {
        var request = new Request("gpt-4.1-mini", List.of(Message.of(Role.USER, "hello")), List.of(), null, 0, 100);
        Promise<Answer> answer = Promise.promise();
        context.runOnContext(unused -> model.chat(request, call, text -> {}).onComplete(answer));
        return answer.future();
    }

    private static CallContext call(Duration budget) {
        return CallContext.ofRequest("req-1", Deadline.in(budget));
    }

    private static void until(BooleanSupplier condition) {
        var end = System.nanoTime() + SECONDS.toNanos(30);
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime() - end).as("it did not come true").isNegative();
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(5));
        }
    }

    private static String slug(Future<Answer> answer) {
        until(answer::isComplete);
        return answer.succeeded() ? "" : Failure.from(answer.cause()).slug();
    }

    private boolean isClosed() {
        return metrics.scrape("text/plain").contains("taskpilot_circuit_state{dependency=\"llm\"} 0.0");
    }

    private Script after(Duration delay) {
        return (request, response) ->
                vertx.setTimer(delay.toMillis(), id -> text("fine").play(request, response));
    }

    @Test
    void callsThatRunOutOfTimeInOurOwnQueueOpenNothing() throws Exception {
        var timeout = Duration.ofSeconds(8); // over the 5 s that a connection may take to be made
        try (var provider = WireProvider.start(vertx, after(Duration.ofMillis(2500)))) {
            var model = watched(provider, 1, timeout);
            var calls = IntStream.range(0, 12)
                    .mapToObj(i -> ask(model, call(timeout)))
                    .toList();
            var slugs = calls.stream().map(WatchedProviderTest::slug).toList();

            assertThat(slugs).contains("").containsOnly("", "provider-timeout");
            assertThat(slugs.stream().filter("provider-timeout"::equals)).hasSizeGreaterThan(5);
            assertThat(isClosed()).isTrue();
            assertThat(slug(ask(model, call(LONG)))).isEmpty();
            model.close();
        }
    }

    @Test
    void aProbeDoesNotWaitBehindTheCalls() throws Exception {
        Script script = (request, response) -> {
            if ("probe".equals(request.headers().get("X-Request-Id"))) {
                text("ok").play(request, response);
            } else {
                silence().play(request, response);
            }
        };
        var once = raw(200, "text/html", "<html>a proxy</html>");
        try (var provider = WireProvider.start(vertx, once, script)) {
            var model = watched(provider, 1, LONG);
            assertThat(slug(ask(model, call(LONG)))).as("what is looked into").isEqualTo("provider-error");
            var held = call(LONG);
            var answer = ask(model, held);

            until(() -> health.states().containsKey("llm"));

            assertThat(Objects.requireNonNull(health.states().get("llm")).level())
                    .isEqualTo(Level.UP);
            assertThat(answer.isComplete()).as("the only connection is in use").isFalse();
            context.runOnContext(unused -> held.abort());
            model.close();
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "text/event-stream | data: {\"error\":{\"message\":\"busy\"}}~~",
                "application/json | {\"error\":{\"message\":\"busy\"}}",
                "application/json | {\"choices\":[{\"message\":{},\"finish_reason\":\"tired\"}]}",
            })
    void anAnswerOfNoUseIsAnAnswer(String contentType, String body) throws Exception {
        assertOpensNothing(raw(200, contentType, body.replace('~', '\n')));
    }

    @ParameterizedTest
    @CsvSource({"text/event-stream, 1", "application/json, 8"})
    void anAnswerThatIsTooLongIsAnAnswer(String contentType, int mebibytes) throws Exception {
        assertOpensNothing(raw(200, contentType, "x".repeat((mebibytes << 20) + 1)));
    }

    private void assertOpensNothing(Script script) throws Exception {
        try (var provider = WireProvider.start(vertx, script)) {
            var model = watched(provider, 2, LONG);
            for (var i = 0; i < 8; i++) {
                assertThat(slug(ask(model, call(LONG)))).isEqualTo("provider-error");
            }

            assertThat(isClosed()).isTrue();
            assertThat(health.states()).isEmpty();
            model.close();
        }
    }
}
