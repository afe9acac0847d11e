package io.taskpilot.llm;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.engine.CallContext;
import io.taskpilot.engine.ChatModel;
import io.taskpilot.engine.ChatModel.Message;
import io.taskpilot.engine.ChatModel.Role;
import io.taskpilot.resilience.Deadline;
import io.taskpilot.resilience.Failure;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class OfflineModelTest {
    private static final Duration LONG = Duration.ofHours(1);

    private final Vertx vertx = Vertx.vertx();

    @AfterEach
    void close() throws Exception {
        vertx.close().await(5, SECONDS);
    }

    private OfflineModel model(Duration latency, double failureRate) {
        return new OfflineModel(vertx, latency, failureRate, ModelCatalog.empty());
    }

    private static ChatModel.Request request(String text) {
        return new ChatModel.Request("any", List.of(Message.of(Role.USER, text)), List.of(), null, 0, 100);
    }

    private static CallContext call(Duration budget) {
        return CallContext.ofRequest("req-1", Deadline.in(budget));
    }

    private static String slug(Future<?> answer) throws Exception {
        return answer.transform((value, error) -> Future.succeededFuture(
                        error == null ? "answered" : Failure.from(error).slug()))
                .await(5, SECONDS);
    }

    @Test
    void answersUnderItsOwnNameWithTheSameUsageEachTime() throws Exception {
        var model = model(Duration.ofMillis(1), 0);

        var first = model.chat(request("Create a task"), call(LONG), text -> {}).await(5, SECONDS);
        var second =
                model.chat(request("Create a task"), call(LONG), text -> {}).await(5, SECONDS);

        assertThat(first.provider() + "/" + first.model()).isEqualTo("offline/offline");
        assertThat(first).isEqualTo(second);
        assertThat(first.usage().inputTokens()).isEqualTo(4);
        assertThat(first.usage().outputTokens()).isPositive();
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 1, 20})
    void theTextComesInPiecesBeforeTheAnswer(long millis) throws Exception {
        var pieces = new ArrayList<String>();
        var answer = model(Duration.ofMillis(millis), 0)
                .chat(request("Create a task"), call(LONG), pieces::add)
                .map(whole -> String.join("", pieces).equals(whole.text()))
                .await(5, SECONDS);

        assertThat(answer).isTrue();
        assertThat(pieces).hasSizeBetween(millis == 1 ? 1 : 8, 8).doesNotContain("");
    }

    @Test
    void abortEndsTheWait() throws Exception {
        var call = call(LONG);
        var answer = model(LONG, 0).chat(request("x"), call, text -> {});

        assertThat(answer.isComplete()).isFalse();
        call.abort();

        assertThat(slug(answer)).isEqualTo("provider-aborted");
    }

    @Test
    void latencyBeyondTheDeadlineIsATimeout() throws Exception {
        assertThat(slug(model(LONG, 0).chat(request("x"), call(Duration.ofMillis(5)), text -> {})))
                .isEqualTo("provider-timeout");
    }

    @Test
    void withoutALeaseNothingIsAnswered() throws Exception {
        var call = new CallContext("req-1", Deadline.in(LONG), () -> false);

        assertThat(slug(model(Duration.ZERO, 0).chat(request("x"), call, text -> {})))
                .isEqualTo("provider-not-started");
    }

    @Test
    void requestMayAskForAProviderError() throws Exception {
        assertThat(slug(model(Duration.ZERO, 0).chat(request("Emit a provider error"), call(LONG), text -> {})))
                .isEqualTo("provider-error");
    }

    @Test
    void sameCallsFailInEveryProcess() throws Exception {
        var failures = failures(0.1);

        assertThat(failures).isEqualTo(failures(0.1)).hasSizeBetween(50, 150);
        assertThat(failures(0)).isEmpty();
        assertThat(failures(1)).hasSize(1000);
    }

    private List<Integer> failures(double rate) {
        var model = model(Duration.ZERO, rate);
        return IntStream.range(0, 1000)
                .filter(i -> model.chat(request("x"), call(LONG), text -> {}).failed())
                .boxed()
                .toList();
    }
}
