package io.taskpilot.app;

import io.taskpilot.journal.TestPostgres;
import io.taskpilot.outside.OutsideProcess;
import io.taskpilot.outside.Tool;
import io.taskpilot.telemetry.Scrape;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** An nginx that gives one verdict of OPA's to every question: what a hop costs before anything is decided. */
final class BareHop extends OutsideProcess {
    private static final String QUESTION = "/v1/data/taskpilot/tool_calls/decision";

    private final Path directory;

    private BareHop(String verdict) throws IOException {
        super(unusedPort());
        directory = Files.createTempDirectory("bare-hop");
        Files.writeString(directory.resolve("nginx.conf"), """
                daemon off;
                worker_processes 1;
                pid nginx.pid;
                error_log stderr;
                events {}
                http {
                    access_log off;
                    keepalive_requests 1000000;
                    client_body_temp_path body;
                    server {
                        listen 127.0.0.1:%d;
                        default_type application/json;
                        location / { return 200 '%s'; }
                    }
                }
                """.formatted(port(), verdict));
    }

    @Override
    protected List<String> command() {
        return List.of(
                Tool.orSkip("NGINX", "nginx").toString(),
                "-p",
                directory.toString(),
                "-e",
                "stderr",
                "-c",
                directory.resolve("nginx.conf").toString());
    }

    @Override
    protected boolean isReady() throws IOException {
        return accepts(port());
    }

    static BareHop to(URI opa, Map<String, Object> input) throws Exception {
        var question = ApiUser.JSON.writeValueAsString(Map.of("input", input));
        var hop = new BareHop(new ApiUser(opa).send("POST", QUESTION, question).body());
        hop.launch();
        return hop;
    }

    /** How many questions OPA has answered within each bound, in seconds, as it counts them. */
    static Map<String, Double> handled(URI opa) throws Exception {
        var scrape = Scrape.parse(new ApiUser(opa).send("GET", "/metrics", null).body());
        var handled = new TreeMap<String, Double>();
        for (var bound : List.of("0.0001", "0.0005", "0.001", "0.01", "0.1")) {
            handled.put(bound, scrape.sum("http_request_duration_seconds_bucket", "handler", "v1/data", "le", bound));
        }
        return handled;
    }

    URI url() {
        return URI.create("http://127.0.0.1:" + port());
    }

    @Override
    public void close() {
        super.close();
        try {
            TestPostgres.delete(directory);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
