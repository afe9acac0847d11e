package io.taskpilot.chart;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Values that are refused: {@code bad-values.yaml} has each with the words that must be in the answer. */
class ChartValuesTest {

    static Stream<Arguments> badValues() throws IOException {
        try (var in = ChartValuesTest.class.getResourceAsStream("bad-values.yaml")) {
            var table = Objects.one(new String(in.readAllBytes(), StandardCharsets.UTF_8));
            return Objects.list(table)
                    .map(row -> Arguments.of(
                            row.path("values"),
                            row.path("file").asText(""),
                            row.path("says").asText(),
                            row.path("kubernetes").asText("1.37.0")))
                    .toList()
                    .stream();
        }
    }

    @ParameterizedTest
    @MethodSource("badValues")
    void aBadValueIsRefusedAndTheMessageNamesTheMend(JsonNode values, String file, String says, String kubernetes) {
        var chart = Chart.plain().on(kubernetes);
        var with = file.isEmpty() ? chart : chart.file(file);

        assertThatThrownBy(() -> with.values(values.toString()).text()).hasMessageContaining(says);
    }

    @Test
    void allThatIsWrongIsSaidAtOnce() {
        assertThatThrownBy(() -> Chart.plain().values("""
                        opa: {mode: external}
                        httpRoute: {enabled: true}
                        profile: production
                        """).text())
                .hasMessageContainingAll(
                        "opa.url is missing", "httpRoute.parentRefs: missing", "stores.enabled: one pod");
    }

    @Test
    void theTableIsLong() throws IOException {
        assertThat(badValues()).hasSizeGreaterThanOrEqualTo(40);
    }
}
