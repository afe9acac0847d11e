package io.taskpilot.gateway;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpHeaders;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A caller, on the JDK's client: nothing it sends or reads passes through code of ours. Every answer must be one that the
 * contract has.
 */
final class Client {
    static final ObjectMapper JSON = new ObjectMapper();

    private final HttpClient http =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private final String url;
    private final @Nullable String key;

    Client(String url, @Nullable String key) {
        this.url = url;
        this.key = key;
    }

    Client(String url) {
        this(url, null);
    }

    /** One event of a stream. */
    record Event(String id, String name, JsonNode data) {}

    record Answer(int status, HttpHeaders headers, String body) {
        String header(String name) {
            return headers.firstValue(name).orElse("");
        }

        JsonNode json() throws IOException {
            return JSON.readTree(body);
        }

        String slug() throws IOException {
            return json().path("type").asText().replace("/problems/", "");
        }
    }

    HttpRequest.Builder request(String path, String... headers) {
        var request = HttpRequest.newBuilder(URI.create(url + path)).timeout(Duration.ofSeconds(60));
        for (var i = 0; i < headers.length; i += 2) {
            request.header(headers[i], headers[i + 1]);
        }
        return key == null ? request : request.header("Authorization", "Bearer " + key);
    }

    Answer send(HttpRequest.Builder request) throws Exception {
        var built = request.build();
        var response = http.send(built, BodyHandlers.ofString());
        var answer = new Answer(response.statusCode(), response.headers(), response.body());
        Contract.check(built.method(), built.uri().getRawPath(), answer);
        return answer;
    }

    /** Sends a request byte by byte as it is; it must ask for the connection to be closed. */
    Answer raw(String request) throws Exception {
        var uri = URI.create(url);
        try (var socket = new java.net.Socket(uri.getHost(), uri.getPort())) {
            socket.getOutputStream().write(request.getBytes(StandardCharsets.ISO_8859_1));
            var text = new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            var head = text.substring(0, text.indexOf("\r\n\r\n")).lines().toList();
            var headers = new HashMap<String, List<String>>();
            for (var line : head.subList(1, head.size())) {
                headers.put(
                        line.substring(0, line.indexOf(':')),
                        List.of(line.substring(line.indexOf(':') + 1).trim()));
            }
            var status = Integer.parseInt(head.get(0).split(" ", 3)[1]);
            return new Answer(
                    status,
                    HttpHeaders.of(headers, (name, value) -> true),
                    text.substring(text.indexOf("\r\n\r\n") + 4));
        }
    }

    Answer get(String path, String... headers) throws Exception {
        return send(request(path, headers).GET());
    }

    Answer post(String path, String body, String... headers) throws Exception {
        return send(request(path, headers)
                .setHeader("Content-Type", "application/json")
                .POST(BodyPublishers.ofString(body)));
    }

    String submit(String input) throws Exception {
        return post("/v1/runs", "{\"input\": \"" + input + "\"}")
                .json()
                .path("id")
                .asText();
    }

    /** Reads a stream to its end. */
    List<Event> events(HttpRequest.Builder request) throws Exception {
        try (var stream = open(request)) {
            var events = new ArrayList<Event>();
            for (var event = stream.read(); event != null; event = stream.read()) {
                events.add(event);
            }
            return events;
        }
    }

    List<Event> events(String runId, String... headers) throws Exception {
        return events(request("/v1/runs/" + runId + "/events", headers).header("Accept", "text/event-stream"));
    }

    Stream open(HttpRequest.Builder request) throws Exception {
        return new Stream(http.send(request.build(), BodyHandlers.ofInputStream()));
    }

    /** An open event stream. */
    static final class Stream implements AutoCloseable {
        final HttpResponse<InputStream> response;
        private final BufferedReader in;

        private Stream(HttpResponse<InputStream> response) {
            this.response = response;
            in = new BufferedReader(new InputStreamReader(response.body(), StandardCharsets.UTF_8));
        }

        /** The next event; there must be one. */
        Event next() throws IOException {
            var event = read();
            if (event == null) {
                throw new IOException("the stream has ended");
            }
            return event;
        }

        boolean isAtEnd() throws IOException {
            return read() == null;
        }

        /** The next event; null at the end. Comments and {@code retry} are passed over. */
        @Nullable
        Event read() throws IOException {
            var id = "";
            var name = "";
            var data = "";
            for (var line = in.readLine(); line != null; line = in.readLine()) {
                if (line.startsWith("id: ")) {
                    id = line.substring(4);
                } else if (line.startsWith("event: ")) {
                    name = line.substring(7);
                } else if (line.startsWith("data: ")) {
                    data = line.substring(6);
                } else if (line.isEmpty() && !data.isEmpty()) {
                    return new Event(id, name, JSON.readTree(data));
                }
            }
            return null;
        }

        @Override
        public void close() throws IOException {
            in.close();
        }
    }
}
