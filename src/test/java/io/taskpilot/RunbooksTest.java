package io.taskpilot;

import static java.util.stream.Collectors.toCollection;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** Whoever is called by an alert finds what to do: every alert says what it must, has a page, and was tested. */
class RunbooksTest {
    private static final Path PAGES = Path.of("docs/runbooks");
    private static final Path TESTS = Path.of("prometheus/tests");
    private static final Pattern HEADING = Pattern.compile("(?m)^#+ .*$");
    private static final Pattern LINK = Pattern.compile("]\\(([^)#]+\\.md)");

    private static Set<String> alerts() throws IOException {
        return AlertRules.alerts().stream()
                .map(rule -> rule.path("alert").asText())
                .collect(toCollection(TreeSet::new));
    }

    private static List<Path> pages() throws IOException {
        try (var files = Files.list(PAGES)) {
            return files.filter(file -> !file.endsWith("README.md")).sorted().toList();
        }
    }

    @Test
    void everyAlertHasAPageAndEveryPageAnAlert() throws IOException {
        assertThat(pages())
                .extracting(page -> page.getFileName().toString())
                .containsExactlyElementsOf(
                        alerts().stream().map(alert -> alert + ".md").toList());
    }

    @Test
    void everyPageSaysWhatItMeansWhomItHurtsWhyItIsAndWhatToDo() throws IOException {
        for (var page : pages()) {
            var name = page.getFileName().toString().replace(".md", "");
            assertThat(HEADING.matcher(Files.readString(page)).results().map(MatchResult::group))
                    .as(name)
                    .containsExactly("# " + name, "## Meaning", "## Impact", "## Diagnosis", "## Mitigation");
        }
    }

    @Test
    void everyPageThatIsLinkedIsThere() throws IOException {
        for (var page : pages()) {
            assertThat(LINK.matcher(Files.readString(page)).results().map(found -> page.resolveSibling(found.group(1))))
                    .as(page.toString())
                    .allMatch(Files::exists);
        }
    }

    @Test
    void everyAlertSaysHowSevereItIsAndWhereToRead() throws IOException {
        assertThat(AlertRules.alerts()).isNotEmpty().allSatisfy(RunbooksTest::saysAll);
    }

    private static void saysAll(JsonNode rule) {
        var name = rule.path("alert").asText();
        assertThat(rule.at("/labels/severity").asText()).as(name).isIn("critical", "warning", "info");
        assertThat(rule.at("/labels/component").asText()).as(name).isNotBlank();
        assertThat(rule.at("/annotations/summary").asText()).as(name).isNotBlank();
        assertThat(rule.at("/annotations/description").asText()).as(name).isNotBlank();
        assertThat(rule.at("/annotations/runbook_url").asText()).as(name).isEqualTo("docs/runbooks/%s.md", name);
        if (name.contains("BudgetBurn")) {
            assertThat(rule.at("/labels/slo").asText()).as(name).isNotBlank();
        }
    }

    @Test
    void everyAlertWasSeenToFireAndSeenToKeepSilent() throws IOException {
        var fired = new TreeSet<String>();
        var silent = new TreeSet<String>();
        try (var files = Files.newDirectoryStream(TESTS, "*.test.yaml")) {
            for (var file : files) {
                for (var test : new YAMLMapper().readTree(file.toFile()).path("tests")) {
                    for (var check : test.path("alert_rule_test")) {
                        var seen = check.path("exp_alerts").isEmpty() ? silent : fired;
                        seen.add(check.path("alertname").asText());
                    }
                }
            }
        }
        silent.add("Watchdog"); // never is
        assertThat(fired).isEqualTo(alerts());
        assertThat(silent).isEqualTo(alerts());
    }
}
