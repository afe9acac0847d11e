package io.taskpilot.journal;

import static io.taskpilot.journal.JournalFixture.await;
import static io.taskpilot.journal.JournalFixture.started;
import static io.taskpilot.journal.JournalFixture.turnCompleted;
import static io.taskpilot.journal.JournalFixture.turnStarted;
import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.run.AgentAnswer;
import io.taskpilot.run.RunEvent;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.ShrinkingMode;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class StoredEventTest {
    private static RunEvent returned(Object result) {
        return new RunEvent.ToolCompleted("call-1", "list_tasks", false, result, List.of());
    }

    private static @Nullable Object result(RunEvent event) {
        return ((RunEvent.ToolCompleted) event).result();
    }

    private static String text(RunEvent event) {
        return ((AgentAnswer.Text) ((RunEvent.AgentCompleted) event).answer()).text();
    }

    @Test
    void smallValuesStayInTheEvent() {
        assertThat(StoredEvent.of(turnCompleted(1, "x".repeat(65_536))).artifacts())
                .isEmpty();
    }

    @Test
    void aLargeTextStandsBesideTheEventAndComesBack() {
        var event = turnCompleted(1, "é".repeat(40_000)); // 80,000 bytes

        var stored = StoredEvent.of(event);

        assertThat(stored.artifacts()).singleElement().extracting("path").isEqualTo(List.of("answer", "text"));
        assertThat(stored.data()).hasSizeLessThan(1_000);
        assertThat(stored.event()).isEqualTo(event);
    }

    @Test
    void aLargeResultStandsBesideTheEventWholeAndComesBack() {
        var event = returned(Map.of("tasks", Collections.nCopies(3_000, Map.of("title", "a task", "n", 1))));

        var stored = StoredEvent.of(event);

        assertThat(stored.artifacts()).singleElement().extracting("json").isEqualTo(true);
        assertThat(stored.event()).isEqualTo(event);
    }

    @Test
    void whatIsOverAMebibyteIsCutMarkedAndTheSameEveryTime() {
        var text = "é".repeat(600_001);

        var once = text(StoredEvent.of(turnCompleted(1, text)).event());
        var twice = text(StoredEvent.of(turnCompleted(1, once)).event());

        assertThat(once)
                .endsWith("\n[cut: 1200002 bytes in all]")
                .startsWith("éé")
                .hasSize(524_288 + 28);
        assertThat(StoredEvent.of(turnCompleted(1, text)).data())
                .isEqualTo(StoredEvent.of(turnCompleted(1, text)).data());
        assertThat(twice).startsWith("éé").contains("[cut: ");
    }

    @Test
    void aResultOverAMebibyteBecomesItsTextCut() {
        var stored = StoredEvent.of(returned(Map.of("rows", Collections.nCopies(300_000, "row"))));

        assertThat(result(stored.event()))
                .isInstanceOfSatisfying(
                        String.class,
                        text -> assertThat(text)
                                .startsWith("{\"rows\":[\"row\",")
                                .endsWith(" bytes in all]"));
    }

    @Test
    void aValueThatLooksLikeOurMarkIsJustAValue() {
        var event = returned(Map.of("path", List.of("result"), "json", true, "content", "x"));

        assertThat(StoredEvent.of(event).event()).isEqualTo(event);
    }

    @Test
    void artifactsAreWrittenWithTheEventAndReadBackInItsPlace() {
        try (var fixture = new JournalFixture()) {
            fixture.register();
            var big = "a large answer, ".repeat(10_000);
            var run = fixture.owned().appended(started(), turnStarted(1), turnCompleted(1, big), turnStarted(2));

            assertThat(run.history().get(3).event()).isEqualTo(turnCompleted(1, big));
            assertThat(await(fixture.reader.events(run.id, 3, 10)).get(0).event())
                    .isEqualTo(turnCompleted(1, big));
            assertThat(TestPostgres.query(fixture.address, "select length(content) from artifacts"))
                    .isEqualTo(Integer.toString(big.length()));
        }
    }

    @Property(tries = 200, shrinking = ShrinkingMode.BOUNDED, edgeCases = EdgeCasesMode.NONE)
    void whateverJsonAToolReturnsComesBack(@ForAll("json") Object value) {
        var event = returned(value);

        assertThat(StoredEvent.of(event).event()).isEqualTo(event);
    }

    @Provide
    Arbitrary<Object> json() {
        return json(3);
    }

    private static Arbitrary<Object> json(int depth) {
        var leaf = Arbitraries.<Object>oneOf(
                Arbitraries.strings().ascii().ofMaxLength(20).map(text -> text.replace('\0', '0')),
                Arbitraries.integers().map(number -> number),
                Arbitraries.of(true, false),
                Arbitraries.of("long".repeat(20_000), "é".repeat(30_000)));
        if (depth == 0) {
            return leaf;
        }
        var inner = json(depth - 1);
        return Arbitraries.oneOf(
                leaf,
                inner.list().ofMaxSize(3).map(list -> list),
                Arbitraries.maps(Arbitraries.strings().alpha().ofMaxLength(4), inner)
                        .ofMaxSize(3)
                        .map(map -> map));
    }
}
