package io.taskpilot;

import static java.util.stream.Collectors.toCollection;
import static java.util.stream.Collectors.toMap;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Rules, dashboards and documents name only metrics that are there, and only labels that these have. */
class NamedMetricsTest {
    private static final Path PAGE = Path.of("docs/metrics.md"); // made of the definitions in telemetry
    private static final Pattern LABEL = Pattern.compile("`(\\w+)`(?=[:,;]|\\s*$)");

    /** What Prometheus adds, and the bound of a bucket. */
    private static final Set<String> EVERYWHERE = Set.of("job", "instance", "le");

    /** Not of our processes, so that no scrape of ours has them: Kubernetes, cert-manager, probes from outside. */
    private static final Pattern ELSEWHERE = Pattern.compile("(kube|certmanager|probe|container)_\\w+");

    /** Of processes beside ours: the dashboards' test reads them from real ones. */
    private static final Pattern BESIDE = Pattern.compile(
            "(otelcol|guardrails|prometheus|alertmanager)_\\w+|http_request_duration_seconds_\\w+|bundle_\\w+"
                    + "|last_(success_)?bundle_\\w+|process_cpu_seconds_total|up|ALERTS");

    private record Place(String where, String expression) {}

    @Test
    void everyMetricIsDefined() throws IOException {
        var known = known();
        var recorded = recorded();
        for (var place : places()) {
            assertThat(PromQl.metrics(place.expression()))
                    .as("%s: %s", place.where(), place.expression())
                    .isNotEmpty()
                    .allMatch(name -> known.containsKey(name)
                            || recorded.contains(name)
                            || ELSEWHERE.matcher(name).matches()
                            || BESIDE.matcher(name).matches());
        }
    }

    @Test
    void everyLabelIsOneOfTheMetrics() throws IOException {
        var known = known();
        for (var place : places()) {
            var metrics = PromQl.metrics(place.expression());
            if (known.keySet().containsAll(metrics)) {
                var labels = metrics.stream()
                        .flatMap(name -> known.getOrDefault(name, Set.of()).stream())
                        .collect(toCollection(TreeSet::new));
                labels.addAll(EVERYWHERE);
                assertThat(labels)
                        .as("%s: %s", place.where(), place.expression())
                        .containsAll(PromQl.labels(place.expression()));
            }
        }
    }

    @Test
    void documentsNameNoOthers() throws IOException {
        var known = known();
        var word = Pattern.compile("\\btaskpilot(_[a-z]+){2,}\\b(?![_*])");
        for (var page : documents()) {
            assertThat(word.matcher(Files.readString(page)).results().map(MatchResult::group))
                    .as(page.toString())
                    .allMatch(name -> known.containsKey(name) || known.containsKey(name + "_total"));
        }
    }

    /** Each series that the server may have, with the labels of its metric. */
    private static Map<String, Set<String>> known() throws IOException {
        return Files.readAllLines(PAGE).stream()
                .filter(line -> line.startsWith("| `"))
                .map(line -> line.split("\\|", -1))
                .filter(cells -> cells.length == 7)
                .flatMap(cells -> series(cells[1].strip().replace("`", ""), cells[2].strip())
                        .map(name -> Map.entry(name, labels(cells[3]))))
                .collect(toMap(Map.Entry::getKey, Map.Entry::getValue, (one, two) -> one, LinkedHashMap::new));
    }

    private static Stream<String> series(String name, String type) {
        return switch (type) {
            case "histogram" ->
                Stream.of("", "_bucket", "_count", "_sum", "_max").map(name::concat);
            case "summary" -> Stream.of("", "_count", "_sum", "_max").map(name::concat);
            default -> Stream.of(name);
        };
    }

    private static Set<String> labels(String cell) {
        return LABEL.matcher(cell).results().map(found -> found.group(1)).collect(toCollection(TreeSet::new));
    }

    private static Set<String> recorded() throws IOException {
        return AlertRules.all().stream()
                .map(rule -> rule.path("record").asText())
                .collect(toCollection(TreeSet::new));
    }

    private static List<Place> places() throws IOException {
        var places = new ArrayList<Place>();
        for (var rule : AlertRules.all()) {
            if (!rule.path("expr").asText().startsWith("vector(")) {
                places.add(new Place(
                        rule.path("alert").asText(rule.path("record").asText()),
                        rule.path("expr").asText()));
            }
        }
        try (var files = Files.newDirectoryStream(Path.of("grafana/dashboards"), "*.json")) {
            for (var file : files) {
                queries(new ObjectMapper().readTree(file.toFile()))
                        .forEach(
                                query -> places.add(new Place(file.getFileName().toString(), query)));
            }
        }
        try (var files = Files.newDirectoryStream(Path.of("docs/runbooks"), "*.md")) {
            for (var file : files) {
                PromQl.inPage(Files.readString(file))
                        .forEach(
                                query -> places.add(new Place(file.getFileName().toString(), query)));
            }
        }
        return places;
    }

    private static Stream<String> queries(JsonNode dashboard) {
        var panels = dashboard.findValues("expr").stream().map(JsonNode::asText);
        var variables = dashboard.at("/templating/list").findValues("definition").stream()
                .map(node -> node.asText().replaceFirst("^label_values\\((.*), *\\w+\\)$", "$1"));
        return Stream.concat(panels, variables);
    }

    private static List<Path> documents() throws IOException {
        var generated = FileSystems.getDefault().getPathMatcher("glob:docs/metrics.md");
        try (var docs = Files.walk(Path.of("docs"))) {
            return Stream.concat(Stream.of(Path.of("README.md")), docs)
                    .filter(file -> file.toString().endsWith(".md") && !generated.matches(file))
                    .toList();
        }
    }
}
