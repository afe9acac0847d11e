package io.taskpilot;

import static java.util.stream.Collectors.toMap;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.platform.commons.annotation.Testable;
import org.junit.platform.commons.support.AnnotationSupport;
import org.junit.platform.commons.support.HierarchyTraversalMode;
import org.junit.platform.commons.support.ReflectionSupport;

/** Holds {@code docs/reliability-rules.md} against the code: what it names is there. */
class ReliabilityRulesTest {
    private static final Path PAGE = Path.of("docs/reliability-rules.md");
    private static final Path MAIN = Path.of("src/main");
    private static final Path TESTS = Path.of("src/test/java");
    private static final Pattern CODE = Pattern.compile("`([^`]+)`");

    private record Rule(String rule, List<String> where, List<String> tests) {
        static Rule of(String line) {
            var cells = line.split("\\|", -1);
            assertThat(cells).as(line).hasSize(5);
            return new Rule(cells[1].strip(), code(cells[2]), code(cells[3]));
        }

        private static List<String> code(String cell) {
            return CODE.matcher(cell).results().map(found -> found.group(1)).toList();
        }
    }

    private static List<Rule> rules() throws IOException {
        return Files.readAllLines(PAGE).stream()
                .filter(line -> line.startsWith("| ") && !line.startsWith("| rule |"))
                .map(Rule::of)
                .toList();
    }

    @Test
    void everyRuleIsSaidOnceAndNamesAPlaceAndATest() throws IOException {
        assertThat(rules()).isNotEmpty().allSatisfy(rule -> {
            assertThat(rule.rule()).isNotBlank();
            assertThat(rule.where()).as(rule.rule()).isNotEmpty();
            assertThat(rule.tests()).as(rule.rule()).isNotEmpty();
        });
        assertThat(rules()).extracting(Rule::rule).doesNotHaveDuplicates();
    }

    @Test
    void everyPlaceIsThere() throws IOException {
        var places = named(MAIN);
        for (var rule : rules()) {
            assertThat(places.keySet()).as(rule.rule()).containsAll(rule.where());
        }
    }

    @Test
    void everyTestIsThere() throws IOException {
        var classes = named(TESTS);
        for (var rule : rules()) {
            for (var test : rule.tests()) {
                var dot = test.indexOf('.');
                assertThat(dot).as("%s (expected: Class.method)", test).isPositive();
                assertThat(classes).as(test).containsKey(test.substring(0, dot));
                assertThat(tests(Objects.requireNonNull(classes.get(test.substring(0, dot)))))
                        .as(test)
                        .contains(test.substring(dot + 1));
            }
        }
    }

    /** Files by their name, without the ending of Java's. */
    private static Map<String, Path> named(Path root) throws IOException {
        try (var files = Files.walk(root)) {
            return files.filter(Files::isRegularFile)
                    .collect(toMap(
                            file -> file.getFileName().toString().replaceFirst("\\.java$", ""),
                            file -> file,
                            (one, other) -> one));
        }
    }

    /** The names of a class's tests, those it has from a contract included. */
    private static List<String> tests(Path file) {
        var name =
                TESTS.relativize(file).toString().replaceFirst("\\.java$", "").replace('/', '.');
        return ReflectionSupport.findMethods(
                        load(name),
                        method -> AnnotationSupport.isAnnotated(method, Testable.class),
                        HierarchyTraversalMode.TOP_DOWN)
                .stream()
                .map(method -> method.getName())
                .toList();
    }

    private static Class<?> load(String name) {
        try {
            return Class.forName(name);
        } catch (ClassNotFoundException e) {
            throw new IllegalStateException(name, e);
        }
    }
}
