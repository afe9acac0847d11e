package io.taskpilot.app;

import io.taskpilot.app.Terminal.Look;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Rows in aligned columns; on a terminal, the last one is cut to fit. */
final class Table {
    private final List<String> head;
    private final List<List<String>> rows = new ArrayList<>();

    Table(String... head) {
        this.head = List.of(head);
    }

    void row(String... cells) {
        rows.add(Arrays.stream(cells).map(Terminal::clean).toList());
    }

    List<String> lines(Terminal terminal) {
        var widths = new int[head.size()];
        for (var column = 0; column < widths.length; column++) {
            widths[column] = head.get(column).length();
            for (var row : rows) {
                widths[column] = Math.max(widths[column], row.get(column).length());
            }
        }
        var lines = new ArrayList<String>();
        lines.add(terminal.paint(Look.DIM, line(terminal, head, widths)));
        rows.forEach(row -> lines.add(line(terminal, row, widths)));
        return lines;
    }

    private static String line(Terminal terminal, List<String> cells, int[] widths) {
        var line = new StringBuilder();
        for (var column = 0; column < widths.length; column++) {
            line.append(cells.get(column))
                    .append(" ".repeat(widths[column] - cells.get(column).length() + 2));
        }
        var text = line.toString().stripTrailing();
        return terminal.width() > 0 ? terminal.cut(text, terminal.width()) : text;
    }
}
