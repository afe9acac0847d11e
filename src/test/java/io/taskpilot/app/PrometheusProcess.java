package io.taskpilot.app;

import com.fasterxml.jackson.databind.JsonNode;
import io.taskpilot.outside.OutsideProcess;
import io.taskpilot.outside.Tool;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;

/** A real Prometheus that scrapes twice a second, asked over its HTTP API. */
final class PrometheusProcess implements AutoCloseable {
    private final HttpClient http =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private final Process process;
    private final Path log;
    private final URI url;

    private PrometheusProcess(Process process, Path log, URI url) {
        this.process = process;
        this.log = log;
        this.url = url;
    }

    /**
     * Returns when it is ready; skips the test where there is none.
     *
     * @param directory for its files; stays the caller's
     * @param rules the text of a file of rules
     * @param jobs targets, host and port, by the name of their job; its own, {@code prometheus}, is added
     */
    static PrometheusProcess start(Path directory, String rules, Map<String, List<String>> jobs) throws Exception {
        var binary = Tool.orSkip("PROMETHEUS", "prometheus");
        var port = OutsideProcess.unusedPort();
        Files.writeString(directory.resolve("rules.yaml"), rules);
        Files.writeString(directory.resolve("prometheus.yml"), configuration(port, jobs));
        var log = directory.resolve("prometheus.log");
        var process = new ProcessBuilder(
                        binary.toString(),
                        "--config.file=" + directory.resolve("prometheus.yml"),
                        "--storage.tsdb.path=" + directory.resolve("tsdb"),
                        "--web.listen-address=127.0.0.1:" + port,
                        "--enable-feature=exemplar-storage",
                        "--log.level=warn")
                .directory(directory.toFile())
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
        var started = new PrometheusProcess(process, log, URI.create("http://127.0.0.1:" + port));
        started.awaitReady();
        return started;
    }

    private static String configuration(int port, Map<String, List<String>> jobs) {
        var scrapes = jobs.entrySet().stream()
                .map(job -> "  - { job_name: %s, static_configs: [{ targets: [%s] }] }\n"
                        .formatted(
                                job.getKey(),
                                job.getValue().stream().map("'%s'"::formatted).collect(Collectors.joining(", "))))
                .collect(Collectors.joining());
        return """
                global: { scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms }
                rule_files: [rules.yaml]
                alerting: { alertmanagers: [{ static_configs: [{ targets: ['127.0.0.1:1'] }] }] }
                scrape_configs:
                  - { job_name: prometheus, static_configs: [{ targets: ['127.0.0.1:%d'] }] }
                %s""".formatted(port, scrapes);
    }

    private void awaitReady() throws Exception {
        while (process.isAlive()) {
            try {
                var request = HttpRequest.newBuilder(url.resolve("/-/ready"))
                        .timeout(Duration.ofSeconds(5))
                        .build();
                if (http.send(request, BodyHandlers.discarding()).statusCode() == 200) {
                    return;
                }
            } catch (IOException notYet) {
                // it is not listening
            }
            process.waitFor(50, TimeUnit.MILLISECONDS);
        }
        throw new IllegalStateException("Prometheus did not start:\n" + Files.readString(log));
    }

    /** What the expression gives now. */
    JsonNode query(String expression) throws Exception {
        var answer = ask("/api/v1/query", expression);
        if (!answer.path("status").asText().equals("success")) {
            throw new AssertionError(expression + ": " + answer);
        }
        return answer.at("/data/result");
    }

    /** What is wrong with it; empty when it can be parsed. */
    String mistakeIn(String expression) throws Exception {
        return ask("/api/v1/parse_query", expression).path("error").asText();
    }

    private JsonNode ask(String path, String expression) throws Exception {
        var request = HttpRequest.newBuilder(url.resolve(path))
                .timeout(Duration.ofMinutes(1))
                .header("Content-Type", "application/x-www-form-urlencoded")
                .POST(BodyPublishers.ofString("query=" + URLEncoder.encode(expression, StandardCharsets.UTF_8)))
                .build();
        return ApiUser.JSON.readTree(http.send(request, BodyHandlers.ofString()).body());
    }

    /** Alerts that fire, as Alertmanager would be sent them. */
    List<JsonNode> firing() throws Exception {
        var request = HttpRequest.newBuilder(url.resolve("/api/v1/alerts"))
                .timeout(Duration.ofMinutes(1))
                .build();
        var answer = ApiUser.JSON.readTree(
                http.send(request, BodyHandlers.ofString()).body());
        return StreamSupport.stream(answer.at("/data/alerts").spliterator(), false)
                .filter(alert -> alert.path("state").asText().equals("firing"))
                .toList();
    }

    Set<String> firingNames() throws Exception {
        return firing().stream()
                .map(alert -> alert.at("/labels/alertname").asText())
                .collect(Collectors.toCollection(TreeSet::new));
    }

    @Override
    public void close() {
        process.destroy();
        process.onExit()
                .orTimeout(30, TimeUnit.SECONDS)
                .exceptionally(late -> process.destroyForcibly())
                .join();
    }
}
