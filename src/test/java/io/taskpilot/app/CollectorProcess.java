package io.taskpilot.app;

import io.taskpilot.outside.OutsideProcess;
import io.taskpilot.outside.Tool;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** A real OpenTelemetry Collector that got spans, delivered some to a file, and could not deliver others. */
final class CollectorProcess implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final int SPANS = 20;
    private static final String SPAN = """
            {"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "5b8efff798038103d269b633813fc60c",
              "spanId": "eee19b7ec3c1b174", "name": "x", "kind": 1,
              "startTimeUnixNano": "1544712660000000000", "endTimeUnixNano": "1544712661000000000"}]}]}]}
            """;

    private final Process process;
    private final int metrics;

    private CollectorProcess(Process process, int metrics) {
        this.process = process;
        this.metrics = metrics;
    }

    /** Returns when it counts all that; skips the test where there is no collector. */
    static CollectorProcess start(Path directory) throws Exception {
        var binary = Tool.orSkip("OTELCOL", "otelcol");
        var unused = OutsideProcess.unusedPorts(2);
        var otlp = unused.get(0);
        var metrics = unused.get(1);
        var file = directory.resolve("collector.yaml");
        Files.writeString(file, """
                receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:%d" } } } }
                exporters:
                  file: { path: %s }
                  # Nobody is there. The second one holds what it cannot deliver, and has no room for it.
                  otlp_grpc/refused:
                    endpoint: "127.0.0.1:1"
                    tls: { insecure: true }
                    retry_on_failure: { enabled: false }
                    sending_queue: { enabled: true }
                  otlp_grpc/full:
                    endpoint: "127.0.0.1:1"
                    tls: { insecure: true }
                    retry_on_failure: { enabled: true }
                    sending_queue: { enabled: true, queue_size: 1, num_consumers: 1 }
                service:
                  telemetry:
                    metrics: { readers: [{ pull: { exporter: { prometheus: { host: 127.0.0.1, port: %d } } } }] }
                  pipelines:
                    traces: { receivers: [otlp], exporters: [file, otlp_grpc/refused, otlp_grpc/full] }
                """.formatted(otlp, directory.resolve("spans.jsonl"), metrics));
        var process = new ProcessBuilder(binary.toString(), "--config=" + file)
                .redirectErrorStream(true)
                .redirectOutput(directory.resolve("collector.log").toFile())
                .start();
        var started = new CollectorProcess(process, metrics);
        var sender = new ApiUser(URI.create("http://127.0.0.1:" + otlp));
        Outage.until(PATIENCE, () -> started.took(sender));
        for (var i = 0; i < SPANS; i++) {
            started.took(sender);
        }
        var reader = new ApiUser(URI.create("http://127.0.0.1:" + metrics));
        Outage.until(PATIENCE, () -> {
            var text = reader.send("GET", "/metrics", null).body();
            return text.contains("otelcol_exporter_send_failed_spans")
                    && text.contains("otelcol_exporter_enqueue_failed_spans");
        });
        return started;
    }

    private boolean took(ApiUser sender) throws Exception {
        if (!process.isAlive()) {
            throw new IllegalStateException("the collector has ended");
        }
        try {
            sender.send("POST", "/v1/traces", SPAN);
            return true;
        } catch (IOException notYet) {
            return false;
        }
    }

    /** Host and port of what it says of itself. */
    String target() {
        return "127.0.0.1:" + metrics;
    }

    @Override
    public void close() {
        process.destroyForcibly().onExit().orTimeout(20, TimeUnit.SECONDS).join();
    }
}
