package io.taskpilot.app;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.JsonNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.jspecify.annotations.Nullable;

/** A server on a real socket that plays one run from a script. */
final class FakeServer implements AutoCloseable {
    /** What a client sent. */
    record Seen(String method, String path, Map<String, String> headers, String body) {}

    private record Answer(int status, String body, @Nullable String type) {}

    final List<Seen> seen = new CopyOnWriteArrayList<>();
    private final Map<String, Answer> answers = new ConcurrentHashMap<>();
    private final Set<String> once = ConcurrentHashMap.newKeySet();
    private final Deque<Integer> cuts = new ArrayDeque<>();
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final HttpServer server;
    private final List<JsonNode> events;
    private volatile boolean saysReconnect;

    FakeServer(List<JsonNode> events) {
        this.events = List.copyOf(events);
        try {
            server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        server.createContext("/", this::handle);
        server.setExecutor(threads);
        server.start();
    }

    URI url() {
        return URI.create("http://127.0.0.1:" + server.getAddress().getPort());
    }

    /** In whatever form is asked for. */
    FakeServer answering(String path, int status, String body) {
        answers.put(path, new Answer(status, body, null));
        return this;
    }

    FakeServer answering(String path, int status, String body, String type) {
        answers.put(path, new Answer(status, body, type));
        return this;
    }

    FakeServer answeringOnce(String path, int status, String body, String type) {
        once.add(path);
        return answering(path, status, body, type);
    }

    /** Connections end after that many events each; those after the last named one are whole. */
    FakeServer cuttingAfter(Integer... counts) {
        cuts.addAll(List.of(counts));
        return this;
    }

    /** A cut is announced, as by a server that drains. */
    FakeServer sayingReconnect() {
        saysReconnect = true;
        return this;
    }

    private void handle(HttpExchange exchange) throws IOException {
        var path = exchange.getRequestURI().getPath();
        var headers = new ConcurrentHashMap<String, String>();
        exchange.getRequestHeaders().forEach((name, values) -> headers.put(name, values.get(0)));
        var body = new String(exchange.getRequestBody().readAllBytes(), UTF_8);
        seen.add(new Seen(exchange.getRequestMethod(), exchange.getRequestURI().toString(), headers, body));
        var answer = once.remove(path) ? answers.remove(path) : answers.get(path);
        if (answer != null) {
            var asked = headers.getOrDefault("Accept", "application/json");
            exchange.getResponseHeaders().add("Content-Type", answer.type() == null ? asked : answer.type());
            send(exchange, answer);
        } else if (path.equals("/v1/runs") || path.endsWith("/events")) {
            stream(exchange, Integer.parseInt(headers.getOrDefault("Last-event-id", "0")));
        } else if (path.equals("/health/live")) {
            send(exchange, new Answer(200, "{}", null));
        } else {
            send(
                    exchange,
                    new Answer(404, "{\"type\": \"/problems/caller-not-found\", \"detail\": \"no such thing\"}", null));
        }
    }

    private static void send(HttpExchange exchange, Answer answer) throws IOException {
        var bytes = answer.body().getBytes(UTF_8);
        exchange.sendResponseHeaders(answer.status(), bytes.length == 0 ? -1 : bytes.length);
        exchange.getResponseBody().write(bytes);
        exchange.close();
    }

    private void stream(HttpExchange exchange, int after) throws IOException {
        Integer cut;
        synchronized (cuts) {
            cut = cuts.poll();
        }
        exchange.getResponseHeaders().add("Content-Type", "text/event-stream");
        exchange.sendResponseHeaders(200, 0);
        var out = exchange.getResponseBody();
        out.write("retry: 2000\n\n: keep-alive\n\n".getBytes(UTF_8));
        var left = events.subList(after, events.size());
        for (var event : cut == null ? left : left.subList(0, Math.min(cut, left.size()))) {
            out.write("id: %s\nevent: %s\ndata: %s\n\n"
                    .formatted(event.path("seq"), event.path("type").asText(), event)
                    .getBytes(UTF_8));
        }
        if (cut != null && saysReconnect) {
            out.write("event: reconnect\ndata: {}\n\n".getBytes(UTF_8));
        } else if (cut != null) {
            out.write("id: 99\ndata: {\"half".getBytes(UTF_8));
        }
        out.flush();
        exchange.close();
    }

    @Override
    public void close() {
        server.stop(0);
        threads.shutdownNow();
    }
}
