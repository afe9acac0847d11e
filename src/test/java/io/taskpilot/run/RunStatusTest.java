package io.taskpilot.run;

import static io.taskpilot.run.RunStatus.AWAITING_APPROVAL;
import static io.taskpilot.run.RunStatus.QUEUED;
import static io.taskpilot.run.RunStatus.RUNNING;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class RunStatusTest {
    private static final Path DIAGRAM = Path.of("docs", "run-status.md");
    private static final Set<RunStatus> TERMINAL = EnumSet.range(RunStatus.SUCCEEDED, RunStatus.CANCELLED);

    /** As the design says it: no cell is taken from the code. A queued run has not done anything to succeed by. */
    private static boolean mayBecome(RunStatus from, RunStatus to) {
        return switch (from) {
            case QUEUED -> to == RUNNING || (TERMINAL.contains(to) && to != RunStatus.SUCCEEDED);
            case RUNNING -> to == AWAITING_APPROVAL || TERMINAL.contains(to);
            case AWAITING_APPROVAL -> to == RUNNING || (TERMINAL.contains(to) && to != RunStatus.SUCCEEDED);
            default -> false;
        };
    }

    @ParameterizedTest
    @EnumSource
    void everyCellOfTheTableIsAsDesigned(RunStatus from) {
        for (var to : RunStatus.values()) {
            assertThat(from.next().contains(to)).as("%s -> %s", from, to).isEqualTo(mayBecome(from, to));
        }
        assertThat(from.isTerminal())
                .isEqualTo(TERMINAL.contains(from))
                .isEqualTo(from.next().isEmpty());
    }

    @Test
    void everyStatusIsReachedFromQueuedAndEveryOneCanEnd() {
        assertThat(reachable(QUEUED)).containsExactlyInAnyOrder(RunStatus.values());
        for (var status : RunStatus.values()) {
            assertThat(reachable(status)).anyMatch(RunStatus::isTerminal);
        }
    }

    private static Set<RunStatus> reachable(RunStatus from) {
        var found = EnumSet.of(from);
        for (var i = 0; i < RunStatus.values().length; i++) {
            EnumSet.copyOf(found).forEach(status -> found.addAll(status.next()));
        }
        return found;
    }

    @ParameterizedTest
    @EnumSource
    void wordsAreThoseOfTheApi(RunStatus status) {
        var words = Map.of(
                QUEUED,
                "queued",
                RUNNING,
                "running",
                AWAITING_APPROVAL,
                "awaiting_approval",
                RunStatus.SUCCEEDED,
                "succeeded",
                RunStatus.REJECTED,
                "rejected",
                RunStatus.BLOCKED,
                "blocked",
                RunStatus.FAILED,
                "failed",
                RunStatus.TIMED_OUT,
                "timed_out",
                RunStatus.CANCELLED,
                "cancelled");

        assertThat(status.word()).isEqualTo(words.get(status));
        assertThat(RunStatus.of(status.word())).isEqualTo(status);
    }

    @Test
    void unknownWordIsRefused() {
        assertThatThrownBy(() -> RunStatus.of("done")).isInstanceOf(IllegalArgumentException.class);
    }

    /** {@code mvn test -Dtest=RunStatusTest -Dtaskpilot.writeDocs=true} writes it. */
    @Test
    void diagramInTheDocsIsTheTable() throws IOException {
        if (Boolean.getBoolean("taskpilot.writeDocs")) {
            Files.writeString(DIAGRAM, diagram());
        }

        assertThat(DIAGRAM).hasContent(diagram());
    }

    private static String diagram() {
        var out = new StringBuilder("""
                # Run status

                Generated from `RunStatus` by `RunStatusTest`; after a change of the table run
                `mvn test -Dtest=RunStatusTest -Dtaskpilot.writeDocs=true`.

                ```mermaid
                stateDiagram-v2
                    [*] --> queued
                """);
        for (var from : RunStatus.values()) {
            from.next().stream()
                    .sorted()
                    .forEach(to -> out.append("    %s --> %s\n".formatted(from.word(), to.word())));
        }
        TERMINAL.forEach(end -> out.append("    %s --> [*]\n".formatted(end.word())));
        return out.append("```\n").toString();
    }
}
