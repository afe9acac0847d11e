package io.taskpilot.app;

import static io.taskpilot.app.ApiUser.types;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.taskpilot.journal.TestPostgres;
import io.taskpilot.llm.WireProvider;
import io.taskpilot.llm.WireProvider.Call;
import io.taskpilot.llm.WireProvider.Part;
import io.taskpilot.redis.TestRedis;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import java.net.URI;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Who watches a run reads its answers while a model writes them, as {@code guardrails.stream} allows, on any node. */
class TwoNodesLiveTextTest {
    private static final long PATIENCE_SECONDS = 60;
    private static final String TASK =
            "{\"title\": \"Prepare the deck\", \"priority\": \"high\", \"description\": \"\"}";
    private static final String SECRET = "AKIAIOSFODNN7EXAMPLE";
    private static final List<String> HARMLESS = words("The board deck is ready, Grüße 🚀 ");
    private static final List<String> FORBIDDEN = List.of("its key is AKIA", "IOSFODNN7", "EXAMPLE and ");
    private static final List<String> AFTER = words("some more of it 🎉 ");

    private final Vertx vertx = Vertx.vertx();
    private final List<AutoCloseable> open = new ArrayList<>();
    private final String database = TestPostgres.database().url().value();
    private final Promise<Void> watched = Promise.promise();
    private final Promise<Void> seen = Promise.promise();

    @AfterEach
    void closeAll() throws Exception {
        for (var i = open.size() - 1; i >= 0; i--) {
            open.get(i).close();
        }
        vertx.close().await(10, TimeUnit.SECONDS);
    }

    private static List<String> words(String text) {
        return IntStream.range(0, 15).mapToObj(i -> i + ": " + text).toList();
    }

    private static String joined(List<String> first, List<String> second, List<String> third) {
        return String.join("", first) + String.join("", second) + String.join("", third);
    }

    /** A provider whose executor writes the first part once somebody watches, and the second once some text was seen. */
    private WireProvider provider(List<String> first, List<String> second) throws Exception {
        var provider = WireProvider.start(
                vertx,
                WireProvider.text("", new Call("propose_task", TASK)),
                WireProvider.text("APPROVE"),
                WireProvider.paced(new Part(watched.future(), first), new Part(seen.future(), second)));
        open.add(provider);
        return provider;
    }

    private TestServer node(String mode, WireProvider provider, @Nullable TestRedis redis) throws Exception {
        var settings = new HashMap<>(Map.of(
                "TASKPILOT_POSTGRES_URL",
                database,
                "TASKPILOT_LLM_BASE_URL",
                provider.baseUrl().toString(),
                "TASKPILOT_GUARDRAILS_STREAM",
                mode));
        if (redis != null) {
            settings.put("TASKPILOT_REDIS_URL", redis.url().value());
        }
        var node = TestServer.start(settings);
        open.add(node);
        if (redis != null) {
            new Vitals(node, "redis").awaitUp(); // what is said before it listens it does not hear
        }
        return node;
    }

    private TestRedis redis() {
        var redis = new TestRedis("secret");
        open.add(redis);
        return redis;
    }

    /** Follows to the end; told of each event and each text as it comes. */
    private CompletableFuture<List<JsonNode>> following(TestServer node, String runId, Consumer<JsonNode> told) {
        return CompletableFuture.supplyAsync(() -> {
            try {
                return node.user().follow(runId, 0, event -> {
                    told.accept(event);
                    return ApiUser.isTerminal(event);
                });
            } catch (Exception e) {
                throw new AssertionError(e);
            }
        });
    }

    private static boolean executorBegins(JsonNode event) {
        return event.path("type").asText().equals("agent.started")
                && event.path("data").path("agent").asText().equals("ExecutorAgent");
    }

    private static boolean isText(JsonNode event) {
        return event.path("type").asText().equals("agent.delta");
    }

    private static boolean ofExecutor(JsonNode event) {
        return event.path("data").path("agent").asText().equals("ExecutorAgent");
    }

    /** The events of both nodes, each followed from the start. */
    private List<List<JsonNode>> followed(TestServer owner, TestServer other, boolean textOnBoth) throws Exception {
        var begun = new CountDownLatch(2);
        var read = new CountDownLatch(textOnBoth ? 2 : 1);
        var runId = owner.user().submit("go");
        var streams = new ArrayList<CompletableFuture<List<JsonNode>>>();
        for (var node : List.of(owner, other)) {
            var first = new AtomicBoolean();
            streams.add(following(node, runId, event -> {
                if (executorBegins(event)) {
                    begun.countDown();
                    if (begun.getCount() == 0) {
                        watched.tryComplete();
                    }
                }
                if (isText(event) && ofExecutor(event) && !first.getAndSet(true)) {
                    read.countDown();
                    if (read.getCount() == 0) {
                        seen.tryComplete();
                    }
                }
            }));
        }
        var all = new ArrayList<List<JsonNode>>();
        for (var stream : streams) {
            all.add(stream.get(PATIENCE_SECONDS, TimeUnit.SECONDS));
        }
        return all;
    }

    private static String text(List<JsonNode> events) {
        return events.stream()
                .filter(event -> isText(event) && ofExecutor(event))
                .map(event -> event.path("data").path("text").asText())
                .collect(Collectors.joining());
    }

    private static JsonNode answer(List<JsonNode> events) {
        return events.stream()
                .filter(event -> event.path("type").asText().equals("agent.completed") && ofExecutor(event))
                .findFirst()
                .orElseThrow()
                .path("data")
                .path("answer");
    }

    /** The events but for the text, as the journal has them. */
    private static List<JsonNode> journaled(List<JsonNode> events) {
        return events.stream().filter(event -> !isText(event)).toList();
    }

    private static void assertInPlace(List<JsonNode> events) {
        var last = 0L;
        var offset = 0;
        for (var event : events) {
            if (isText(event)) {
                assertThat(event.path("seq").asLong()).isEqualTo(last);
                assertThat(event.path("data").path("offset").asInt()).isEqualTo(offset);
                offset += event.path("data").path("text").asText().length();
            } else {
                assertThat(event.path("seq").asLong()).isEqualTo(last + 1);
                last++;
                offset = 0;
            }
        }
    }

    private static double metric(TestServer node, String line) throws Exception {
        return new ApiUser(URI.create(node.managementUrl()))
                .send("GET", "/metrics", null)
                .body()
                .lines()
                .filter(each -> each.startsWith(line + " "))
                .mapToDouble(each -> Double.parseDouble(each.substring(line.length() + 1)))
                .findFirst()
                .orElse(0);
    }

    @ParameterizedTest
    @ValueSource(strings = {"audit", "window:64"})
    void theTextsOfAnAnswerMakeUpTheAnswerOnBothNodes(String mode) throws Exception {
        var provider = provider(HARMLESS, AFTER);
        var redis = redis();
        var owner = node(mode, provider, redis);

        var streams = followed(owner, node(mode, provider, redis), true);

        for (var events : streams) {
            assertThat(types(events)).last().isEqualTo("run.succeeded");
            assertThat(answer(events).path("text").asText()).isEqualTo(joined(HARMLESS, List.of(), AFTER));
            assertThat(text(events)).isEqualTo(joined(HARMLESS, List.of(), AFTER));
            assertInPlace(events);
        }
        assertThat(journaled(streams.get(0))).isEqualTo(journaled(streams.get(1)));
        assertThat(metric(owner, "taskpilot_llm_first_token_seconds_count{model=\"gpt-4.1-mini\",provider=\"openai\"}"))
                .isEqualTo(2); // the planner said nothing beside its call
    }

    @Test
    void withABufferNoTextLeavesBeforeItsAnswer() throws Exception {
        seen.complete();
        var provider = provider(HARMLESS, FORBIDDEN);
        var redis = redis();

        var streams = followed(node("buffer", provider, redis), node("buffer", provider, redis), true);

        for (var events : streams) {
            assertThat(types(events)).doesNotContain("agent.delta").last().isEqualTo("run.blocked");
            assertThat(events.toString()).doesNotContain("board deck is", "AKIA", "EXAMPLE");
        }
    }

    @Test
    void withAWindowNothingOfWhatARailForbidsIsSeenAndNothingAfterIt() throws Exception {
        var rest = new ArrayList<>(FORBIDDEN);
        rest.addAll(AFTER);
        var provider = provider(HARMLESS, rest);
        var redis = redis();

        var streams = followed(node("window:64", provider, redis), node("window:64", provider, redis), true);

        for (var events : streams) {
            assertThat(types(events)).last().isEqualTo("run.blocked");
            assertThat(answer(events).path("kind").asText()).isEqualTo("withheld");
            assertThat(joined(HARMLESS, FORBIDDEN, AFTER)).startsWith(text(events));
            assertThat(text(events))
                    .hasSizeBetween(1, joined(HARMLESS, FORBIDDEN, AFTER).indexOf(SECRET));
            assertThat(events.toString()).doesNotContain("AKIA", "IOSFODNN7", "EXAMPLE", "some more of it");
            assertInPlace(events);
        }
    }

    @Test
    void inAnAuditTheTextIsSeenAndTheRunIsBlocked() throws Exception {
        var rest = new ArrayList<>(FORBIDDEN);
        rest.addAll(AFTER);
        var provider = provider(HARMLESS, rest);
        var redis = redis();

        var owner = node("audit", provider, redis);
        assertThat(owner.engines()).anyMatch(line -> line.startsWith("answers") && line.contains("not fail-closed"));

        var streams = followed(owner, node("audit", provider, redis), true);

        for (var events : streams) {
            assertThat(types(events)).last().isEqualTo("run.blocked");
            assertThat(text(events)).isEqualTo(joined(HARMLESS, FORBIDDEN, AFTER));
            assertThat(answer(events).path("kind").asText()).isEqualTo("withheld");
            assertThat(journaled(events).toString()).doesNotContain("AKIA", "board deck is");
        }
    }

    /** By PostgreSQL's signals, and while Redis hangs. */
    @ParameterizedTest
    @CsvSource({"false", "true"})
    void withoutARedisTextIsSeenOnTheNodeThatDrivesTheRunAlone(boolean hanging) throws Exception {
        var provider = provider(HARMLESS, AFTER);
        var redis = hanging ? redis() : null;
        var owner = node("audit", provider, redis);
        var other = node("audit", provider, redis);
        if (redis != null) {
            redis.hang();
        }
        try {
            var streams = followed(owner, other, false);

            assertThat(text(streams.get(0))).isEqualTo(joined(HARMLESS, List.of(), AFTER));
            assertThat(text(streams.get(1))).isEmpty();
            for (var events : streams) {
                assertThat(types(events)).last().isEqualTo("run.succeeded");
                assertInPlace(events);
            }
        } finally {
            if (redis != null) {
                redis.goOn();
            }
        }
    }

    /** The reader's node decides, too: what it must hold back it does not show for another. */
    @Test
    void aNodeThatBuffersShowsNoTextOfOneThatDoesNot() throws Exception {
        var provider = provider(HARMLESS, AFTER);
        var redis = redis();

        var streams = followed(node("audit", provider, redis), node("buffer", provider, redis), false);

        assertThat(text(streams.get(0))).isEqualTo(joined(HARMLESS, List.of(), AFTER));
        assertThat(types(streams.get(1))).doesNotContain("agent.delta").last().isEqualTo("run.succeeded");
    }
}
