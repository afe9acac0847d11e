package io.taskpilot.chaos;

import com.fasterxml.jackson.databind.JsonNode;
import io.taskpilot.chaos.Watcher.Way;
import java.io.IOException;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** People who submit runs, watch them in two ways at once, answer approvals and change their minds. */
final class Load implements AutoCloseable {
    private static final List<Way> WAYS = List.of(Way.values());
    private static final long BACK_OFF_MILLIS = 150;
    private static final List<String> REQUESTS = List.of(
            "Create a low priority task \"Chaos %d\"",
            "Create a low priority task \"Chaos %d\" and notify once about it",
            "Create a low priority task \"Chaos %d\" and notify once about it",
            "Create a medium priority task \"Chaos %d\" and notify repeatable about it",
            "Create a high priority task \"sensitive Chaos %d\"",
            "Maybe create a low priority task \"Chaos %d\"",
            "Create a low priority task \"illegal Chaos %d\"");

    private final Cluster cluster;
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final Map<String, List<Sighting>> runToSightings = new ConcurrentHashMap<>();
    private final List<String> violations = new CopyOnWriteArrayList<>();
    private final List<Future<?>> people = new ArrayList<>();
    private final AtomicInteger count = new AtomicInteger();
    private volatile boolean submitting = true;
    private volatile boolean givenUp;

    Load(Cluster cluster) {
        this.cluster = cluster;
    }

    void begin(int concurrency) {
        for (var i = 0; i < concurrency; i++) {
            people.add(threads.submit(() -> {
                while (submitting) {
                    var run = submit(request());
                    if (ThreadLocalRandom.current().nextInt(12) == 0) {
                        threads.submit(() -> insist("/v1/runs/" + run + "/cancel", "{}"));
                    }
                    follow(run);
                }
                return null;
            }));
        }
    }

    private String request() {
        var number = count.incrementAndGet();
        return REQUESTS.get(number % REQUESTS.size()).formatted(number);
    }

    /** Submits until some node accepts; the run's id. */
    String submit(String input) throws Exception {
        return submit(null, input);
    }

    /** @param node the one to ask; null for any, another on each try */
    String submit(@Nullable Node node, String input) throws Exception {
        var key = UUID.randomUUID().toString();
        var body = Http.JSON.writeValueAsString(Map.of("input", input));
        while (!givenUp) {
            try {
                var answer = Http.post(runs(node), body, Map.of("Idempotency-Key", key));
                if (answer.status() / 100 == 2) {
                    return answer.json().path("id").asText();
                }
                if (answer.status() != 503) {
                    violations.add("a submission was answered %d: %s".formatted(answer.status(), answer.body()));
                }
            } catch (IOException cut) {
                backOff(); // nobody knows whether it was accepted: the key tells on the next try
                continue;
            }
            backOff();
        }
        throw new IllegalStateException("not accepted before the end");
    }

    private URI runs(@Nullable Node node) throws IOException {
        var url = node == null ? null : node.url();
        return url == null ? cluster.somewhere("/v1/runs") : url.resolve("/v1/runs");
    }

    private static void backOff() throws InterruptedException {
        TimeUnit.MILLISECONDS.sleep(BACK_OFF_MILLIS);
    }

    /** Watches from two places until the run has ended; answers what it asks. */
    private void follow(String runId) throws InterruptedException {
        var random = ThreadLocalRandom.current();
        var first = new Watcher(cluster, runId, Way.SSE, event -> react(runId, event), () -> givenUp);
        var second = new Watcher(cluster, runId, WAYS.get(random.nextInt(WAYS.size())), event -> {}, () -> givenUp);
        runToSightings.put(runId, List.of(first.sighting(), second.sighting()));
        people(second);
        first.watch();
    }

    /** Watches without waiting; nobody cancels this run unasked: what is to be seen of it must come to be. */
    void followAside(String runId) {
        synchronized (people) {
            people.add(threads.submit(() -> {
                follow(runId);
                return null;
            }));
        }
    }

    private void people(Watcher watcher) {
        synchronized (people) {
            people.add(threads.submit(() -> {
                watcher.watch();
                return null;
            }));
        }
    }

    private void react(String runId, JsonNode event) {
        if (!event.path("type").asText().equals("approval.requested")) {
            return;
        }
        var random = ThreadLocalRandom.current();
        var approval = event.path("data").path("approval_id").asText();
        var answer = event.path("data").path("kind").asText().equals("unknown_outcome")
                ? "{\"answer\": \"mark_done\", \"reason\": \"seen\", \"result\": {\"status\": 200}}"
                : "{\"answer\": \"%s\", \"reason\": \"chaos\"}"
                        .formatted(random.nextInt(5) == 0 ? "reject" : "approve");
        for (var times = random.nextInt(4) == 0 ? 2 : 1; times > 0; times--) {
            threads.submit(() -> insist("/v1/approvals/" + approval + "/answer", answer));
        }
        if (random.nextInt(6) == 0) {
            threads.submit(() -> insist("/v1/runs/" + runId + "/cancel", "{}"));
        }
    }

    /** Posts on one node after another until one gives a definite answer. */
    private Void insist(String path, String body) throws InterruptedException {
        while (!givenUp) {
            try {
                var answer = Http.post(cluster.somewhere(path), body, Map.of());
                var known = answer.status() / 100 == 2 || answer.status() == 409 || answer.status() == 410;
                if (!known && answer.status() != 503) {
                    violations.add("%s was answered %d: %s".formatted(path, answer.status(), answer.body()));
                }
                if (answer.status() < 500) {
                    break;
                }
            } catch (IOException cut) {
                // what became of it is unknown; a second answer is told of the first
            }
            backOff();
        }
        return null;
    }

    /** Submits no more; false when not every run was seen to end in time. */
    boolean finish(long patienceSeconds) throws Exception {
        submitting = false;
        var deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(patienceSeconds);
        var all = true;
        for (var i = 0; i < size(); i++) {
            all &= ended(i, Math.max(1, deadline - System.nanoTime()));
        }
        givenUp = true;
        return all;
    }

    private int size() {
        synchronized (people) {
            return people.size();
        }
    }

    private boolean ended(int index, long nanos) throws Exception {
        Future<?> one;
        synchronized (people) {
            one = people.get(index);
        }
        try {
            one.get(nanos, TimeUnit.NANOSECONDS);
            return true;
        } catch (TimeoutException late) {
            return false;
        }
    }

    /** What was seen of each run that was accepted. */
    Map<String, List<Sighting>> sightings() {
        return Map.copyOf(runToSightings);
    }

    List<String> violations() {
        return List.copyOf(violations);
    }

    @Override
    public void close() {
        givenUp = true;
        threads.shutdownNow();
    }
}
