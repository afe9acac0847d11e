package io.taskpilot.app;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** {@code docs/degradation.md} says nothing that is not there. */
class DegradationPageTest {
    private static final Path TESTS = Path.of("src/test/java");
    private static final Pattern CODE = Pattern.compile("`([^`]+)`");
    private static final Pattern TEST = Pattern.compile("([A-Z]\\w*Test|[A-Z]\\w*IT)#(\\w+)");
    private static final Pattern KEY = Pattern.compile("([a-z]\\w*(?:\\.[a-z]\\w*)+)(?:: \\w+)?");
    private static final Pattern PROBLEM =
            Pattern.compile("(?:overload|policy|guardrails|provider|limit|archive)-[a-z-]+");
    private static final Pattern GAUGE = Pattern.compile("taskpilot_dependency_up\\{dependency=\"(\\w+)\"}");

    /** Each engine of its own kind, none of them there: a server starts all the same. */
    private static final Map<String, String> OUTSIDE = Map.of(
            "TASKPILOT_OPA_URL", "http://127.0.0.1:1",
            "TASKPILOT_GUARDRAILS_URL", "http://127.0.0.1:1",
            "TASKPILOT_REDIS_URL", "redis://127.0.0.1:1",
            "TASKPILOT_S3_URL", "http://127.0.0.1:1",
            "TASKPILOT_S3_ACCESS_KEY", "local-access",
            "TASKPILOT_S3_SECRET_KEY", "local-secret",
            "TASKPILOT_LLM_BASE_URL", "http://127.0.0.1:1/v1");

    private static String page;
    private static List<String> rows;
    private static List<String> code;

    @BeforeAll
    static void read() throws IOException {
        page = Files.readString(Path.of("docs/degradation.md"));
        rows = page.lines().filter(line -> line.startsWith("| `")).toList();
        code = CODE.matcher(page).results().map(match -> match.group(1)).toList();
        assertThat(rows).isNotEmpty();
    }

    @Test
    void everyRowNamesATest() {
        assertThat(rows).allSatisfy(row -> assertThat(row).containsPattern(TEST));
    }

    @Test
    void everyTestItNamesExists() throws Exception {
        for (var test : TEST.matcher(page).results().toList()) {
            assertThat(methods(test.group(1))).as(test.group()).contains(test.group(2));
        }
    }

    private static List<String> methods(String simpleName) throws Exception {
        try (var files = Files.walk(TESTS)) {
            var file = files.filter(path -> path.endsWith(simpleName + ".java"))
                    .findFirst()
                    .orElseThrow(() -> new AssertionError("no test class " + simpleName));
            var name = TESTS.relativize(file).toString().replace(".java", "").replace('/', '.');
            var methods = new ArrayList<String>();
            for (Class<?> type = Class.forName(name);
                    type != Object.class;
                    type = Objects.requireNonNull(type.getSuperclass())) {
                Arrays.stream(type.getDeclaredMethods()).forEach(method -> methods.add(method.getName()));
            }
            return methods;
        }
    }

    @Test
    void everyDependencyThatAServerReportsHasARowAndNoOtherHas() throws Exception {
        var reported = new TreeSet<>(dependencies(Map.of()));
        reported.addAll(dependencies(OUTSIDE));

        var described = rows.stream()
                .map(row -> row.substring(3, row.indexOf('`', 3)))
                .collect(Collectors.toCollection(TreeSet::new));

        assertThat(described).isEqualTo(reported);
    }

    private static Set<String> dependencies(Map<String, String> engines) throws Exception {
        try (var server = TestServer.start(engines)) {
            var metrics = new ApiUser(URI.create(server.managementUrl())).send("GET", "/metrics", null);
            return GAUGE.matcher(metrics.body())
                    .results()
                    .map(match -> match.group(1))
                    .collect(Collectors.toSet());
        }
    }

    @Test
    void everySettingItNamesIsOne() throws IOException {
        var settings = Files.readString(Path.of("docs/settings.md"));
        var named = code.stream()
                .map(KEY::matcher)
                .filter(Matcher::matches)
                .map(key -> key.group(1))
                .toList();

        assertThat(named).isNotEmpty().allSatisfy(key -> assertThat(settings).contains("| `" + key + "` |"));
    }

    @Test
    void everyProblemItNamesIsOne() throws Exception {
        var named = code.stream()
                .map(PROBLEM::matcher)
                .filter(Matcher::matches)
                .map(Matcher::group)
                .distinct()
                .toList();
        assertThat(named).isNotEmpty();
        try (var server = TestServer.start(Map.of())) {
            for (var slug : named) {
                assertThat(server.user().send("GET", "/problems/" + slug, null).statusCode())
                        .as(slug)
                        .isEqualTo(200);
            }
        }
    }
}
