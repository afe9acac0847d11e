package io.taskpilot.chart;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.util.LinkedHashMap;
import java.util.Map;

/** The chart with each set of values that is shipped or that CI has. */
final class ValuesFiles {
    /** Several tests look at each of them. */
    private static final Map<String, Chart> ALL = read();

    private ValuesFiles() {}

    /** By name: the default, each values file, and each of ci/. */
    static Map<String, Chart> all() {
        return ALL;
    }

    private static Map<String, Chart> read() {
        var charts = new LinkedHashMap<>(shipped());
        try (var files = Files.list(Chart.HOME.resolve("ci"))) {
            files.sorted().forEach(file -> {
                var name = Chart.HOME.relativize(file).toString();
                charts.put(name, Chart.plain().file(name));
            });
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return charts;
    }

    static Map<String, Chart> shipped() {
        var charts = new LinkedHashMap<String, Chart>();
        charts.put("default", Chart.plain());
        charts.put("small", Chart.plain().file("values-small.yaml"));
        charts.put("large", Chart.plain().file("values-large.yaml"));
        charts.put("production", Chart.plain().file("values-production.yaml"));
        charts.put(
                "production-large", Chart.plain().file("values-production.yaml").file("values-large.yaml"));
        charts.put("full", Chart.plain().file("values-full.yaml"));
        return charts;
    }
}
