package io.taskpilot.chaos;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;

/** What one watcher saw of one run, in its order. */
final class Sighting {
    private final String how;
    private final List<JsonNode> events = new ArrayList<>();
    private final List<String> violations = new ArrayList<>();
    private int reconnects;

    Sighting(String how) {
        this.how = how;
    }

    synchronized void saw(JsonNode event) {
        if (event.path("seq").asLong() != last() + 1) {
            violations.add("%s watcher was sent %s after seq %d".formatted(how, event, last()));
            return;
        }
        events.add(event);
    }

    synchronized void wrong(String what) {
        violations.add(how + " watcher: " + what);
    }

    synchronized void reconnected() {
        reconnects++;
    }

    synchronized long last() {
        return events.size();
    }

    synchronized boolean ended() {
        return !events.isEmpty() && isTerminal(events.get(events.size() - 1));
    }

    synchronized List<JsonNode> events() {
        return List.copyOf(events);
    }

    synchronized List<String> violations() {
        return List.copyOf(violations);
    }

    synchronized int reconnects() {
        return reconnects;
    }

    String how() {
        return how;
    }

    static boolean isTerminal(JsonNode event) {
        return event.path("type").asText().matches("run\\.(succeeded|rejected|blocked|failed|timed_out|cancelled)");
    }
}
