package io.taskpilot.app;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What a run came to, folded from its events: the closing lines of a timeline. */
final class RunSummary {
    private final Set<String> models = new LinkedHashSet<>();
    private @Nullable Instant start;
    private @Nullable Instant parkedAt;
    private Duration parked = Duration.ZERO;
    private Duration took = Duration.ZERO;
    private long calls;
    private long tokens;
    private double cost;
    private JsonNode output = ApiClient.JSON.createObjectNode();
    private List<String> unsettled = List.of();
    private String runId = "";
    private String title = "";

    void add(JsonNode event) {
        var at = Instant.parse(event.path("at").asText());
        var data = event.path("data");
        if (start == null) {
            start = at;
            runId = event.path("run_id").asText();
        }
        switch (event.path("type").asText()) {
            case "agent.completed" -> {
                calls++;
                models.add(data.path("model").asText());
                tokens += data.path("usage").path("input_tokens").asLong()
                        + data.path("usage").path("output_tokens").asLong();
                cost += data.path("usage").path("cost_usd").asDouble();
            }
            case "task.proposed" ->
                title = Terminal.clean(data.path("task").path("title").asText());
            case "approval.requested" -> parkedAt = at;
            case "approval.decided" -> {
                parked = parkedAt == null ? parked : parked.plus(Duration.between(parkedAt, at));
                parkedAt = null;
            }
            default -> {
                output = data.hasNonNull("output") ? data.path("output") : output;
                unsettled = texts(data.path("unsettled"));
            }
        }
        took = Duration.between(start, at);
    }

    String runId() {
        return runId;
    }

    /**
     * @param status as in {@code succeeded}
     * @param look where to look next, a command or a URL each
     */
    List<String> lines(Terminal terminal, String status, List<String> look) {
        var lines = new ArrayList<String>();
        var waited = parked.isZero() ? "" : " and " + Timeline.duration(parked) + " of waiting for a person";
        lines.add("");
        lines.add(Mark.of(status).paint(terminal, status) + " in " + Timeline.duration(took.minus(parked)) + waited
                + String.format(
                        Locale.ROOT,
                        ": %d model calls (%s), %d tokens, $%.4f",
                        calls,
                        calls == 0 ? "none" : Terminal.clean(String.join(", ", models)),
                        tokens,
                        cost));
        add(lines, "result", Terminal.clean(output.path("text").asText("")));
        for (var task : texts(output.path("tasks"))) {
            add(lines, "task", task + (title.isEmpty() ? "" : "  " + title));
        }
        add(lines, "denied", String.join(", ", texts(output.path("denied"))));
        add(lines, "unknown", String.join(", ", unsettled));
        add(lines, "run", runId);
        for (var i = 0; i < look.size(); i++) {
            add(lines, i == 0 ? "next" : "", look.get(i));
        }
        return lines;
    }

    private static void add(List<String> lines, String name, String value) {
        if (!value.isEmpty()) {
            lines.add("  %-8s %s".formatted(name, value));
        }
    }

    private static List<String> texts(JsonNode node) {
        var texts = new ArrayList<String>();
        node.forEach(text -> texts.add(Terminal.clean(text.asText())));
        return texts;
    }
}
