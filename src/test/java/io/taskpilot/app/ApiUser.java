package io.taskpilot.app;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.WebSocket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** Somebody with an HTTP client: what tests know of a server, they know through it. */
final class ApiUser {
    static final ObjectMapper JSON = new ObjectMapper();

    private final HttpClient http =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private final URI url;

    ApiUser(URI url) {
        this.url = url;
    }

    HttpResponse<String> send(String method, String path, @Nullable String body, String... headers) throws Exception {
        var request = HttpRequest.newBuilder(url.resolve(path))
                .header("Content-Type", "application/json")
                .timeout(Duration.ofMinutes(1))
                .method(method, body == null ? BodyPublishers.noBody() : BodyPublishers.ofString(body));
        for (var i = 0; i < headers.length; i += 2) {
            request.header(headers[i], headers[i + 1]);
        }
        return http.send(request.build(), BodyHandlers.ofString());
    }

    JsonNode get(String path) throws Exception {
        return JSON.readTree(send("GET", path, null).body());
    }

    /** The run as it is accepted. */
    String submit(String input) throws Exception {
        var answer = send("POST", "/v1/runs", JSON.writeValueAsString(Map.of("input", input)));
        if (answer.statusCode() != 202) {
            throw new IllegalStateException(answer.statusCode() + " " + answer.body());
        }
        return JSON.readTree(answer.body()).path("id").asText();
    }

    /** The run when it has ended, or waits for a person. */
    JsonNode finish(String input) throws Exception {
        return finish(Map.of("input", input));
    }

    JsonNode finish(Map<String, Object> request) throws Exception {
        var answer = send("POST", "/v1/runs", JSON.writeValueAsString(request), "Prefer", "wait=50");
        return JSON.readTree(answer.body());
    }

    /**
     * Reads events after {@code after} until one satisfies {@code last} (that one included), the stream ends, or the
     * connection breaks.
     */
    List<JsonNode> follow(String runId, long after, Predicate<JsonNode> last) throws Exception {
        var request = HttpRequest.newBuilder(url.resolve("/v1/runs/" + runId + "/events"))
                .header("Accept", "text/event-stream")
                .header("Last-Event-ID", String.valueOf(after))
                .build();
        var events = new ArrayList<JsonNode>();
        var answer = http.send(request, BodyHandlers.ofLines());
        try (var lines = answer.body()) {
            var iterator = lines.iterator();
            while (iterator.hasNext()) {
                var line = iterator.next();
                if (line.startsWith("data:")) {
                    events.add(JSON.readTree(line.substring(5)));
                    if (last.test(events.get(events.size() - 1))) {
                        break;
                    }
                }
            }
        } catch (UncheckedIOException broken) {
            return events; // the server was killed: what came before counts
        }
        return events;
    }

    /** Sends one frame on a WebSocket, and gathers what comes back until a frame satisfies {@code last}. */
    List<JsonNode> socket(String frame, Predicate<JsonNode> last) {
        var frames = new ArrayList<JsonNode>();
        var done = new CompletableFuture<List<JsonNode>>();
        var listener = new WebSocket.Listener() {
            private final StringBuilder text = new StringBuilder();

            @Override
            public @Nullable CompletionStage<?> onText(WebSocket socket, CharSequence part, boolean whole) {
                text.append(part);
                if (whole) {
                    frames.add(read(text.toString()));
                    text.setLength(0);
                    if (last.test(frames.get(frames.size() - 1))) {
                        done.complete(frames);
                    }
                }
                socket.request(1);
                return null;
            }

            @Override
            public void onError(WebSocket socket, Throwable error) {
                done.completeExceptionally(error);
            }
        };
        var target = URI.create(url.toString().replaceFirst("^http", "ws") + "/v1/ws");
        var socket = http.newWebSocketBuilder().buildAsync(target, listener).join();
        socket.sendText(frame, true).join();
        var received = done.orTimeout(30, TimeUnit.SECONDS).join();
        socket.abort();
        return received;
    }

    private static JsonNode read(String json) {
        try {
            return JSON.readTree(json);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Every event of a run, once it has ended. */
    List<JsonNode> events(String runId) throws Exception {
        return follow(runId, 0, ApiUser::isTerminal);
    }

    static boolean isTerminal(JsonNode event) {
        return event.path("type").asText().matches("run\\.(succeeded|rejected|blocked|failed|timed_out|cancelled)");
    }

    static List<String> types(List<JsonNode> events) {
        return events.stream().map(event -> event.path("type").asText()).toList();
    }
}
