package io.taskpilot.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Tuple;
import net.jqwik.api.Tuple.Tuple2;
import net.jqwik.api.statistics.Statistics;
import net.jqwik.api.statistics.StatisticsReport;
import org.junit.jupiter.api.Test;

class EventCodecTest {
    /** As the API document lists them; {@code agent.delta} is not journaled. */
    private static final List<String> TYPES = List.of(
            "run.accepted",
            "run.started",
            "run.resumed",
            "guardrail.checked",
            "agent.started",
            "agent.completed",
            "task.proposed",
            "review.completed",
            "policy.decided",
            "approval.requested",
            "approval.decided",
            "tool.started",
            "tool.completed",
            "tool.outcome_unknown",
            "run.succeeded",
            "run.rejected",
            "run.blocked",
            "run.failed",
            "run.timed_out",
            "run.cancelled");

    private static final ObjectMapper JSON = new ObjectMapper();

    @Provide
    Arbitrary<RunEvent> events() {
        return AnyEvent.events();
    }

    @Property(tries = 4_000, edgeCases = EdgeCasesMode.NONE)
    @StatisticsReport(StatisticsReport.StatisticsReportMode.OFF)
    void everyEventComesBackFromItsJson(@ForAll("events") RunEvent event) throws JsonProcessingException {
        var type = EventCodec.type(event);
        var text = JSON.writeValueAsString(EventCodec.data(event));

        assertThat(EventCodec.parse(type, map(text))).isEqualTo(event);

        Statistics.label("type")
                .collect(type)
                .coverage(seen -> TYPES.forEach(each -> seen.check(each).count(count -> count > 5)));
    }

    @Property(tries = 1_000, edgeCases = EdgeCasesMode.NONE)
    void typesAreThoseOfTheApi(@ForAll("events") RunEvent event) {
        assertThat(TYPES).contains(EventCodec.type(event));
    }

    @Property(tries = 500, edgeCases = EdgeCasesMode.NONE)
    void fieldsOfANewerVersionAreLeftAlone(@ForAll("events") RunEvent event) {
        var data = new LinkedHashMap<>(EventCodec.data(event));
        data.put("added_later", List.of(1));

        assertThat(EventCodec.parse(EventCodec.type(event), data)).isEqualTo(event);
    }

    /** One field is replaced, or one is gone, wherever in the data it is. */
    @Property(tries = 10_000, edgeCases = EdgeCasesMode.NONE)
    void garbageIsAnIllegalArgumentAndNothingElse(
            @ForAll("events") RunEvent event, @ForAll("damage") Tuple2<Integer, Object> damage) {
        var count = new int[] {damage.get1()};
        var damaged = damaged(EventCodec.data(event), count, damage.get2());

        parses(EventCodec.type(event), map(damaged));
    }

    @Provide
    Arbitrary<Tuple2<Integer, Object>> damage() {
        var wrong =
                Arbitraries.oneOf(AnyEvent.json(), Arbitraries.of("task_", "apr_1", "", "-1", "run_zz", "2026-13-01"));
        return Combinators.combine(Arbitraries.integers().between(0, 30), wrong).as(Tuple::of);
    }

    @Property(tries = 2_000, edgeCases = EdgeCasesMode.NONE)
    void anyDataUnderAnyTypeIsAnIllegalArgumentAtWorst(@ForAll("types") String type, @ForAll("events") RunEvent event) {
        parses(type, EventCodec.data(event));
        parses(type, Map.of());
    }

    @Provide
    Arbitrary<String> types() {
        return Arbitraries.oneOf(
                Arbitraries.of(TYPES), Arbitraries.of("run.queued", "run.SUCCEEDED", "run.", "agent.delta", ""));
    }

    @Test
    void typesAreExactWords() {
        for (var type : List.of("run.SUCCEEDED", "run.running", "run.queued", "run.", "agent.delta", "")) {
            assertThatThrownBy(() -> EventCodec.parse(type, Map.of()))
                    .as(type)
                    .isInstanceOf(IllegalArgumentException.class);
        }
    }

    @Test
    void idsCarryTheirPrefixes() {
        var accepted = new RunEvent.Accepted(new World(new int[1]).request());

        assertThat(EventCodec.data(accepted)).containsEntry("run_id", "run_" + World.RUN);
        var bare = new LinkedHashMap<>(EventCodec.data(accepted));
        bare.put("run_id", World.RUN.toString());
        assertThatThrownBy(() -> EventCodec.parse("run.accepted", bare)).isInstanceOf(IllegalArgumentException.class);
    }

    private static void parses(String type, Map<String, Object> data) {
        try {
            assertThat(EventCodec.type(EventCodec.parse(type, data))).isEqualTo(type);
        } catch (IllegalArgumentException refused) {
            assertThat(refused).isNotNull();
        }
    }

    private static Object damaged(Object value, int[] left, Object wrong) {
        if (value instanceof Map<?, ?> fields) {
            var copy = new LinkedHashMap<String, Object>();
            fields.forEach((name, field) -> {
                var last = left[0]-- == 0;
                if (!last) {
                    copy.put((String) name, damaged(field, left, wrong));
                } else if (!wrong.equals("")) {
                    copy.put((String) name, wrong);
                }
            });
            return copy;
        }
        if (value instanceof List<?> items) {
            var copy = new ArrayList<Object>();
            items.forEach(item -> copy.add(left[0]-- == 0 ? wrong : damaged(item, left, wrong)));
            return copy;
        }
        return value;
    }

    @SuppressWarnings("unchecked") // the copy of a map is one
    private static Map<String, Object> map(Object value) {
        return (Map<String, Object>) value;
    }

    private static Map<String, Object> map(String text) throws JsonProcessingException {
        return JSON.readValue(text, new TypeReference<>() {});
    }
}
