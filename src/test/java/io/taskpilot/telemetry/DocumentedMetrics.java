package io.taskpilot.telemetry;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;

/** What {@code docs/metrics.md} promises. */
public final class DocumentedMetrics {
    private static final Path PAGE = Path.of("docs/metrics.md");
    private static final Pattern NAME = Pattern.compile("`([a-z][a-z0-9_]*)`");

    /**
     * A row.
     *
     * @param condition what its series wait for; empty when they are there from the start
     */
    public record Row(String name, String type, List<String> labels, String condition) {}

    private DocumentedMetrics() {}

    /** By name. */
    public static Map<String, Row> read() {
        var rows = new TreeMap<String, Row>();
        for (var line : lines()) {
            var cells = line.split(" *\\| *", -1);
            if (cells.length == 7 && NAME.matcher(cells[1]).matches()) {
                var name = cells[1].substring(1, cells[1].length() - 1);
                rows.put(name, new Row(name, cells[2], labels(cells[3]), cells[5]));
            }
        }
        return rows;
    }

    private static List<String> lines() {
        try {
            return Files.readAllLines(PAGE);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Of {@code `a`: `x`, `y`; `b`: as configured}, or {@code `a`, `b`} where values are not told. */
    private static List<String> labels(String cell) {
        var parts = cell.contains(";") || cell.contains(":") ? cell.split("; ", -1) : cell.split(", ", -1);
        return List.of(parts).stream()
                .flatMap(part -> NAME.matcher(part).results().limit(1))
                .map(match -> match.group(1))
                .sorted()
                .toList();
    }
}
