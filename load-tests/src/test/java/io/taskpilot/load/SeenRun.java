package io.taskpilot.load;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Set;

/** What one client has seen of one run, event by event. Times are milliseconds. */
final class SeenRun {
    private static final Set<String> ENDS =
            Set.of("run.succeeded", "run.rejected", "run.blocked", "run.failed", "run.timed_out", "run.cancelled");

    private final long submitted;
    private String id = "";
    private long first = -1;
    private long last = -1;
    private long seq;
    private boolean whole = true;
    private String end = "";

    SeenRun(long submitted) {
        this.submitted = submitted;
    }

    /** @param event as the API has it: {@code seq}, {@code run_id}, {@code type} */
    void event(long at, JsonNode event) {
        id = event.path("run_id").asText();
        first = first < 0 ? at : first;
        last = at;
        whole &= end.isEmpty() && event.path("seq").asLong() == seq + 1;
        seq = event.path("seq").asLong();
        var type = event.path("type").asText();
        if (ENDS.contains(type)) {
            end = type;
        }
    }

    /** For those who are told of the end only. */
    void ended(long at, String status) {
        last = at;
        end = "run." + status;
    }

    String id() {
        return id;
    }

    /** The last {@code seq} that was seen, which a reader that comes back continues after. */
    long seq() {
        return seq;
    }

    boolean isEnded() {
        return !end.isEmpty();
    }

    boolean isSucceeded() {
        return end.equals("run.succeeded");
    }

    /** Whether it ended, and every event up to the end came once and in order. */
    boolean isWhole() {
        return isEnded() && whole;
    }

    int untilFirst() {
        return (int) Math.max(0, first - submitted);
    }

    int untilLast() {
        return (int) Math.max(0, last - submitted);
    }
}
