package io.taskpilot.app;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;

/** A run as one client saw it. */
final class SeenRun {
    private final List<Long> seqs = new ArrayList<>();
    private String id = "";
    private String end = "";

    void named(String runId) {
        id = runId;
    }

    void event(JsonNode event) {
        id = event.path("run_id").asText();
        seqs.add(event.path("seq").asLong());
        if (ApiUser.isTerminal(event)) {
            end += event.path("type").asText(); // a second end shows
        }
    }

    /** For those who only look whether it has ended. */
    void ended(String type) {
        end = type;
    }

    String id() {
        return id;
    }

    long lastSeq() {
        return seqs.isEmpty() ? 0 : seqs.get(seqs.size() - 1);
    }

    boolean isEnded() {
        return !end.isEmpty();
    }

    String end() {
        return end;
    }

    /** Each event once, in order. */
    boolean isWhole() {
        return seqs.equals(LongStream.rangeClosed(1, seqs.size()).boxed().toList());
    }

    @Override
    public String toString() {
        return id + " " + end + " " + seqs;
    }
}
