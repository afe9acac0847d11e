package io.taskpilot.app;

import com.fasterxml.jackson.databind.JsonNode;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;

/**
 * Clients that keep a service busy until told to finish, each in its own way: they stream, poll, wait, or hold a
 * WebSocket. They come back when they are asked to, and take everything else amiss.
 */
final class Crowd implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final Duration POLL = Duration.ofMillis(100);

    private final HttpClient http =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private final URI url;
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final List<Future<?>> clients = new ArrayList<>();
    private final Queue<SeenRun> runs = new ConcurrentLinkedQueue<>();
    private final Queue<String> complaints = new ConcurrentLinkedQueue<>();
    private final AtomicInteger count = new AtomicInteger();
    private final AtomicInteger streamsResumed = new AtomicInteger();
    private final AtomicInteger socketsReopened = new AtomicInteger();
    private volatile boolean finishing;

    Crowd(URI url) {
        this.url = url;
    }

    /** @param each clients of each kind */
    void come(int each) {
        for (var i = 0; i < each; i++) {
            repeat("stream", this::stream);
            repeat("poll", this::poll);
            repeat("wait", this::await);
            clients.add(threads.submit(() -> new SocketClient(this, http, url).call()));
        }
    }

    private void repeat(String kind, Callable<SeenRun> client) {
        clients.add(threads.submit(() -> {
            while (!finishing) {
                try {
                    runs.add(client.call());
                } catch (Exception e) {
                    complain(kind + ": " + e);
                }
            }
        }));
    }

    /** Ends once every client has seen the end of what it has begun. */
    void finish() throws Exception {
        finishing = true;
        for (var client : clients) {
            client.get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
        }
    }

    boolean isFinishing() {
        return finishing;
    }

    void complain(String what) {
        complaints.add(what);
    }

    Collection<String> complaints() {
        return complaints;
    }

    void seen(SeenRun run) {
        runs.add(run);
    }

    /** Runs whose end was seen. */
    Collection<SeenRun> runs() {
        return runs;
    }

    int streamsResumed() {
        return streamsResumed.get();
    }

    void socketReopened() {
        socketsReopened.incrementAndGet();
    }

    int socketsReopened() {
        return socketsReopened.get();
    }

    /** Somebody's stream and somebody's socket had to go on elsewhere. */
    boolean wasMoved() {
        return streamsResumed() > 0 && socketsReopened() > 0;
    }

    /** Of a task, so that each run asks for another. */
    String title() {
        return "Task " + count.incrementAndGet();
    }

    private SeenRun stream() throws Exception {
        var run = new SeenRun();
        read(run, send(post("Accept", "text/event-stream"), BodyHandlers.ofLines(), 200));
        while (!run.isEnded()) {
            streamsResumed.incrementAndGet();
            var resumed = HttpRequest.newBuilder(url.resolve("/v1/runs/" + run.id() + "/events"))
                    .header("Accept", "text/event-stream")
                    .header("Last-Event-ID", String.valueOf(run.lastSeq()))
                    .build();
            read(run, send(resumed, BodyHandlers.ofLines(), 200));
        }
        return run;
    }

    private void read(SeenRun run, HttpResponse<Stream<String>> answer) throws Exception {
        var path = answer.headers().firstValue("location");
        if (path.isPresent()) {
            run.named(path.get().substring(path.get().lastIndexOf('/') + 1));
        }
        var toldToLeave = false;
        try (var lines = answer.body()) {
            for (var line : (Iterable<String>) lines::iterator) {
                toldToLeave |= line.equals("event: reconnect");
                if (line.startsWith("data:") && !toldToLeave) {
                    run.event(ApiUser.JSON.readTree(line.substring(5)));
                }
            }
        }
        if (!run.isEnded() && !toldToLeave) {
            complain("stream: %s broke off after event %d".formatted(run.id(), run.lastSeq()));
        }
    }

    private SeenRun poll() throws Exception {
        var run = new SeenRun();
        follow(run, json(send(post(), BodyHandlers.ofString(), 202)));
        return run;
    }

    private SeenRun await() throws Exception {
        var run = new SeenRun();
        follow(run, json(send(post("Prefer", "wait=20"), BodyHandlers.ofString(), 200, 202)));
        return run;
    }

    private void follow(SeenRun run, JsonNode now) throws Exception {
        run.named(now.path("id").asText());
        while (now.path("finished_at").isMissingNode()
                || now.path("finished_at").isNull()) {
            TimeUnit.MILLISECONDS.sleep(POLL.toMillis());
            var again =
                    HttpRequest.newBuilder(url.resolve("/v1/runs/" + run.id())).build();
            now = json(send(again, BodyHandlers.ofString(), 200));
        }
        run.ended("run." + now.path("status").asText());
    }

    private HttpRequest post(String... headers) throws Exception {
        var input = "Create a low priority task \"%s\"".formatted(title());
        var request = HttpRequest.newBuilder(url.resolve("/v1/runs"))
                .header("Content-Type", "application/json")
                .timeout(PATIENCE)
                .POST(BodyPublishers.ofString(ApiUser.JSON.writeValueAsString(Map.of("input", input))));
        return (headers.length == 0 ? request : request.headers(headers)).build();
    }

    private <T> HttpResponse<T> send(HttpRequest request, HttpResponse.BodyHandler<T> handler, Integer... expected)
            throws Exception {
        var answer = http.send(request, handler);
        if (!List.of(expected).contains(answer.statusCode())) {
            Object said = answer.body() instanceof Stream<?> lines ? lines.toList() : answer.body();
            throw new IllegalStateException(
                    "%s %s: %d %s".formatted(request.method(), request.uri().getPath(), answer.statusCode(), said));
        }
        return answer;
    }

    private static JsonNode json(HttpResponse<String> answer) throws Exception {
        return ApiUser.JSON.readTree(answer.body());
    }

    @Override
    public void close() {
        finishing = true;
        threads.shutdownNow();
    }
}
