package io.taskpilot.chart;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLGenerator;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * What each values file renders, for reading and as a snapshot: {@code docs/operations/examples}. Long texts are left
 * out there. {@code -Dchart.examples=write} writes them anew.
 */
class ChartExamplesTest {
    private static final Path EXAMPLES = Path.of("docs/operations/examples");
    private static final YAMLMapper YAML = YAMLMapper.builder()
            .disable(YAMLGenerator.Feature.SPLIT_LINES)
            .enable(YAMLGenerator.Feature.MINIMIZE_QUOTES)
            .enable(YAMLGenerator.Feature.INDENT_ARRAYS_WITH_INDICATOR)
            .build();

    @TestFactory
    Stream<DynamicTest> theExamplesAreWhatTheChartRenders() {
        return ValuesFiles.shipped().entrySet().stream()
                .map(entry -> DynamicTest.dynamicTest(entry.getKey(), () -> check(entry.getKey(), entry.getValue())));
    }

    private static void check(String name, Chart chart) throws IOException {
        var file = EXAMPLES.resolve(name + ".yaml");
        var text = "# Generated from the chart, for reading; mvn test -Dtest=ChartExamplesTest -Dchart.examples=write\n"
                + example(chart);
        if ("write".equals(System.getProperty("chart.examples"))) {
            Files.createDirectories(EXAMPLES);
            Files.writeString(file, text);
        }
        assertThat(text)
                .as("mvn test -Dtest=ChartExamplesTest -Dchart.examples=write")
                .isEqualTo(Files.readString(file));
    }

    private static String example(Chart chart) throws IOException {
        var text = new StringBuilder();
        var objects = chart.render().all().stream()
                .sorted(Comparator.comparing(
                                (JsonNode object) -> object.path("kind").asText())
                        .thenComparing(Objects::name))
                .toList();
        for (var object : objects) {
            text.append(YAML.writeValueAsString(Objects.shortened(object)));
        }
        return text.toString();
    }
}
