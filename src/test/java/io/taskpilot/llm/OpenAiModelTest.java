package io.taskpilot.llm;

import static io.taskpilot.llm.WireProvider.byteByByte;
import static io.taskpilot.llm.WireProvider.cut;
import static io.taskpilot.llm.WireProvider.error;
import static io.taskpilot.llm.WireProvider.hangUp;
import static io.taskpilot.llm.WireProvider.raw;
import static io.taskpilot.llm.WireProvider.silence;
import static io.taskpilot.llm.WireProvider.stall;
import static io.taskpilot.llm.WireProvider.text;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.taskpilot.config.Secret;
import io.taskpilot.engine.CallContext;
import io.taskpilot.engine.ChatModel.Answer;
import io.taskpilot.engine.ChatModel.Function;
import io.taskpilot.engine.ChatModel.FunctionCall;
import io.taskpilot.engine.ChatModel.Message;
import io.taskpilot.engine.ChatModel.Request;
import io.taskpilot.engine.ChatModel.Role;
import io.taskpilot.llm.WireProvider.Call;
import io.taskpilot.llm.WireProvider.Script;
import io.taskpilot.resilience.Deadline;
import io.taskpilot.resilience.Failure;
import io.taskpilot.resilience.Retry;
import io.taskpilot.telemetry.Metrics;
import io.taskpilot.telemetry.Scrape;
import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.core.json.JsonObject;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.slf4j.LoggerFactory;

/** The client against a provider on a real socket. */
class OpenAiModelTest {
    private static final String KEY = "sk-test-0123456789abcdef";
    private static final Duration LONG = Duration.ofSeconds(60);
    /** On a busy machine too, for what is about the answer. Waited out in full. */
    private static final Duration ENOUGH_TO_ASK = Duration.ofMillis(1_500);

    private static final Retry EAGER = new Retry(4, Duration.ofMillis(1), Duration.ofMillis(2));
    private static final Call CREATE = new Call("create_task", "{\"title\":\"Prepare the d\u00e9ck \uD83D\uDE80\"}");
    private static final Call LIST = new Call("list_tasks", "{}");

    private final Vertx vertx = Vertx.vertx();
    private final Context context = vertx.getOrCreateContext();
    private final List<String> pieces = new CopyOnWriteArrayList<>();
    private final Metrics metrics = new Metrics("1", "test");

    @AfterEach
    void close() throws Exception {
        vertx.close().await(10, SECONDS);
    }

    private OpenAiModel model(URI baseUrl, boolean streaming) {
        return model(baseUrl, streaming, 8);
    }

    private OpenAiModel model(URI baseUrl, boolean streaming, int concurrency) {
        var problems = new ArrayList<String>();
        var catalog = ModelCatalog.load(Path.of("conf/models.yaml"), problems);
        assertThat(problems).isEmpty();
        var settings = new OpenAiModel.Settings("openai", baseUrl, new Secret(KEY), concurrency, streaming);
        return new OpenAiModel(vertx, settings, catalog, metrics.models(), EAGER);
    }

    private static Request request(String model, List<Function> functions, @Nullable String mustCall) {
        return new Request(model, List.of(Message.of(Role.USER, "hello")), functions, mustCall, 0.5, 100);
    }

    private static CallContext call(Duration budget) {
        return CallContext.ofRequest("req-1", Deadline.in(budget));
    }

    /** On an event loop, as the engine does. */
    private Future<Answer> ask(OpenAiModel model, Request request, CallContext call) {
        Promise<Answer> answer = Promise.promise();
        context.runOnContext(unused -> model.chat(request, call, pieces::add)
                .andThen((value, cause) -> inContext())
                .onComplete(answer));
        return answer.future();
    }

    private void inContext() {
        if (!context.equals(Vertx.currentContext())) {
            throw new AssertionError("completed outside the caller's context");
        }
    }

    private Future<Answer> ask(OpenAiModel model, CallContext call) {
        return ask(model, request("gpt-4.1-mini", List.of(), null), call);
    }

    private static String slug(Future<?> answer) throws Exception {
        return failure(answer).slug();
    }

    private static Failure failure(Future<?> answer) throws Exception {
        Throwable cause = answer.<Throwable>transform((value, error) ->
                        Future.succeededFuture(error == null ? new AssertionError("answered: " + value) : error))
                .await(30, SECONDS);
        if (cause instanceof Failure failure) {
            return failure;
        }
        throw new AssertionError("not a Failure", cause);
    }

    private String slug(boolean streaming, Script... scripts) throws Exception {
        try (var provider = WireProvider.start(vertx, scripts)) {
            return slug(ask(model(provider.baseUrl(), streaming), call(LONG)));
        }
    }

    private void answersWhole(boolean streaming, Script script) throws Exception {
        try (var provider = WireProvider.start(vertx, script)) {
            var answer = ask(model(provider.baseUrl(), streaming), call(LONG)).await(30, SECONDS);

            assertThat(answer.text()).isEqualTo("Grüße 🚀, all of it");
            assertThat(String.join("", pieces)).isEqualTo(answer.text());
            assertThat(pieces).hasSize(streaming ? 2 : 1).doesNotContain("");
            assertThat(answer.calls())
                    .containsExactly(
                            new FunctionCall("wire_0", CREATE.name(), CREATE.arguments()),
                            new FunctionCall("wire_1", LIST.name(), LIST.arguments()));
            assertThat(answer.usage().inputTokens()).isEqualTo(7);
            assertThat(answer.usage().outputTokens()).isEqualTo(5);
            assertThat(answer.usage().costUsd()).isPositive();
            assertThat(answer.provider() + "/" + answer.model()).isEqualTo("openai/gpt-4.1-mini");
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void textCallsAndUsageArriveWhole(boolean streaming) throws Exception {
        answersWhole(streaming, text("Grüße 🚀, all of it", CREATE, LIST));
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void chunksOfOneByteMakeNoDifference(boolean streaming) throws Exception {
        answersWhole(streaming, byteByByte("Grüße 🚀, all of it", CREATE, LIST));
    }

    @Test
    void textOfATryThatIsCutIsNotToldAgain() throws Exception {
        var half = WireProvider.delta(new JsonObject().put("content", "half"), null);
        assertThat(slug(true, raw(503, "text/plain", "busy"), raw(200, "text/event-stream", half), text("whole")))
                .isEqualTo("provider-cut-stream");

        assertThat(pieces).containsExactly("half");
    }

    @Test
    void streamingClientUnderstandsAServerThatDoesNotStream() throws Exception {
        var body = """
                {"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}]}""";
        try (var provider = WireProvider.start(vertx, raw(200, "application/json", body))) {
            assertThat(ask(model(provider.baseUrl(), true), call(LONG))
                            .await(30, SECONDS)
                            .text())
                    .isEqualTo("hi");
        }
    }

    @Test
    void usageIsEstimatedWhereTheProviderDoesNotCount() throws Exception {
        var body = WireProvider.delta(new JsonObject().put("content", "12345678"), "stop");
        try (var provider = WireProvider.start(vertx, raw(200, "text/event-stream", body))) {
            var usage = ask(model(provider.baseUrl(), true), call(LONG))
                    .await(30, SECONDS)
                    .usage();
            assertThat(List.of(usage.inputTokens(), usage.outputTokens())).containsExactly(2L, 2L);
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void requestSpeaksTheWireProtocol(boolean streaming) throws Exception {
        var function = new Function("create_task", "makes one", Map.of("type", "object"));
        var messages = List.of(
                Message.of(Role.SYSTEM, "be brief"),
                Message.of(Role.USER, "hello"),
                new Message(Role.ASSISTANT, "", List.of(new FunctionCall("call_1", "create_task", "{}")), null),
                Message.result("call_1", "done"));
        try (var provider = WireProvider.start(vertx)) {
            var request = new Request("gpt-4.1-mini", messages, List.of(function), "create_task", 0.5, 100);
            ask(model(provider.baseUrl(), streaming), request, call(LONG)).await(30, SECONDS);

            var received = provider.received().get(0);
            assertThat(received.headers().get("authorization")).isEqualTo("Bearer " + KEY);
            assertThat(received.headers().get("x-request-id")).isEqualTo("req-1");
            var expected = new JsonObject("""
                    {"model": "gpt-4.1-mini", "max_tokens": 100, "temperature": 0.5,
                     "messages": [
                       {"role": "system", "content": "be brief"},
                       {"role": "user", "content": "hello"},
                       {"role": "assistant", "content": null, "tool_calls": [
                         {"id": "call_1", "type": "function", "function": {"name": "create_task", "arguments": "{}"}}]},
                       {"role": "tool", "tool_call_id": "call_1", "content": "done"}],
                     "tools": [{"type": "function", "function": {
                       "name": "create_task", "description": "makes one", "parameters": {"type": "object"}}}],
                     "tool_choice": {"type": "function", "function": {"name": "create_task"}}}""");
            if (streaming) {
                expected.put("stream", true).put("stream_options", new JsonObject().put("include_usage", true));
            }
            assertThat(received.body()).isEqualTo(expected);
        }
    }

    @Test
    void functionsAreAChoiceUnlessOneMustBeCalledAndReasoningModelsTakeOtherLimits() throws Exception {
        var function = new Function("f", "", Map.of("type", "object"));
        try (var provider = WireProvider.start(vertx)) {
            ask(model(provider.baseUrl(), true), request("gpt-5", List.of(function), null), call(LONG))
                    .await(30, SECONDS);

            var body = provider.received().get(0).body();
            assertThat(body.getString("tool_choice")).isEqualTo("auto");
            assertThat(body.getInteger("max_completion_tokens")).isEqualTo(100);
            assertThat(body.fieldNames()).doesNotContain("max_tokens", "temperature");
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void everyCutOfAnAnswerIsAnErrorAndIsNotTriedAgain(boolean streaming) throws Exception {
        var length = WireProvider.stream("Hello there", CREATE).length();
        for (var bytes : List.of(1, 40, 120, length / 3, length / 2)) {
            try (var provider = WireProvider.start(vertx, cut(bytes, "Hello there", CREATE), text("never"))) {
                assertThat(slug(ask(model(provider.baseUrl(), streaming), call(LONG))))
                        .isEqualTo("provider-cut-stream");
                assertThat(provider.received()).hasSize(1);
            }
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "text/event-stream | data: {\"choices\":[{\"delta\":{\"content\":\"half\"}}]}~~      | provider-cut-stream",
                "text/event-stream | data: {\"choices\":[{\"delta\":{\"content\":\"half\"}}]}~~data: [DONE]~~ | provider-cut-stream",
                "text/event-stream | data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}~ | provider-cut-stream",
                "text/event-stream | : nothing~~                                                      | provider-cut-stream",
                "text/event-stream | data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"length\"}]}~~ | provider-truncated",
                "text/event-stream | data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"content_filter\"}]}~~ | provider-refused",
                "text/event-stream | data: {\"choices\":[{\"delta\":{\"refusal\":\"no\"},\"finish_reason\":\"stop\"}]}~~ | provider-refused",
                "text/event-stream | data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"tired\"}]}~~ | provider-error",
                "text/event-stream | data: {\"error\":{\"message\":\"busy\"}}~~                       | provider-error",
                "text/event-stream | data: {oops}~~                                                   | provider-error",
                "text/event-stream | data: []~~                                                       | provider-error",
                "application/json  | {\"choices\":[{\"message\":{\"content\":\"half                   | provider-cut-stream",
                "application/json  | {}                                                               | provider-cut-stream",
                "application/json  | {\"choices\":[{\"message\":{\"content\":\"x\"}}]}                | provider-cut-stream",
                "application/json  | {\"choices\":[{\"message\":{},\"finish_reason\":\"length\"}]}    | provider-truncated",
                "application/json  | {\"error\":{\"message\":\"busy\"}}                               | provider-error",
                "application/json  | {\"a\":}                                                         | provider-error",
                "application/json  | [1]                                                              | provider-error",
                "text/html         | <html>a proxy</html>                                             | provider-error",
            })
    void badAnswerIsATypedFailureAndIsNotTriedAgain(String contentType, String body, String slug) throws Exception {
        try (var provider = WireProvider.start(vertx, raw(200, contentType, body.replace('~', '\n')), text("never"))) {
            assertThat(slug(ask(model(provider.baseUrl(), true), call(LONG)))).isEqualTo(slug);
            assertThat(provider.received()).hasSize(1);
        }
    }

    /** A model that always runs into its limit is billed for nothing else. */
    @Test
    void anAnswerThatIsCutShortIsCountedWithWhatItCost() throws Exception {
        var cut = """
                data: {"choices":[{"delta":{"content":"half"},"finish_reason":"length"}]}

                data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":5}}

                data: [DONE]

                """;

        assertThat(slug(true, raw(200, "text/event-stream", cut))).isEqualTo("provider-truncated");

        var scrape = Scrape.parse(metrics.scrape("text/plain"));
        assertThat(scrape.sum("taskpilot_llm_tokens_total", "type", "input")).isEqualTo(7);
        assertThat(scrape.sum("taskpilot_llm_tokens_total", "type", "output")).isEqualTo(5);
        assertThat(scrape.sum("taskpilot_llm_cost_usd_total")).isPositive();
    }

    @Test
    void invalidUtf8InADocumentIsAnError() throws Exception {
        Script script = (request, response) -> response.putHeader("content-type", "application/json")
                .end(Buffer.buffer(new byte[] {'{', '"', (byte) 0xFF, '"', ':', '1', '}'}));
        assertThat(slug(false, script)).isEqualTo("provider-error");
    }

    @ParameterizedTest
    @ValueSource(strings = {"text/event-stream", "application/json"})
    void answerWithoutEndIsCutOff(String contentType) throws Exception {
        Script endless = (request, response) -> flood(response.setChunked(true).putHeader("content-type", contentType));
        try (var provider = WireProvider.start(vertx, endless)) {
            assertThat(slug(ask(model(provider.baseUrl(), true), call(LONG)))).isEqualTo("provider-error");
            provider.firstClose().await(30, SECONDS);
        }
    }

    private static void flood(HttpServerResponse response) {
        response.write("x".repeat(1 << 16)).onSuccess(unused -> flood(response));
    }

    @ParameterizedTest
    @CsvSource({"408", "409", "429", "500", "502", "503", "529"})
    void refusalBeforeTheFirstByteIsTriedAgain(int status) throws Exception {
        try (var provider = WireProvider.start(vertx, error(status, "x", "y"), error(status, "x", "y"), text("fine"))) {
            assertThat(ask(model(provider.baseUrl(), true), call(LONG))
                            .await(30, SECONDS)
                            .text())
                    .isEqualTo("fine");
            assertThat(provider.received()).hasSize(3);
        }
    }

    @Test
    void connectionThatIsHungUpBeforeTheFirstByteIsTriedAgain() throws Exception {
        try (var provider = WireProvider.start(vertx, hangUp(), text("fine"))) {
            assertThat(ask(model(provider.baseUrl(), false), call(LONG))
                            .await(30, SECONDS)
                            .text())
                    .isEqualTo("fine");
        }
    }

    @ParameterizedTest
    @CsvSource({"408, provider-timeout", "429, provider-rate-limited", "500, provider-error", "503, provider-error"})
    void refusalThatGoesOnEndsAfterFourTries(int status, String slug) throws Exception {
        try (var provider = WireProvider.start(vertx, error(status, "server_error", "busy"))) {
            var failure = failure(ask(model(provider.baseUrl(), true), call(LONG)));

            assertThat(failure.slug()).isEqualTo(slug);
            assertThat(failure.detail()).isEqualTo("the provider answered HTTP " + status + " (server_error, busy)");
            assertThat(provider.received()).hasSize(4);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "400, invalid_request_error, x, provider-error",
        "400, invalid_request_error, content_filter, provider-refused",
        "401, x, invalid_api_key, provider-error",
        "403, x, x, provider-error",
        "404, x, model_not_found, provider-error",
        "422, x, x, provider-error",
        "302, x, x, provider-error",
        "204, x, x, provider-error",
        "429, insufficient_quota, insufficient_quota, provider-rate-limited",
    })
    void refusalThatWillNotChangeIsNotTriedAgain(int status, String type, String code, String slug) throws Exception {
        try (var provider = WireProvider.start(vertx, error(status, type, code), text("never"))) {
            assertThat(slug(ask(model(provider.baseUrl(), true), call(LONG)))).isEqualTo(slug);
            assertThat(provider.received()).hasSize(1);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "401, x, invalid_api_key, 'slug=provider-error detail=the provider answered HTTP 401 (x, invalid_api_key)'",
        "403, x, x, 'slug=provider-error detail=the provider answered HTTP 403 (x)'",
        "404, x, model_not_found, 'slug=provider-error detail=the provider answered HTTP 404 (x, model_not_found): it'",
        "429, insufficient_quota, x, 'slug=provider-rate-limited detail=the provider answered HTTP 429 (insufficient_quota'",
        "503, x, busy, 'slug=provider-error detail=the provider answered HTTP 503 (x, busy)'",
    })
    void callThatFailsForGoodIsLoggedOnce(int status, String type, String code, String told) throws Exception {
        var lines = logged(error(status, type, code));

        var last = lines.get(lines.size() - 1);
        assertThat(last.getLevel()).isEqualTo(Level.WARN);
        assertThat(last.getFormattedMessage())
                .startsWith("model call failed, giving up request=req-1 provider=openai model=gpt-4.1-mini " + told);
        assertThat(lines)
                .filteredOn(line -> line.getFormattedMessage().contains("giving up"))
                .hasSize(1);
        assertThat(lines).hasSize(status == 503 ? 4 : 1); // with those before another try
    }

    @Test
    void linesOfFailedCallsHaveNeitherTheKeyNorWhatWasSaid() throws Exception {
        for (var script : List.of(error(401, KEY, KEY), error(503, "x", KEY), raw(400, "text/plain", "hello " + KEY))) {
            assertThat(logged(script))
                    .isNotEmpty()
                    .allSatisfy(line -> assertThat(line.getFormattedMessage()).doesNotContain(KEY, "hello"));
        }
    }

    @Test
    void callThatWasBrokenOffIsNoFailureInTheLog() throws Exception {
        var call = call(LONG);
        call.abort();
        assertThat(logged(call, silence())).isEmpty();
    }

    private List<ILoggingEvent> logged(Script script) throws Exception {
        return logged(call(LONG), script);
    }

    /** What is logged of a call that fails. */
    private List<ILoggingEvent> logged(CallContext call, Script script) throws Exception {
        var logger = (Logger) LoggerFactory.getLogger(OpenAiModel.class);
        var lines = new ListAppender<ILoggingEvent>();
        lines.start();
        logger.addAppender(lines);
        try (var provider = WireProvider.start(vertx, script)) {
            failure(ask(model(provider.baseUrl(), true), call));
        } finally {
            logger.detachAppender(lines);
        }
        return lines.list;
    }

    /** In words of ours: the provider's own may quote keys and prompts. */
    @Test
    void modelThatTheProviderDoesNotKnowIsNamedWithItsSetting() throws Exception {
        var body = """
                {"error": {"message": "model 'secret words' not found", "type": "x", "code": null}}""";
        try (var provider = WireProvider.start(vertx, raw(404, "application/json", body))) {
            assertThat(failure(ask(model(provider.baseUrl(), true), call(LONG))).detail())
                    .isEqualTo("the provider answered HTTP 404 (x): it does not know the model \"gpt-4.1-mini\""
                            + " (llm.model, or the agent's file), or its URL is wrong (llm.baseUrl)");
        }
    }

    @Test
    void waitBeyondTheDeadlineIsNotBegun() throws Exception {
        var tomorrow = DateTimeFormatter.RFC_1123_DATE_TIME.format(
                ZonedDateTime.now(ZoneOffset.UTC).plusDays(1));
        for (var header : List.of(
                List.of("Retry-After", "3600"),
                List.of("Retry-After", tomorrow),
                List.of("retry-after-ms", "3600000"))) {
            var limited = error(429, "x", "y", header.get(0), header.get(1));
            try (var provider = WireProvider.start(vertx, limited, text("never"))) {
                assertThat(slug(ask(model(provider.baseUrl(), true), call(LONG))))
                        .isEqualTo("provider-rate-limited");
                assertThat(provider.received()).hasSize(1);
            }
        }
    }

    @Test
    void waitThatTheProviderAsksForIsWaited() throws Exception {
        try (var provider = WireProvider.start(vertx, error(429, "x", "y", "Retry-After", "1"), text("fine"))) {
            var began = System.nanoTime();
            ask(model(provider.baseUrl(), true), call(LONG)).await(30, SECONDS);

            assertThat(Duration.ofNanos(System.nanoTime() - began)).isGreaterThanOrEqualTo(Duration.ofSeconds(1));
        }
    }

    @Test
    void abortEndsTheWaitBetweenTries() throws Exception {
        try (var provider = WireProvider.start(vertx, error(429, "x", "y", "Retry-After", "30"))) {
            var call = call(LONG);
            var answer = ask(model(provider.baseUrl(), true), call);
            provider.firstRequest().await(30, SECONDS);
            context.runOnContext(unused -> call.abort());

            assertThat(slug(answer)).isEqualTo("provider-aborted");
        }
    }

    @Test
    void refusedConnectionIsUnreachable() throws Exception {
        URI gone;
        try (var provider = WireProvider.start(vertx)) {
            gone = provider.baseUrl();
        }
        assertThat(slug(ask(model(gone, true), call(LONG)))).isEqualTo("provider-unreachable");
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void deadlineClosesTheConnectionOfAProviderThatNeverAnswers(boolean streaming) throws Exception {
        try (var provider = WireProvider.start(vertx, silence())) {
            assertThat(slug(ask(model(provider.baseUrl(), streaming), call(ENOUGH_TO_ASK))))
                    .isEqualTo("provider-timeout");
            provider.firstClose().await(30, SECONDS);
            assertThat(provider.received()).hasSize(1);
        }
    }

    @Test
    void deadlineHoldsForAnAnswerThatOnlyTrickles() throws Exception {
        Script trickle = (request, response) -> {
            response.setChunked(true).putHeader("content-type", "text/event-stream");
            vertx.setPeriodic(5, id -> response.write(": still here\n").onFailure(gone -> vertx.cancelTimer(id)));
        };
        try (var provider = WireProvider.start(vertx, trickle)) {
            assertThat(slug(ask(model(provider.baseUrl(), true), call(ENOUGH_TO_ASK))))
                    .isEqualTo("provider-timeout");
            provider.firstClose().await(30, SECONDS);
        }
    }

    /** The provider bills what it wrote until then, and has not said how much that is. */
    @Test
    void anAnswerThatIsBrokenOffIsCountedByWhatCameOfIt() throws Exception {
        var begun = "data: {\"choices\":[{\"delta\":{\"content\":\"half of it\"}}]}\n\n";
        try (var provider = WireProvider.start(vertx, stall(begun))) {
            var call = call(LONG);
            var model = model(provider.baseUrl(), true);
            Promise<Answer> answer = Promise.promise();
            context.runOnContext(
                    unused -> model.chat(request("gpt-4.1-mini", List.of(), null), call, text -> call.abort())
                            .onComplete(answer));

            assertThat(slug(answer.future())).isEqualTo("provider-aborted");
        }

        assertThat(Scrape.parse(metrics.scrape("text/plain")).sum("taskpilot_llm_tokens_total", "type", "output"))
                .isEqualTo((double) OfflineModel.tokens("half of it"));
    }

    @Test
    void abortClosesTheSocketInTheMiddleOfAnAnswer() throws Exception {
        for (var script : List.of(silence(), stall("data: {\"choices\":[]}\n\n"))) {
            try (var provider = WireProvider.start(vertx, script)) {
                var call = call(LONG);
                var answer = ask(model(provider.baseUrl(), true), call);
                provider.firstRequest().await(30, SECONDS);
                context.runOnContext(unused -> call.abort());

                assertThat(slug(answer)).isEqualTo("provider-aborted");
                provider.firstClose().await(30, SECONDS);
                assertThat(provider.received()).hasSize(1);
            }
        }
    }

    @Test
    void callThatWasAbortedBeforeNeverConnects() throws Exception {
        try (var provider = WireProvider.start(vertx)) {
            var call = call(LONG);
            call.abort();

            assertThat(slug(ask(model(provider.baseUrl(), true), call))).isEqualTo("provider-aborted");
            assertThat(provider.firstConnection().isComplete()).isFalse();
        }
    }

    @Test
    void withoutALeaseTheConnectionIsMadeAndNothingIsSent() throws Exception {
        try (var provider = WireProvider.start(vertx)) {
            var call = new CallContext("req-1", Deadline.in(LONG), () -> false);

            assertThat(slug(ask(model(provider.baseUrl(), true), call))).isEqualTo("provider-not-started");
            provider.firstConnection().await(30, SECONDS);
            assertThat(provider.received()).isEmpty();
        }
    }

    @Test
    void leaseIsAskedAgainBeforeEveryTry() throws Exception {
        try (var provider = WireProvider.start(vertx, error(500, "x", "y"), text("never"))) {
            var call = new CallContext(
                    "req-1", Deadline.in(LONG), () -> provider.received().isEmpty());

            assertThat(slug(ask(model(provider.baseUrl(), true), call))).isEqualTo("provider-not-started");
            assertThat(provider.received()).hasSize(1);
        }
    }

    @Test
    void callsBeyondTheConcurrencyWaitForTheirTurn() throws Exception {
        try (var provider = WireProvider.start(vertx, text("fine"))) {
            var model = model(provider.baseUrl(), true, 2);
            var answers =
                    IntStream.range(0, 40).mapToObj(i -> ask(model, call(LONG))).toList();

            Future.all(answers).await(30, SECONDS);
            assertThat(provider.received()).hasSize(40);
        }
    }

    @Test
    void callsBeyondTheQueueAreRefusedAtOnce() throws Exception {
        try (var provider = WireProvider.start(vertx, silence())) {
            var model = model(provider.baseUrl(), true, 1);
            var waiting = call(LONG);
            IntStream.range(0, 33).forEach(i -> ask(model, waiting));

            assertThat(slug(ask(model, call(LONG)))).isEqualTo("overload-llm");
            context.runOnContext(unused -> waiting.abort());
        }
    }

    @Test
    void connectionIsUsedAgainAfterAnAnswer() throws Exception {
        try (var provider = WireProvider.start(vertx, text("fine"))) {
            var model = model(provider.baseUrl(), true, 1);
            for (var i = 0; i < 5; i++) {
                ask(model, call(LONG)).await(30, SECONDS);
            }
            assertThat(provider.firstClose().isComplete()).isFalse();
        }
    }

    @Test
    void bodyThatNeverEndsAfterItsLastWordIsClosed() throws Exception {
        try (var provider = WireProvider.start(vertx, stall(WireProvider.stream("fine")))) {
            assertThat(ask(model(provider.baseUrl(), true), call(LONG))
                            .await(30, SECONDS)
                            .text())
                    .isEqualTo("fine");
            provider.firstClose().await(30, SECONDS);
        }
    }

    @Test
    void keyIsNeitherInFailuresNorInTexts() throws Exception {
        for (var script : List.of(error(401, KEY, KEY), error(500, "x", KEY), raw(400, "text/plain", KEY))) {
            try (var provider = WireProvider.start(vertx, script)) {
                var model = model(provider.baseUrl(), true);
                var failure = failure(ask(model, call(LONG)));

                assertThat(failure.toString() + failure.detail() + failure.getCause())
                        .doesNotContain(KEY);
            }
        }
        assertThat(new OpenAiModel.Settings("openai", URI.create("http://h/v1"), new Secret(KEY), 1, true).toString())
                .doesNotContain(KEY);
    }
}
