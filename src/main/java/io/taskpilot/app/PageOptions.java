package io.taskpilot.app;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The flags of every command that lists page by page. */
final class PageOptions {
    @Option(names = "--limit", description = "1 to 200 (default: ${DEFAULT-VALUE}).", defaultValue = "50")
    private int limit = 50;

    @Option(names = "--cursor", paramLabel = "CURSOR", description = "The page after another, whose end names it.")
    private @Nullable String cursor;

    boolean isLater() {
        return cursor != null;
    }

    void addTo(Map<String, String> query) {
        put(query, "cursor", cursor);
        query.put("limit", String.valueOf(limit));
    }

    static void put(Map<String, String> query, String name, @Nullable String value) {
        if (value != null) {
            query.put(name, value);
        }
    }

    /** Says how to get what comes after this page, if anything does. */
    void tellNext(JsonNode answer, Shell shell) {
        if (answer.hasNonNull("next_cursor")) {
            var next = Terminal.clean(answer.path("next_cursor").asText());
            shell.err().println("there are more: the same with --cursor " + next);
        }
    }
}
