package io.taskpilot.app;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/** The shipped dashboards of Grafana, as what they ask. */
final class Dashboards {
    private static final Path DIRECTORY = Path.of("grafana/dashboards");

    /** Who has the answer to a query: the first whose pattern is in it. */
    private static final Map<Pattern, String> ASKED = new LinkedHashMap<>();

    static {
        ASKED.put(Pattern.compile("\\bcontainer_"), "cAdvisor");
        ASKED.put(Pattern.compile("job=\"opa\""), "OPA");
        ASKED.put(Pattern.compile("job=\"guardrails\""), "guardrails");
        ASKED.put(Pattern.compile("job=~\"otel-collector\\|"), "collector");
        ASKED.put(Pattern.compile("job=\"prometheus\"|\\bALERTS\\b|\\bup\\{"), "Prometheus");
        ASKED.put(Pattern.compile("\\bslo:"), "the rules");
    }

    /** @param queries as the panel has them, variables and all; none where no Prometheus is asked */
    record Panel(String title, String source, List<String> queries) {

        /** Whom it asks. */
        String asks() {
            return queries.isEmpty() ? source : asked(queries.get(0));
        }

        private static String asked(String query) {
            return ASKED.entrySet().stream()
                    .filter(entry -> entry.getKey().matcher(query).find())
                    .map(Map.Entry::getValue)
                    .findFirst()
                    .orElse("server");
        }
    }

    private Dashboards() {}

    /** The panels of each, by its title. */
    static Map<String, List<Panel>> all() throws IOException {
        var dashboards = new LinkedHashMap<String, List<Panel>>();
        try (var files = Files.list(DIRECTORY)) {
            for (var file : files.sorted().toList()) {
                var dashboard = ApiUser.JSON.readTree(file.toFile());
                var panels = new ArrayList<Panel>();
                for (var panel : dashboard.path("panels")) {
                    if (!panel.path("type").asText().equals("row")) {
                        panels.add(panel(panel));
                    }
                }
                dashboards.put(dashboard.path("title").asText(), panels);
            }
        }
        return dashboards;
    }

    private static Panel panel(JsonNode panel) {
        var source = panel.at("/datasource/type").asText();
        var queries = new ArrayList<String>();
        if (source.equals("prometheus")) {
            panel.path("targets")
                    .forEach(target -> queries.add(target.path("expr").asText()));
        }
        var name = source.substring(0, 1).toUpperCase(java.util.Locale.ROOT) + source.substring(1);
        return new Panel(panel.path("title").asText(), name, List.copyOf(queries));
    }

    /** A query as Grafana would send it, with everything chosen. */
    static String filledIn(String query) {
        return query.replace("$__rate_interval", "5m")
                .replace("$__range", "5m")
                .replaceAll("\\$(job|instance|workflow|agent|tool)\\b", ".*");
    }
}
