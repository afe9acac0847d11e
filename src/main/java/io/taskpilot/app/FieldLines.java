package io.taskpilot.app;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.PrintStream;

/** One thing of the API with all it has, a field a line; fields of fields are indented. */
final class FieldLines {
    private FieldLines() {}

    static void print(JsonNode thing, PrintStream out) {
        thing.forEachEntry((name, value) -> {
            if (value.isObject()) {
                out.println(name + ":");
                value.forEachEntry((inner, it) -> line("  " + inner, it, out));
            } else {
                line(name, value, out);
            }
        });
    }

    private static void line(String name, JsonNode value, PrintStream out) {
        if (!value.isNull()) {
            var text = value.isTextual() ? value.asText() : value.toString();
            out.println("%-18s %s".formatted(Terminal.exact(name) + ":", Terminal.exact(text)));
        }
    }

    /** A time to the second. */
    static String second(JsonNode time) {
        return time.asText().replaceAll("[.].*", "Z");
    }
}
