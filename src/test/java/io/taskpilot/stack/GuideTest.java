package io.taskpilot.stack;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** {@code docs/guide.md} has every line of the deployment guide, and names nothing that is not there. */
class GuideTest {
    private static final Pattern NAMED = Pattern.compile("`([^`]+)`");

    /** Tests that start nothing. */
    private static final Set<String> PARSED = Set.of(
            "ComposeTest",
            "StackFilesTest",
            "DockerfileTest",
            "GuideTest",
            "RunbooksTest",
            "SettingsTableTest",
            "NamedMetricsTest",
            "ChartPodTest",
            "ChartWiringTest",
            "ChartSecurityTest",
            "ChartTypesTest",
            "ChartOperationsTest",
            "ChartExamplesTest",
            "ChartLintTest",
            "ChartSettingsTest",
            "load-tests/README.md");

    private record Row(String id, String guide, String here, String files, String seenBy) {}

    @Test
    void everyLineOfTheGuideHasItsRow() throws Exception {
        var expected = Stream.of(
                        ids("A", 1, 15),
                        ids("D", 1, 9),
                        ids("C", 1, 22),
                        ids("K", 1, 16),
                        ids("P", 1, 12),
                        ids("T", 1, 12),
                        ids("L", 1, 7),
                        ids("G", 0, 6),
                        ids("R", 1, 4),
                        ids("H", 1, 2),
                        ids("X", 1, 25))
                .flatMap(List::stream);
        assertThat(rows()).extracting(Row::id).containsExactlyElementsOf(expected.toList());
    }

    @Test
    void everyFileAndTestThatARowNamesIsThere() throws Exception {
        var tests = tests();
        var missing = new ArrayList<String>();
        for (var row : rows()) {
            named(row.files).stream()
                    .filter(file -> !Files.exists(Path.of(file)))
                    .forEach(file -> missing.add(row.id + ": " + file));
            named(row.seenBy).stream()
                    .filter(test -> test.contains("/") ? !Files.exists(Path.of(test)) : !tests.contains(test))
                    .forEach(test -> missing.add(row.id + ": " + test));
        }
        assertThat(missing).isEmpty();
    }

    @Test
    void everyRowSaysWhatIsHereAndWhoHasSeenIt() throws Exception {
        for (var row : rows()) {
            assertThat(row.guide).as(row.id).isNotBlank();
            assertThat(row.here).as(row.id).isNotBlank();
            assertThat(named(row.files)).as(row.id).isNotEmpty();
            assertThat(named(row.seenBy)).as(row.id).isNotEmpty();
        }
    }

    /** Who reads a row knows whether something ran. */
    @Test
    void everyRowSaysWhetherSomethingWasRunOrFilesWereRead() throws Exception {
        for (var row : rows()) {
            var mark = PARSED.containsAll(named(row.seenBy)) ? "parsed: " : "run: ";
            assertThat(row.seenBy).as(row.id).startsWith(mark);
        }
    }

    @Test
    void theCollectorThatIsTestedIsNamed() throws Exception {
        var page = Files.readString(Path.of("docs/guide.md"));
        var built = Pattern.compile("(?m)^  version: ([0-9]+[.][0-9]+)[.]")
                .matcher(Files.readString(Path.of("tools/otelcol/builder.yaml")));
        var shipped = Pattern.compile("opentelemetry-collector-contrib:([0-9]+[.][0-9]+)[.]")
                .matcher(Files.readString(Path.of("docker/compose.yaml")));
        assertThat(built.find() && shipped.find()).isTrue();
        assertThat(page)
                .contains(
                        "built from what the module proxy has: " + built.group(1), "contrib image " + shipped.group(1));
    }

    private static List<String> ids(String letter, int first, int last) {
        return IntStream.rangeClosed(first, last)
                .mapToObj(number -> letter + number)
                .toList();
    }

    private static List<Row> rows() throws IOException {
        var rows = new ArrayList<Row>();
        for (var line : Files.readAllLines(Path.of("docs/guide.md"))) {
            if (line.matches("\\| [A-Z][0-9]+ \\|.*")) {
                var cells = line.split(" \\|", -1);
                assertThat(cells).as(line).hasSize(6);
                rows.add(new Row(cell(cells[0]), cell(cells[1]), cell(cells[2]), cell(cells[3]), cell(cells[4])));
            }
        }
        return rows;
    }

    private static String cell(String text) {
        return text.replaceFirst("^\\|", "").strip();
    }

    private static List<String> named(String cell) {
        return NAMED.matcher(cell).results().map(match -> match.group(1)).toList();
    }

    private static Set<String> tests() throws IOException {
        try (var files = Files.walk(Path.of("src/test/java"))) {
            return files.map(file -> file.getFileName().toString())
                    .filter(name -> name.matches("\\w+(Test|IT)\\.java"))
                    .map(name -> name.replace(".java", ""))
                    .collect(Collectors.toSet());
        }
    }
}
