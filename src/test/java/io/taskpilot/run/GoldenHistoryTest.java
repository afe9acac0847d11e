package io.taskpilot.run;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.taskpilot.run.CallState.Stage;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/**
 * Histories as earlier versions wrote them. The files are never written anew: a change that breaks one needs a new
 * format, and the old one is read for a release.
 */
class GoldenHistoryTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final UUID RUN = UUID.fromString("019a0000-0000-7000-8000-000000000001");

    /** A run with a repaired plan, a review by a person, a held call, a dead node, and a retry. */
    @Test
    void historyOfFormat1FoldsToTheStateItAlwaysDid() throws IOException {
        var run = RunState.of(read("/golden/format-1.jsonl"));

        assertThat(run.status()).isEqualTo(RunStatus.SUCCEEDED);
        assertThat(run.request().runId()).isEqualTo(RUN);
        assertThat(run.request().metadata()).containsExactly(Map.entry("source", "test"));
        assertThat(run.lastSeq()).isEqualTo(43);
        assertThat(run.acceptedAt()).isEqualTo(Instant.parse("2026-11-23T08:00:01Z"));
        assertThat(run.attempt()).isEqualTo(2);
        assertThat(run.approvals()).isEqualTo(3);
        assertThat(run.parked()).isEqualTo(Duration.ofMinutes(21).plusSeconds(3));
        assertThat(run.deadline()).isEqualTo(Instant.parse("2026-11-23T08:26:04Z"));
        assertThat(run.turns(Agent.PLANNER)).hasSize(2);
        assertThat(run.proposal()).isEqualTo(new TaskProposal("Board deck", "high", "Slides, \"final\"\n"));
        assertThat(run.taskStatus()).isEqualTo(TaskStatus.EXECUTED);
        assertThat(run.usage()).isEqualTo(new Usage(50, 25, 1.25));
        assertThat(run.calls().values()).extracting(CallState::stage).containsExactly(Stage.SETTLED, Stage.SETTLED);
        assertThat(run.calls().values()).extracting(CallState::result).containsExactly("modified", Map.of("ok", true));
        assertThat(run.ended())
                .isEqualTo(new RunEvent.Ended(
                        RunStatus.SUCCEEDED,
                        new RunOutput("done", List.of(Objects.requireNonNull(run.taskId())), List.of()),
                        null,
                        List.of()));
    }

    @Test
    void everyLineOfFormat1IsWrittenAsItWas() throws IOException {
        for (var line : lines("/golden/format-1.jsonl")) {
            var event = EventCodec.parse(text(line, "type"), data(line));
            assertThat(CanonicalJson.of(EventCodec.data(event))).isEqualTo(CanonicalJson.of(data(line)));
        }
        assertThat(EventCodec.FORMAT).as("a new format needs its own file").isEqualTo(1);
    }

    private static List<Recorded> read(String file) throws IOException {
        return lines(file).stream()
                .map(line -> new Recorded(
                        ((Number) Objects.requireNonNull(line.get("seq"))).longValue(),
                        Instant.parse(text(line, "at")),
                        EventCodec.parse(text(line, "type"), data(line))))
                .toList();
    }

    private static String text(Map<String, Object> line, String field) {
        return (String) Objects.requireNonNull(line.get(field), field);
    }

    @SuppressWarnings("unchecked") // as Jackson reads an object
    private static Map<String, Object> data(Map<String, Object> line) {
        return (Map<String, Object>) Objects.requireNonNull(line.get("data"));
    }

    private static List<Map<String, Object>> lines(String file) throws IOException {
        var stream = Objects.requireNonNull(GoldenHistoryTest.class.getResourceAsStream(file), file);
        try (var reader = new BufferedReader(new InputStreamReader(stream, StandardCharsets.UTF_8))) {
            return reader.lines().map(GoldenHistoryTest::object).toList();
        }
    }

    @SuppressWarnings("unchecked") // as Jackson reads an object
    private static Map<String, Object> object(String line) {
        try {
            return JSON.readValue(line, Map.class);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
