package io.taskpilot.chaos;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Follows one run to its end, from node to node: by SSE, by WebSocket or by asking again and again. */
final class Watcher {
    private static final int SILENCE_MILLIS = 7_000;
    private static final long BACK_OFF_MILLIS = 150;
    private static final long POLL_MILLIS = 700;
    private static final HttpClient SOCKETS =
            HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(2)).build();

    /** How to look. */
    enum Way {
        SSE,
        SOCKET,
        POLL
    }

    private final Cluster cluster;
    private final String runId;
    private final Way way;
    private final Sighting sighting;
    private final Consumer<JsonNode> listener;
    private final BooleanSupplier given;

    /**
     * @param listener told of each event once
     * @param given true once nobody waits for the end any more
     */
    Watcher(Cluster cluster, String runId, Way way, Consumer<JsonNode> listener, BooleanSupplier given) {
        this.cluster = cluster;
        this.runId = runId;
        this.way = way;
        this.sighting = new Sighting(way.name());
        this.listener = listener;
        this.given = given;
    }

    Sighting sighting() {
        return sighting;
    }

    /** Blocks until the run has ended as seen from here, or it was given up. */
    void watch() throws InterruptedException {
        while (!sighting.ended() && !given.getAsBoolean()) {
            try {
                switch (way) {
                    case SSE -> stream();
                    case SOCKET -> socket();
                    case POLL -> poll();
                }
            } catch (IOException cut) {
                sighting.reconnected();
            }
            if (!sighting.ended()) {
                TimeUnit.MILLISECONDS.sleep(way == Way.POLL ? POLL_MILLIS : BACK_OFF_MILLIS);
            }
        }
    }

    private void saw(JsonNode event) {
        sighting.saw(event);
        listener.accept(event);
    }

    private void stream() throws IOException {
        var connection = Http.open(
                cluster.somewhere("/v1/runs/" + runId + "/events"),
                "GET",
                SILENCE_MILLIS,
                Map.of("Accept", "text/event-stream", "Last-Event-ID", String.valueOf(sighting.last())));
        try {
            if (!isFound(connection.getResponseCode())) {
                return;
            }
            try (var lines =
                    new BufferedReader(new InputStreamReader(connection.getInputStream(), StandardCharsets.UTF_8))) {
                for (var line = lines.readLine(); line != null && !sighting.ended(); line = lines.readLine()) {
                    if (line.startsWith("data:") && line.contains("\"seq\"")) {
                        saw(Http.JSON.readTree(line.substring(5)));
                    }
                }
            }
        } finally {
            connection.disconnect();
        }
    }

    private boolean isFound(int status) {
        if (status != 200 && status != 503 && status != 429) {
            sighting.wrong("status %d for seq %d of run %s".formatted(status, sighting.last(), runId));
        }
        return status == 200;
    }

    private void poll() throws IOException {
        var answer =
                Http.get(cluster.somewhere("/v1/runs/%s/events?limit=200&after=%d".formatted(runId, sighting.last())));
        if (isFound(answer.status())) {
            answer.json().path("items").forEach(this::saw);
        }
    }

    private void socket() throws IOException, InterruptedException {
        var frames = new LinkedBlockingQueue<JsonNode>();
        var socket = connect(frames);
        try {
            socket.sendText(
                            "{\"op\": \"subscribe\", \"id\": \"w\", \"run_id\": \"%s\", \"after\": %d}"
                                    .formatted(runId, sighting.last()),
                            true)
                    .orTimeout(2, TimeUnit.SECONDS)
                    .join();
            while (!sighting.ended()) {
                var frame = frames.poll(SILENCE_MILLIS, TimeUnit.MILLISECONDS);
                if (frame == null || !take(frame)) {
                    return;
                }
            }
        } catch (RuntimeException cut) {
            throw new IOException(cut);
        } finally {
            socket.abort();
        }
    }

    /** False when this socket has nothing more to say. */
    private boolean take(JsonNode frame) {
        if (frame.path("op").asText().equals("event")) {
            saw(frame.path("event"));
            return true;
        }
        if (frame.path("op").asText().equals("error")) {
            isFound(frame.path("problem").path("status").asInt());
        }
        return frame.path("op").asText().equals("ack") && !frame.path("ended").asBoolean();
    }

    private WebSocket connect(LinkedBlockingQueue<JsonNode> frames) throws IOException {
        var target = cluster.somewhere("/v1/ws").toString().replaceFirst("^http", "ws");
        var connected = SOCKETS.newWebSocketBuilder()
                .connectTimeout(Duration.ofSeconds(3))
                .buildAsync(URI.create(target), new Frames(frames));
        try {
            return connected.orTimeout(4, TimeUnit.SECONDS).join();
        } catch (RuntimeException refused) {
            throw new IOException(refused);
        }
    }

    /** Puts whole frames into a queue, and a closing one when the connection ends. */
    private static final class Frames implements WebSocket.Listener {
        private final LinkedBlockingQueue<JsonNode> queue;
        private final StringBuilder text = new StringBuilder();

        private Frames(LinkedBlockingQueue<JsonNode> queue) {
            this.queue = queue;
        }

        @Override
        public @Nullable CompletionStage<?> onText(WebSocket socket, CharSequence part, boolean whole) {
            text.append(part);
            if (whole) {
                put(text.toString());
                text.setLength(0);
            }
            socket.request(1);
            return null;
        }

        private void put(String json) {
            try {
                queue.add(Http.JSON.readTree(json));
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        @Override
        public @Nullable CompletionStage<?> onClose(WebSocket socket, int status, String reason) {
            put("{\"op\": \"closed\"}");
            return null;
        }

        @Override
        public void onError(WebSocket socket, Throwable error) {
            put("{\"op\": \"closed\"}");
        }
    }
}
