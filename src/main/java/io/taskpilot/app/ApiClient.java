package io.taskpilot.app;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Map.entry;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import io.taskpilot.config.Secret;
import java.io.IOException;
import java.net.ProtocolException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.HttpResponse.BodySubscribers;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Flow;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** A server, as its clients see it. Blocks; what the server refuses is a {@link CommandFailure} in its own words. */
final class ApiClient {
    static final ObjectMapper JSON = new ObjectMapper();
    private static final Duration CONNECT = Duration.ofSeconds(5);
    private static final Duration ANSWER = Duration.ofSeconds(30);
    /** What a person types where the API has a parameter or a field. */
    private static final Map<String, String> POINTER_TO_OPTION = Map.ofEntries(
            entry("/input", "REQUEST"),
            entry("/timeout_s", "--timeout"),
            entry("/answer", "ANSWER"),
            entry("/reason", "--reason"),
            entry("/result", "--result"),
            entry("/arguments", "--arguments"),
            entry("#status", "--status"),
            entry("#since", "--since"),
            entry("#run_id", "--run"),
            entry("#decision_type", "--type"),
            entry("#result", "--result"),
            entry("#tool", "--tool"),
            entry("#limit", "--limit"),
            entry("#cursor", "--cursor"));

    private final HttpClient http = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1) // an upgrade to HTTP/2 would cost each first request a detour
            .connectTimeout(CONNECT)
            .build();
    private final URI server;
    private final @Nullable Secret key;

    ApiClient(URI server, @Nullable Secret key) {
        this.server = server;
        this.key = key;
    }

    URI server() {
        return server;
    }

    JsonNode get(String path, Map<String, String> query) throws InterruptedException {
        var parameters = query.entrySet().stream()
                .map(entry -> entry.getKey() + "=" + URLEncoder.encode(entry.getValue(), UTF_8))
                .collect(Collectors.joining("&"));
        return send(
                request(parameters.isEmpty() ? path : path + "?" + parameters).GET());
    }

    JsonNode post(String path, Object body) throws InterruptedException {
        return send(request(path).header("Content-Type", "application/json").POST(BodyPublishers.ofString(json(body))));
    }

    /** The server can't answer now, and says so. */
    static final class Unavailable extends IOException {
        private static final long serialVersionUID = 1L;
        private final RuntimeException refusal;

        Unavailable(RuntimeException refusal) {
            super(refusal.getMessage());
            this.refusal = refusal;
        }
    }

    /**
     * Submits, and streams the run in the same response.
     *
     * @param idempotencyKey makes it safe to send again after a cut
     * @throws IOException when the connection could not be made or broke
     */
    EventStream submit(Object body, String idempotencyKey) throws IOException, InterruptedException {
        return stream(request("/v1/runs")
                        .header("Content-Type", "application/json")
                        .header("Idempotency-Key", idempotencyKey)
                        .POST(BodyPublishers.ofString(json(body))))
                .orElseThrow(() -> new CommandFailure("the server answered a submission with no run"));
    }

    /**
     * A run's events after {@code seq}; empty when there are none to come.
     *
     * @throws IOException when the connection could not be made or broke
     */
    Optional<EventStream> events(String runId, long seq) throws IOException, InterruptedException {
        return stream(request("/v1/runs/" + runId + "/events")
                .header("Last-Event-ID", String.valueOf(seq))
                .GET());
    }

    /**
     * The last line of an answer in lines (NDJSON), which comes when the server is done; the ones before say that it
     * is not.
     */
    JsonNode last(String path) throws InterruptedException {
        try {
            var lines = lines(request(path).GET(), "application/x-ndjson")
                    .orElseThrow(() -> new CommandFailure("%s answered with nothing".formatted(server)));
            var last = "";
            for (var line = lines.next(); line.isPresent(); line = lines.next()) {
                last = line.get();
            }
            return parse(last);
        } catch (Unavailable e) {
            throw e.refusal;
        } catch (IOException e) {
            throw unreachable(e);
        }
    }

    private Optional<EventStream> stream(HttpRequest.Builder request) throws IOException, InterruptedException {
        return lines(request, "text/event-stream").map(EventStream::new);
    }

    private Optional<LineStream> lines(HttpRequest.Builder request, String type)
            throws IOException, InterruptedException {
        var answer = http.send(request.header("Accept", type).timeout(ANSWER).build(), BodyHandlers.ofPublisher());
        if (answer.statusCode() == 200) {
            var given = answer.headers().firstValue("Content-Type").orElse("");
            if (!given.startsWith(type)) {
                answer.body().subscribe(BodySubscribers.discarding());
                throw new ProtocolException("Content-Type: \"%s\" (expected: %s)".formatted(given, type));
            }
            var lines = new LineStream(LineStream.SILENCE);
            answer.body().subscribe(BodySubscribers.fromLineSubscriber(lines, unused -> null, UTF_8, null));
            return Optional.of(lines);
        }
        var body = text(answer.body());
        if (answer.statusCode() == 204) {
            return Optional.empty();
        }
        var refusal = refusal(answer.statusCode(), body);
        if (answer.statusCode() >= 502) {
            throw new Unavailable(refusal);
        }
        throw refusal;
    }

    private static String text(Flow.Publisher<List<ByteBuffer>> body) {
        var subscriber = BodySubscribers.ofString(UTF_8);
        body.subscribe(subscriber);
        return subscriber.getBody().toCompletableFuture().join();
    }

    private JsonNode send(HttpRequest.Builder request) throws InterruptedException {
        HttpResponse<String> answer;
        try {
            answer = http.send(request.timeout(ANSWER).build(), BodyHandlers.ofString());
        } catch (IOException e) {
            throw unreachable(e);
        }
        if (answer.statusCode() / 100 != 2) {
            throw refusal(answer.statusCode(), answer.body());
        }
        var body = parse(answer.body());
        if (body.isMissingNode()) {
            throw new CommandFailure("%s does not answer as a TaskPilot server does".formatted(server));
        }
        return body;
    }

    private HttpRequest.Builder request(String path) {
        var request = HttpRequest.newBuilder(server.resolve(path));
        return key == null ? request : request.header("Authorization", "Bearer " + key.value());
    }

    CommandFailure unreachable(IOException e) {
        var why = e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
        return new CommandFailure("no answer from %s (%s)".formatted(server, Terminal.clean(why)));
    }

    /** A problem (RFC 9457) as a person reads it: the detail, then one line for each mistake in what was typed. */
    private RuntimeException refusal(int status, String body) {
        var problem = parse(body);
        if (!problem.hasNonNull("detail") && !problem.hasNonNull("title")) {
            return new CommandFailure("%s answered %d, and not as a TaskPilot server does".formatted(server, status));
        }
        var errors = problem.path("errors");
        var text = new StringBuilder(
                errors.size() == 1
                        ? mistake(errors.get(0))
                        : problem.path("detail").asText(problem.path("title").asText()));
        text.append(" (%d %s".formatted(status, slug(problem.path("type").asText())));
        if (status >= 500 && problem.hasNonNull("request_id")) {
            text.append(", request ").append(problem.path("request_id").asText());
        }
        text.append(")");
        if (errors.size() > 1) {
            errors.forEach(error -> text.append("\n  ").append(mistake(error)));
        }
        if (status == 401 && key == null) {
            text.append("\n  give a key in TASKPILOT_API_KEY or by --api-key-file");
        }
        return status == 400 ? new UsageFailure(text.toString()) : new CommandFailure(text.toString());
    }

    private static String mistake(JsonNode error) {
        var pointer = error.path("pointer").asText();
        var detail = error.path("detail").asText();
        return pointer.isEmpty() ? detail : POINTER_TO_OPTION.getOrDefault(pointer, pointer) + ": " + detail;
    }

    private static String slug(String type) {
        return type.substring(type.lastIndexOf('/') + 1);
    }

    /** Missing when it is not JSON. */
    private static JsonNode parse(String body) {
        try {
            return JSON.readTree(body);
        } catch (JsonProcessingException e) {
            return MissingNode.getInstance();
        }
    }

    static String json(Object value) {
        try {
            return JSON.writeValueAsString(value);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e); // maps, lists and texts always have a form
        }
    }
}
