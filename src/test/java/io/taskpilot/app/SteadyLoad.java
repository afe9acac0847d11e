package io.taskpilot.app;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;

/** People who ask for one task after the other. */
final class SteadyLoad {
    private static final int USERS = 4;
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final Duration AGAIN = Duration.ofMillis(50);

    private final Queue<JsonNode> ended = new ConcurrentLinkedQueue<>();
    private final AtomicBoolean stopped = new AtomicBoolean();
    private final List<Future<?>> users = new ArrayList<>();

    SteadyLoad(ApiUser user) {
        var threads = Executors.newFixedThreadPool(USERS);
        for (var i = 0; i < USERS; i++) {
            users.add(threads.submit(() -> {
                while (!stopped.get()) {
                    var run = finish(user);
                    ended.add(run);
                    if (!run.path("status").asText().equals("succeeded")) {
                        LockSupport.parkNanos(AGAIN.toNanos()); // runs that fail at once would keep the machine busy
                    }
                }
                return null;
            }));
        }
        threads.shutdown();
    }

    /**
     * The run when it has ended, and no tool of it had started without an allow; the problem, where there was none to
     * see. With a wait in the request a run's failure would be the answer, and not the run.
     */
    static JsonNode finish(ApiUser user) throws Exception {
        var body = ApiUser.JSON.writeValueAsString(Map.of("input", Outage.input()));
        var answer = user.send("POST", "/v1/runs", body);
        var accepted = ApiUser.JSON.readTree(answer.body());
        if (!accepted.has("id")) {
            return accepted;
        }
        var id = accepted.path("id").asText();
        Outage.startedOnlyWhatWasAllowed(user.events(id));
        return user.get("/v1/runs/" + id);
    }

    /** Until so many more runs have ended. */
    void await(int more) throws Exception {
        var target = ended.size() + more;
        Outage.until(PATIENCE, () -> ended.size() >= target);
    }

    void awaitFailure() throws Exception {
        Outage.until(
                PATIENCE,
                () -> ended.stream().anyMatch(run -> run.path("status").asText().equals("failed")));
        await(3 * USERS);
    }

    /** Every run, as it ended; fails when one of the people could not go on. */
    List<JsonNode> stop() throws Exception {
        stopped.set(true);
        for (var each : users) {
            each.get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
        }
        return List.copyOf(ended);
    }
}
