package io.taskpilot.app;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.taskpilot.llm.WireProvider;
import io.taskpilot.llm.WireProvider.Call;
import io.taskpilot.telemetry.Scrape;
import io.vertx.core.Vertx;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.net.URI;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * However many names come in, from callers and from models, none of them makes a series. What else comes about
 * meanwhile may make some, such as a run that another loop takes over, but no family gets one for each name.
 */
class CardinalityTest {
    private static final int ANY = 1_000;
    private static final int RUNS = 50;
    private static final int CALLS = 20;
    /** Two thirds of them of the GenAI conventions, whose buckets are many and which name the models that answer. */
    private static final int MOST_SERIES = 4_500;

    private static final AtomicInteger names = new AtomicInteger();
    private static Vertx vertx;
    private static WireProvider provider;
    private static TestServer server;

    @BeforeAll
    static void start() throws Exception {
        vertx = Vertx.vertx();
        provider = WireProvider.start(
                vertx, (asked, response) -> inventive(asked.body()).play(asked, response));
        server = TestServer.start(Map.of(
                "TASKPILOT_LLM_BASE_URL", provider.baseUrl().toString(),
                "TASKPILOT_LIMITS_TOOL_CALLS", "100",
                "TASKPILOT_TELEMETRY_GENAI", "true"));
    }

    @AfterAll
    static void stop() throws Exception {
        server.close();
        provider.close();
        vertx.close().await(10, TimeUnit.SECONDS);
    }

    /** A model that plans and approves, then calls tools that it has made up, under a name of its own each time. */
    private static WireProvider.Script inventive(JsonObject body) {
        var tools = body.getJsonArray("tools", new JsonArray());
        if (tools.encode().contains("propose_task")) {
            var task = new JsonObject()
                    .put("title", "One " + names.incrementAndGet())
                    .put("priority", "low")
                    .put("description", "");
            return named("", new Call("propose_task", task.encode()));
        }
        return tools.isEmpty()
                ? named("APPROVE")
                : named(
                        "",
                        IntStream.range(0, CALLS)
                                .mapToObj(i -> new Call("tool_" + names.incrementAndGet(), "{}"))
                                .toArray(Call[]::new));
    }

    private static WireProvider.Script named(String text, Call... calls) {
        return WireProvider.servedBy("model-" + names.incrementAndGet(), text, calls);
    }

    @Test
    void thousandsOfIdsToolsModelsRoutesAndMethodsMakeNoSeries() throws Exception {
        scrape(); // which is a request too
        flood(ANY / 10, RUNS / 10);
        flood(ANY / 10, RUNS);
        var before = sizes();

        flood(ANY, RUNS);

        var after = sizes();
        after.forEach((family, size) ->
                assertThat(size - before.getOrDefault(family, 0L)).as(family).isLessThan(RUNS));
        assertThat(after.values().stream().mapToLong(Long::longValue).sum()).isLessThan(MOST_SERIES);
        var scrape = scrape();
        assertThat(scrape.sum("taskpilot_tool_calls_total", "tool", "other", "outcome", "denied"))
                .as("tools that nobody knows")
                .isGreaterThanOrEqualTo(RUNS * CALLS);
        assertThat(scrape.sum("vertx_http_server_requests_total", "method", "other", "route", "none"))
                .isGreaterThanOrEqualTo(ANY);
    }

    private static void flood(int requests, int runs) throws Exception {
        var user = server.user();
        for (var i = 0; i < requests; i++) {
            var name = names.incrementAndGet();
            user.send("M" + name, "/any/" + name, null);
            user.send("GET", "/v1/runs/run_" + new UUID(name, name), null);
            user.send("GET", "/v1/tasks/" + name + "?q=" + name, null, "User-Agent", "u" + name);
        }
        for (var i = 0; i < runs; i++) {
            JsonNode run = user.finish("Create a task number " + names.incrementAndGet());
            assertThat(run.path("status").asText()).isEqualTo("rejected");
        }
    }

    private static Scrape scrape() throws Exception {
        var answer = new ApiUser(URI.create(server.managementUrl())).send("GET", "/metrics", null);
        return Scrape.parse(answer.body());
    }

    /** Without the JVM, whose collector has causes of its own. */
    private static Map<String, Long> sizes() throws Exception {
        return scrape().sizes().entrySet().stream()
                .filter(size -> !size.getKey().startsWith("jvm_"))
                .collect(Collectors.toMap(Map.Entry::getKey, Map.Entry::getValue, (one, two) -> one, TreeMap::new));
    }
}
