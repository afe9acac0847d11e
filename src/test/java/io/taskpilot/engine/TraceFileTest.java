package io.taskpilot.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.taskpilot.run.AnyEvent;
import io.taskpilot.run.EventCodec;
import io.taskpilot.run.Ids;
import io.taskpilot.run.Recorded;
import io.taskpilot.run.RunEvent;
import io.vertx.core.json.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;

class TraceFileTest {
    private static final UUID RUN =
            Ids.at(Instant.parse("2026-03-10T23:59:59.999Z").toEpochMilli(), new Random(1));

    @Provide
    Arbitrary<List<RunEvent>> histories() {
        return AnyEvent.events().list().ofMaxSize(12);
    }

    @Property(tries = 300, edgeCases = EdgeCasesMode.NONE)
    void whatWasWrittenIsReadAfterAnySeq(
            @ForAll("histories") List<RunEvent> history,
            @ForAll @IntRange(max = 14) int after,
            @ForAll @IntRange(max = 14) int limit)
            throws IOException {
        var file = Files.createTempFile("trace", ".gz");
        try {
            var events = recorded(history);
            var sha256 = write(file, events);

            var expected = events.stream()
                    .skip(after)
                    .limit(limit)
                    .map(TraceFileTest::text)
                    .toList();
            assertThat(TraceFile.events(file, sha256, after, limit).stream().map(TraceFileTest::text))
                    .containsExactlyElementsOf(expected);
            assertThatThrownBy(() -> TraceFile.events(file, "0".repeat(64), after, limit))
                    .isInstanceOf(TraceFile.Corrupt.class);
        } finally {
            Files.delete(file);
        }
    }

    @Property(tries = 300, edgeCases = EdgeCasesMode.NONE)
    void noDamageIsServed(@ForAll("histories") List<RunEvent> history, @ForAll Random random) throws IOException {
        var file = Files.createTempFile("trace", ".gz");
        try {
            var events = recorded(history);
            var sha256 = write(file, events);
            var bytes = Files.readAllBytes(file);
            bytes[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
            Files.write(file, bytes);
            List<Recorded> read;
            try {
                read = TraceFile.events(file, sha256, 0, 100);
            } catch (TraceFile.Corrupt damaged) {
                return;
            }
            // gzip's header has bits that mean nothing
            assertThat(read.stream().map(TraceFileTest::text).toList())
                    .isEqualTo(events.stream().map(TraceFileTest::text).toList());
        } finally {
            Files.delete(file);
        }
    }

    private static List<Recorded> recorded(List<RunEvent> history) {
        var events = new ArrayList<Recorded>();
        for (var event : history) {
            events.add(
                    new Recorded(events.size() + 1L, Instant.ofEpochMilli(1_700_000_000_000L + events.size()), event));
        }
        return events;
    }

    private static String write(Path file, List<Recorded> events) throws IOException {
        try (var writer = new TraceFile.Writer(file)) {
            for (var event : events) {
                writer.lines(List.of(TraceJson.event(RUN, event, 1)));
            }
            writer.lines(List.of(Map.of("decision", Map.of("id", "dec_1"))));
            return writer.checksum();
        }
    }

    private static String text(Recorded event) {
        return event.seq() + " " + event.at() + " " + EventCodec.type(event.event()) + " "
                + Json.encode(EventCodec.data(event.event()));
    }

    @Property(tries = 1)
    void keysGoByTheDateOfTheRunInUtc() {
        assertThat(TraceArchive.key(RUN)).isEqualTo("traces/2026/03/10/run_" + RUN + ".jsonl.gz");
    }
}
