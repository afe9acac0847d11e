package io.taskpilot.app;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.net.http.WebSocketHandshakeException;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * One of a {@link Crowd}: submits run after run over a WebSocket and follows them all on it. Closed with 1012, it comes
 * back, follows what it followed from where it was, and submits again, with the same key, what was not acknowledged.
 */
final class SocketClient {
    private static final int SERVICE_RESTART = 1012;
    private static final long BETWEEN_NANOS = Duration.ofMillis(400).toNanos();

    private final Crowd crowd;
    private final HttpClient http;
    private final URI url;
    private final Map<String, SeenRun> keyToRun = new LinkedHashMap<>();
    private final Map<String, String> keyToTitle = new LinkedHashMap<>();

    /** What came in on one connection; a number is the code it was closed with. */
    private BlockingQueue<JsonNode> frames = new LinkedBlockingQueue<>();

    private @Nullable WebSocket socket;

    SocketClient(Crowd crowd, HttpClient http, URI url) {
        this.crowd = crowd;
        this.http = http;
        this.url = url;
    }

    @Nullable
    Void call() {
        try {
            connect();
            var next = System.nanoTime();
            while (!crowd.isFinishing() || !keyToRun.isEmpty()) {
                if (!crowd.isFinishing() && System.nanoTime() - next >= 0) {
                    next += BETWEEN_NANOS;
                    submitNew();
                }
                var frame = frames.poll(50, TimeUnit.MILLISECONDS);
                if (frame != null) {
                    received(frame);
                }
            }
        } catch (CompletionException e) {
            var answer = e.getCause() instanceof WebSocketHandshakeException refused ? refused.getResponse() : "";
            crowd.complain("socket: " + e.getCause() + " " + answer);
        } catch (Exception e) {
            crowd.complain("socket: " + e);
        } finally {
            if (socket != null) {
                socket.abort();
            }
        }
        return null;
    }

    private void connect() {
        frames = new LinkedBlockingQueue<>();
        var target = URI.create(url.toString().replaceFirst("^http", "ws") + "/v1/ws");
        socket = http.newWebSocketBuilder()
                .buildAsync(target, new Frames(frames))
                .orTimeout(20, TimeUnit.SECONDS)
                .join();
    }

    private void received(JsonNode frame) throws Exception {
        if (frame.isInt() && frame.asInt() == SERVICE_RESTART) {
            crowd.socketReopened();
            connect();
            for (var key : keyToRun.keySet()) {
                comeBack(key);
            }
            return;
        }
        var key = frame.path("id").asText();
        var run = keyToRun.get(key);
        switch (frame.path("op").asText()) {
            case "ack" -> {
                if (run != null) {
                    run.named(frame.path("run_id").asText());
                }
            }
            case "event" -> {
                if (run == null) {
                    crowd.complain("socket: an event of a run that had ended: " + frame);
                } else {
                    run.event(frame.path("event"));
                    if (run.isEnded()) {
                        crowd.seen(run);
                        keyToRun.remove(key);
                    }
                }
            }
            case "reconnect" -> {} // the close comes next
            default -> throw new IllegalStateException("received " + frame);
        }
    }

    private void submitNew() throws Exception {
        var key = UUID.randomUUID().toString();
        keyToRun.put(key, new SeenRun());
        keyToTitle.put(key, crowd.title());
        submit(key);
    }

    private void comeBack(String key) throws Exception {
        var run = keyToRun.get(key);
        if (run == null || run.id().isEmpty()) {
            submit(key);
        } else {
            send(Map.of("op", "subscribe", "id", key, "run_id", run.id(), "after", run.lastSeq()));
        }
    }

    private void submit(String key) throws Exception {
        var input = "Create a low priority task \"%s\"".formatted(keyToTitle.get(key));
        send(Map.of("op", "submit", "id", key, "idempotency_key", key, "input", input));
    }

    /** What can't be sent is sent again after the close that is on its way. */
    private void send(Map<String, Object> frame) throws Exception {
        if (socket != null && !socket.isOutputClosed()) {
            var text = ApiUser.JSON.writeValueAsString(frame);
            socket.sendText(text, true).exceptionally(closed -> null).join();
        }
    }

    private record Frames(BlockingQueue<JsonNode> queue, StringBuilder text) implements WebSocket.Listener {
        Frames(BlockingQueue<JsonNode> queue) {
            this(queue, new StringBuilder());
        }

        @Override
        public @Nullable CompletionStage<?> onText(WebSocket from, CharSequence part, boolean whole) {
            text.append(part);
            if (whole) {
                queue.add(parse(text.toString()));
                text.setLength(0);
            }
            from.request(1);
            return null;
        }

        @Override
        public @Nullable CompletionStage<?> onClose(WebSocket from, int code, String reason) {
            queue.add(ApiUser.JSON.getNodeFactory().numberNode(code));
            return null;
        }

        @Override
        public void onError(WebSocket from, Throwable error) {
            queue.add(ApiUser.JSON.getNodeFactory().textNode(error.toString()));
        }

        private static JsonNode parse(String json) {
            try {
                return ApiUser.JSON.readTree(json);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }
}
