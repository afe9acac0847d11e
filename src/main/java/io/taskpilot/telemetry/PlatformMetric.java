package io.taskpilot.telemetry;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.Properties;

/**
 * A metric that Vert.x, Netty or the JVM brings: it is documented here and recorded there.
 *
 * @param labels names alone; {@link VertxMeters} keeps their values within bounds
 * @param condition what must be so for its series to be there; empty for those that are there from the start
 */
record PlatformMetric(String name, String type, List<String> labels, String help, String condition) {
    private static final String HEAD = """

            ## Of Vert.x, Netty and the JVM

            `route` is the template of a route, never a path; `none` where no route was found. A held or streamed answer has a route of its
            own, as in `/v1/runs#wait` and `/v1/runs/:id/events#stream`: its time is its reader's wish. To leave these, WebSockets and probes out of
            a latency: `route!~".+#.+|/v1/ws|/health.*|/metrics"`. `method` is `other` for what is no method of HTTP.
            `pool_name` and `client_name` say what a pool or a client is for: `postgres`, `postgres-*`, `redis`, `opa`, `guardrails`, `llm`, `webhooks`;
            pools to anywhere else are `other`.

            | metric | type | labels | what it says | there from |
            |---|---|---|---|---|
            """;

    /** All of them, by name. */
    static List<PlatformMetric> all() {
        var lines = new Properties();
        try (var in = PlatformMetric.class.getResourceAsStream("platform-metrics.properties")) {
            lines.load(Objects.requireNonNull(in, "platform-metrics.properties"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        var names = new ArrayList<>(lines.stringPropertyNames());
        Collections.sort(names);
        return names.stream().map(name -> parse(name, lines.getProperty(name))).toList();
    }

    /** Of {@code type | label, label | help | condition}. */
    private static PlatformMetric parse(String name, String line) {
        var parts = line.split("\\|", -1);
        var labels =
                parts[1].isBlank() ? List.<String>of() : List.of(parts[1].trim().split(", ", -1));
        return new PlatformMetric(
                name, parts[0].trim(), labels, parts[2].trim(), parts.length > 3 ? parts[3].trim() : "");
    }

    /** Their part of {@code docs/metrics.md}. */
    static String markdown() {
        var out = new StringBuilder(HEAD);
        for (var metric : all()) {
            var labels = metric.labels.isEmpty() ? "" : "`" + String.join("`, `", metric.labels) + "`";
            out.append("| `%s` | %s | %s | %s | %s |\n"
                    .formatted(metric.name, metric.type, labels, metric.help, metric.condition));
        }
        return out.toString();
    }
}
