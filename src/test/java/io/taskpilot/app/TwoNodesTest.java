package io.taskpilot.app;

import static io.taskpilot.app.ApiUser.types;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.taskpilot.LongRunning;
import io.taskpilot.journal.TestPostgres;
import io.taskpilot.redis.TestRedis;
import java.net.URI;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Two servers on one database: what one does, the other shows, and takes orders for. */
@LongRunning
class TwoNodesTest {
    private static final long PATIENCE_SECONDS = 60;
    private static final int RUNS = 6;

    /** What wakes the other node. */
    enum By {
        NOTIFY,
        REDIS,
        POLL_ALONE
    }

    private final List<AutoCloseable> open = new ArrayList<>();
    private @Nullable TestRedis redis;
    private String database;

    @BeforeEach
    void prepare() {
        database = TestPostgres.database().url().value();
    }

    @AfterEach
    void closeAll() throws Exception {
        for (var i = open.size() - 1; i >= 0; i--) {
            open.get(i).close();
        }
    }

    private TestServer node(By by, String latency) throws Exception {
        var settings =
                new HashMap<>(Map.of("TASKPILOT_POSTGRES_URL", database, "TASKPILOT_LLM_OFFLINE_LATENCY", latency));
        if (by == By.REDIS) {
            settings.put("TASKPILOT_REDIS_URL", redis().url().value());
        } else if (by == By.POLL_ALONE) {
            settings.put("TASKPILOT_REDIS_URL", "redis://127.0.0.1:1"); // nobody is there
        }
        var node = TestServer.start(settings);
        open.add(node);
        return node;
    }

    private TestRedis redis() {
        var running = redis;
        if (running == null) {
            running = new TestRedis("secret");
            redis = running;
            open.add(running);
        }
        return running;
    }

    private static List<Long> seqs(List<JsonNode> events) {
        return events.stream().map(event -> event.path("seq").asLong()).toList();
    }

    private static void assertWhole(List<JsonNode> events, String last) {
        assertThat(seqs(events))
                .containsExactlyElementsOf(
                        LongStream.rangeClosed(1, events.size()).boxed().toList());
        assertThat(types(events)).last().isEqualTo(last);
    }

    private static CompletableFuture<List<JsonNode>> following(ApiUser user, String runId) {
        return CompletableFuture.supplyAsync(() -> {
            try {
                return user.events(runId);
            } catch (Exception e) {
                throw new AssertionError(e);
            }
        });
    }

    /** Submits to the first and follows on the second, and has something done once all are under way. */
    private static void streamAcross(TestServer first, TestServer second, Runnable meanwhile) throws Exception {
        var streams = new ArrayList<CompletableFuture<List<JsonNode>>>();
        for (var i = 0; i < RUNS; i++) {
            var runId = first.user().submit("Create a high priority task to prepare the board deck");
            streams.add(following(second.user(), runId));
        }
        meanwhile.run();
        for (var stream : streams) {
            assertWhole(stream.get(PATIENCE_SECONDS, TimeUnit.SECONDS), "run.succeeded");
        }
    }

    @ParameterizedTest
    @EnumSource
    void aStreamOfARunThatAnotherNodeDrivesIsWholeAndInOrder(By by) throws Exception {
        streamAcross(node(by, "300ms"), node(by, "300ms"), () -> {});
    }

    @ParameterizedTest
    @EnumSource
    void aCancelReachesTheOwnerFromTheOtherNode(By by) throws Exception {
        var owner = node(by, "60s");
        var other = node(by, "60s");
        var runId = owner.user().submit("Create a high priority task to prepare the board deck");
        other.user().follow(runId, 0, event -> event.path("type").asText().equals("agent.started"));

        var answer = other.user().send("POST", "/v1/runs/" + runId + "/cancel", null);

        assertThat(answer.statusCode()).isEqualTo(202);
        var stream = following(other.user(), runId).get(PATIENCE_SECONDS / 2, TimeUnit.SECONDS);
        assertWhole(stream, "run.cancelled");
    }

    @ParameterizedTest
    @EnumSource
    void anApprovalIsAnsweredOnTheOtherNode(By by) throws Exception {
        var asked = node(by, "0s");
        var other = node(by, "0s");
        var run = asked.user().finish("Create a high priority task \"Handle the sensitive audit\"");
        assertThat(run.path("status").asText()).isEqualTo("awaiting_approval");

        var path = "/v1/approvals/" + run.path("approval_id").asText() + "/answer";
        var answer = other.user().send("POST", path, "{\"answer\": \"approve\", \"reason\": \"a test\"}");

        assertThat(answer.statusCode()).isEqualTo(200);
        for (var node : List.of(asked, other)) {
            assertWhole(node.user().events(run.path("id").asText()), "run.succeeded");
        }
    }

    @Test
    void runsGoOnWhileRedisIsKilledFlushedHungAndStarted() throws Exception {
        var first = node(By.REDIS, "500ms");
        var second = node(By.REDIS, "500ms");
        var store = redis();
        awaitHealth(first, "healthy", 1);

        streamAcross(first, second, store::flush);
        streamAcross(first, second, store::kill);
        awaitHealth(first, "degraded", 0);
        awaitHealth(second, "degraded", 0);
        streamAcross(first, second, () -> {});
        store.startAgain();
        awaitHealth(first, "healthy", 1);
        try {
            streamAcross(second, first, store::hang);
            awaitHealth(second, "degraded", 0);
        } finally {
            store.goOn();
        }
        awaitHealth(second, "healthy", 1);
    }

    @Test
    void aServerStartsAlthoughRedisRefusesThePassword() throws Exception {
        var wrong = redis().url("wrong").value();
        var node = TestServer.start(Map.of("TASKPILOT_POSTGRES_URL", database, "TASKPILOT_REDIS_URL", wrong));
        open.add(node);

        streamAcross(node, node, () -> {});
        awaitHealth(node, "degraded", 0);
    }

    private static void awaitHealth(TestServer node, String status, int up) throws Exception {
        var management = new ApiUser(URI.create(node.managementUrl()));
        var metric = "taskpilot_dependency_up{dependency=\"redis\"} %d.0".formatted(up);
        var end = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
        var seen = "";
        while (System.nanoTime() < end) {
            var health = management.send("GET", "/health", null);
            seen = health.statusCode() + " " + health.body();
            if (seen.startsWith("200 {\"status\":\"" + status)
                    && management.send("GET", "/metrics", null).body().contains(metric)) {
                return;
            }
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(50));
        }
        throw new AssertionError("not %s with %s: %s".formatted(status, metric, seen));
    }
}
