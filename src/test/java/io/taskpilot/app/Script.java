package io.taskpilot.app;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import io.taskpilot.run.EventCodec;
import io.taskpilot.run.RunEvent;
import io.taskpilot.run.RunRequest;
import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/** A run's events as a server sends them, at times that a test chooses. */
final class Script {
    static final UUID RUN = UUID.fromString("01930000-0000-7000-8000-000000000009");

    private static final URI API = URI.create("http://127.0.0.1:8000");

    private final List<JsonNode> events = new ArrayList<>();
    private Instant now = Instant.parse("2026-11-23T12:00:00Z");

    static RunEvent accepted(String input) {
        return new RunEvent.Accepted(new RunRequest(
                RUN, "default", "local", List.of("*"), "req", input, Map.of(), Duration.ofMinutes(5), false));
    }

    Script after(long millis, RunEvent event) {
        now = now.plusMillis(millis);
        var json = new LinkedHashMap<String, Object>();
        json.put("seq", events.size() + 1);
        json.put("run_id", "run_" + RUN);
        json.put("type", EventCodec.type(event));
        json.put("at", now.toString());
        json.put("attempt", 1);
        json.put("data", EventCodec.data(event));
        events.add(overTheWire(json));
        return this;
    }

    private static JsonNode overTheWire(Object json) {
        try {
            return ApiClient.JSON.readTree(ApiClient.json(json));
        } catch (JsonProcessingException e) {
            throw new AssertionError(e);
        }
    }

    List<JsonNode> events() {
        return events;
    }

    List<String> lines(Terminal terminal) {
        var timeline = new Timeline(terminal, new RunDisplay.Place("taskpilot %s", API, "", true));
        return events.stream().flatMap(event -> timeline.lines(event).stream()).toList();
    }

    /** All a person sees, the closing lines included. */
    String shown(int width) {
        var terminal = new Terminal(false, false, true, width);
        var summary = new RunSummary();
        events.forEach(summary::add);
        var last = events.get(events.size() - 1).path("type").asText();
        var status = RunFollower.status(events.get(events.size() - 1)).isPresent() ? last.substring(4) : "running";
        var next = API.resolve("/v1/runs/" + summary.runId());
        var lines = new ArrayList<>(lines(terminal));
        lines.addAll(summary.lines(terminal, status, List.of("curl " + next)));
        return String.join("\n", lines) + "\n";
    }
}
