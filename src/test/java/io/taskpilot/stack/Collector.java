package io.taskpilot.stack;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.taskpilot.outside.OutsideProcess;
import io.taskpilot.outside.Tool;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The real OpenTelemetry Collector with a shipped configuration. Only its ports are others, and what a test lays over it; it
 * keeps its files in a directory of the test.
 */
public final class Collector implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofMinutes(1);
    private static final HttpClient HTTP = HttpClient.newHttpClient();
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Process process;
    private final Path directory;
    private final List<Integer> ports;

    private Collector(Process process, Path directory, List<Integer> ports) {
        this.process = process;
        this.directory = directory;
        this.ports = ports;
    }

    /** Skips the test where it is not built. */
    public static Path orSkip() {
        return Tool.orSkip("OTELCOL", "otelcol");
    }

    /** The one of the installation, with the file exporter as its only backend; every trace is kept. */
    public static Collector start(Path directory) throws Exception {
        return start(directory, Map.of("SAMPLING_PERCENTAGE", "100"));
    }

    /** @param environment beside what keeps it quick and to itself */
    public static Collector start(Path directory, Map<String, String> environment) throws Exception {
        var overlay = """
                receivers: {otlp: {protocols: {grpc: {endpoint: "127.0.0.1:%d"}, http: {endpoint: "127.0.0.1:%d"}}}}
                extensions: {health_check: {endpoint: "127.0.0.1:%d"}}
                connectors: {span_metrics: {metrics_flush_interval: 1s}}
                exporters: {prometheus: {endpoint: "127.0.0.1:%d"}}
                service:
                  telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: %d, without_type_suffix: false, without_units: true, without_scope_info: true}}}}]}}
                """;
        var all = new HashMap<>(environment);
        all.putIfAbsent("SAMPLING_WAIT", "1s");
        all.putIfAbsent("TRACE_EXPORTERS", "[file/backup]");
        return launch(directory, "otel/collector.yaml", overlay, all);
    }

    /** The one beside a server, in its pod. */
    public static Collector exporter(Path directory, Map<String, String> environment) throws Exception {
        var overlay = """
                receivers:
                  otlp: {protocols: {grpc: {endpoint: "127.0.0.1:%d"}, http: {endpoint: "127.0.0.1:%d"}}}
                  prometheus: {config: {global: {scrape_interval: 1s, scrape_timeout: 1s}}}
                extensions: {health_check: {endpoint: "127.0.0.1:%d"}}
                exporters: {prometheus: {endpoint: "127.0.0.1:%d"}}
                service:
                  telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: %d, without_type_suffix: false, without_units: true, without_scope_info: true}}}}]}}
                """;
        return launch(directory, "otel/metrics-exporter.yaml", overlay, environment);
    }

    private static Collector launch(Path directory, String file, String overlay, Map<String, String> environment)
            throws Exception {
        var program = orSkip();
        var ports = OutsideProcess.unusedPorts(5);
        var places = Files.writeString(directory.resolve("places.yaml"), overlay.formatted(ports.toArray()));
        var command = new ProcessBuilder(program.toString(), "--config", file, "--config", places.toString());
        command.environment().put("COLLECTOR_DIRECTORY", directory.toString());
        command.environment().putAll(environment);
        command.redirectErrorStream(true)
                .redirectOutput(directory.resolve("log").toFile());
        var collector = new Collector(command.start(), directory, ports);
        try {
            collector.await(URI.create("http://127.0.0.1:" + ports.get(2)), body -> true);
        } catch (IllegalStateException e) {
            collector.close();
            throw e;
        }
        return collector;
    }

    /** What {@code validate} says of these files, laid over each other; empty when it likes them. */
    static String validate(Map<String, String> environment, String... files) throws IOException, InterruptedException {
        var command = new ArrayList<>(List.of(orSkip().toString(), "validate"));
        for (var file : files) {
            command.add("--config=" + file);
        }
        var process = new ProcessBuilder(command).redirectErrorStream(true);
        process.environment().putAll(environment);
        var started = process.start();
        var said = new String(started.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return started.waitFor() == 0 ? "" : "exit code " + started.exitValue() + ": " + said;
    }

    /** OTLP over gRPC. */
    public URI grpc() {
        return URI.create("http://127.0.0.1:" + ports.get(0));
    }

    /** OTLP over HTTP. */
    public URI http() {
        return URI.create("http://127.0.0.1:" + ports.get(1));
    }

    /** Metrics: of spans, or of what the exporter scrapes. */
    public URI metrics() {
        return URI.create("http://127.0.0.1:" + ports.get(3) + "/metrics");
    }

    /** Of its own. */
    URI ownMetrics() {
        return URI.create("http://127.0.0.1:" + ports.get(4) + "/metrics");
    }

    /** @param spans as OTLP has them in JSON, within an {@code ExportTraceServiceRequest} */
    void take(String spans) throws Exception {
        var request = HttpRequest.newBuilder(http().resolve("/v1/traces"))
                .header("Content-Type", "application/json")
                .POST(BodyPublishers.ofString(spans))
                .build();
        var answer = HTTP.send(request, BodyHandlers.ofString());
        if (answer.statusCode() != 200) {
            throw new IllegalStateException(answer.statusCode() + " " + answer.body());
        }
    }

    /** The answer, once it is as wanted. */
    public String await(URI url, Predicate<String> wanted) throws Exception {
        var end = System.nanoTime() + PATIENCE.toNanos();
        HttpResponse<String> last = null;
        while (System.nanoTime() - end < 0 && process.isAlive()) {
            last = ask(url);
            if (last != null && last.statusCode() == 200 && wanted.test(last.body())) {
                return last.body();
            }
            process.waitFor(50, TimeUnit.MILLISECONDS);
        }
        throw new IllegalStateException(url + " says " + (last == null ? "nothing" : last.body()) + "\n" + log());
    }

    private static @Nullable HttpResponse<String> ask(URI url) throws InterruptedException {
        try {
            // As Prometheus asks, so that exemplars are there.
            var request = HttpRequest.newBuilder(url)
                    .header("Accept", "application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
                    .build();
            return HTTP.send(request, BodyHandlers.ofString());
        } catch (IOException notYet) {
            return null;
        }
    }

    /** The spans that went to the file, once they are as wanted. Each has the attributes of its resource beside its own. */
    public List<Span> await(Predicate<List<Span>> wanted) throws Exception {
        var end = System.nanoTime() + PATIENCE.toNanos();
        var spans = spans();
        while (!wanted.test(spans)) {
            if (System.nanoTime() - end > 0 || !process.isAlive()) {
                throw new IllegalStateException("the file has " + spans + "\n" + log());
            }
            process.waitFor(50, TimeUnit.MILLISECONDS);
            spans = spans();
        }
        return spans;
    }

    private List<Span> spans() throws IOException {
        var file = directory.resolve("traces.jsonl");
        var spans = new ArrayList<Span>();
        if (Files.exists(file)) {
            var text = Files.readString(file);
            for (var line :
                    text.substring(0, text.lastIndexOf('\n') + 1).lines().toList()) {
                for (var resource : JSON.readTree(line).path("resourceSpans")) {
                    for (var scope : resource.path("scopeSpans")) {
                        scope.path("spans").forEach(span -> spans.add(Span.of(resource.path("resource"), span)));
                    }
                }
            }
        }
        return spans;
    }

    /** All that it kept, as it is on the disk. */
    String file() throws IOException {
        var file = directory.resolve("traces.jsonl");
        return Files.exists(file) ? Files.readString(file) : "";
    }

    public String log() {
        try {
            return Files.readString(directory.resolve("log"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        process.destroy();
        process.onExit()
                .orTimeout(20, TimeUnit.SECONDS)
                .exceptionally(late -> process.destroyForcibly())
                .join();
    }

    /**
     * A span as a backend gets it.
     *
     * @param parent empty for a root
     * @param attributes its own and those of its resource, as text
     */
    public record Span(
            String trace,
            String id,
            String parent,
            String name,
            int kind,
            boolean failed,
            List<String> links,
            Map<String, String> attributes) {
        static Span of(JsonNode resource, JsonNode span) {
            var attributes = new TreeMap<String, String>();
            for (var owner : List.of(resource, span)) {
                owner.path("attributes")
                        .forEach(attribute -> attributes.put(
                                attribute.path("key").asText(),
                                attribute.path("value").elements().next().asText()));
            }
            var links = new ArrayList<String>();
            span.path("links").forEach(link -> links.add(link.path("spanId").asText()));
            return new Span(
                    span.path("traceId").asText(),
                    span.path("spanId").asText(),
                    span.path("parentSpanId").asText(""),
                    span.path("name").asText(),
                    span.path("kind").asInt(),
                    span.path("status").path("code").asInt() == 2,
                    List.copyOf(links),
                    Map.copyOf(attributes));
        }
    }
}
