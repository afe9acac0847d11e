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
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** The server as a process of its own, started from the jar, as a user would: it can be killed. */
final class ServerProcess implements AutoCloseable {
    static final ObjectMapper JSON = new ObjectMapper();
    private static final Duration START = Duration.ofSeconds(60);

    private final HttpClient http =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private final Process process;
    private final Path output;
    private final URI url;

    private ServerProcess(Process process, Path output, URI url) {
        this.process = process;
        this.output = output;
        this.url = url;
    }

    /** @param settings environment variables beside those that keep it to itself */
    static ServerProcess start(Path dataDir, Map<String, String> settings) throws Exception {
        var output = Files.createTempFile(dataDir.getParent(), "server", ".log");
        var builder = new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-jar",
                System.getProperty("taskpilot.jar", "target/taskpilot.jar"),
                "serve");
        builder.environment().put("TASKPILOT_DATA_DIR", dataDir.toString());
        builder.environment()
                .put("TASKPILOT_CONF_DIR", Path.of("conf").toAbsolutePath().toString());
        builder.environment().put("TASKPILOT_HTTP_PORT", "0");
        builder.environment().put("TASKPILOT_HTTP_MANAGEMENT_PORT", "0");
        builder.environment().putAll(settings);
        builder.redirectErrorStream(true).redirectOutput(output.toFile());
        var process = builder.start();
        var record = dataDir.resolve("server.json");
        var deadline = System.nanoTime() + START.toNanos();
        while (process.isAlive() && System.nanoTime() - deadline < 0) {
            var found = url(record, process.pid());
            if (found != null && isLive(found)) {
                return new ServerProcess(process, output, found);
            }
            process.waitFor(50, TimeUnit.MILLISECONDS);
        }
        process.destroyForcibly();
        throw new IllegalStateException("the server did not start:\n" + Files.readString(output));
    }

    private static @Nullable URI url(Path record, long pid) {
        try {
            var server = JSON.readTree(record.toFile());
            return server.path("pid").asLong() == pid
                    ? URI.create(server.path("url").asText())
                    : null;
        } catch (IOException notYet) {
            return null;
        }
    }

    private static boolean isLive(URI url) {
        try {
            var request = HttpRequest.newBuilder(url.resolve("/health/ready")).build();
            return HttpClient.newHttpClient()
                            .send(request, BodyHandlers.discarding())
                            .statusCode()
                    == 200;
        } catch (IOException notYet) {
            return false;
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    URI url() {
        return url;
    }

    long pid() {
        return process.pid();
    }

    String output() {
        try {
            return Files.readString(output);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    HttpResponse<String> send(String method, String path, @Nullable String body) throws Exception {
        var request = HttpRequest.newBuilder(url.resolve(path))
                .header("Content-Type", "application/json")
                .timeout(Duration.ofSeconds(60))
                .method(method, body == null ? BodyPublishers.noBody() : BodyPublishers.ofString(body))
                .build();
        return http.send(request, BodyHandlers.ofString());
    }

    JsonNode get(String path) throws Exception {
        return JSON.readTree(send("GET", path, null).body());
    }

    String submit(String input) throws Exception {
        var answer = send("POST", "/v1/runs", JSON.writeValueAsString(Map.of("input", input)));
        if (answer.statusCode() != 202) {
            throw new IllegalStateException(answer.statusCode() + " " + answer.body());
        }
        return JSON.readTree(answer.body()).path("id").asText();
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

    static boolean isTerminal(JsonNode event) {
        return event.path("type").asText().matches("run\\.(succeeded|rejected|blocked|failed|timed_out|cancelled)");
    }

    /** SIGKILL, as a power cut would be; the database it started is left behind. */
    void kill() throws Exception {
        process.destroyForcibly();
        if (!process.waitFor(10, TimeUnit.SECONDS)) {
            throw new IllegalStateException("still there after SIGKILL");
        }
    }

    /** SIGTERM. */
    int stop() throws Exception {
        process.destroy();
        if (!process.waitFor(30, TimeUnit.SECONDS)) {
            throw new IllegalStateException("still there 30 s after SIGTERM:\n" + output());
        }
        return process.exitValue();
    }

    @Override
    public void close() {
        process.destroy();
        var ended = process.onExit()
                .completeOnTimeout(process, 30, TimeUnit.SECONDS)
                .join();
        if (ended.isAlive()) {
            process.destroyForcibly();
        }
    }
}
