package io.taskpilot.chart;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.core.util.Separators;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.taskpilot.config.ConfigLoader;
import io.taskpilot.config.Setting;
import io.taskpilot.config.Sources;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** What the chart tells the server is what the server reads. */
class ChartSettingsTest {
    private static final List<String> FOR_OTHERS = List.of("POD_NAME", "NODE_NAME", "JAVA_TOOL_OPTIONS", "HTTPS_PROXY");

    /** By key of the Secret; only their form matters. */
    private static final Map<String, String> SECRETS = Map.of(
            "auth-secret", "0123456789abcdef0123456789abcdef",
            "keys.yaml", "[]",
            "decisions-chain-key", "0123456789abcdef0123456789abcdef",
            "postgres-url", "postgresql://user:password@db.example.com:5432/taskpilot",
            "redis-url", "redis://:password@redis.example.com:6379/0",
            "s3-access-key", "access",
            "s3-secret-key", "secret",
            "openai-api-key", "key",
            "webhook-operations", "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=");

    private static final Path SCHEMA = Chart.HOME.resolve("values.schema.json");
    private static final JsonNode ANY =
            Objects.JSON.createArrayNode().add("string").add("number").add("boolean");
    private static final ObjectWriter PRETTY = Objects.JSON.writer(new DefaultPrettyPrinter(
                    Separators.createDefaultInstance().withObjectFieldValueSpacing(Separators.Spacing.AFTER))
            .withArrayIndenter(DefaultIndenter.SYSTEM_LINEFEED_INSTANCE));

    @TempDir
    private Path dir;

    @TestFactory
    Stream<DynamicTest> everyVariableIsASetting() {
        var settings = ConfigLoader.settings().stream().map(Setting::variable).collect(Collectors.toSet());
        return ValuesFiles.all().entrySet().stream()
                .map(entry -> DynamicTest.dynamicTest(
                        entry.getKey(),
                        () -> servers(entry.getValue().render())
                                .forEach(container -> assertThat(
                                                Objects.environment(container).keySet())
                                        .allMatch(name -> settings.contains(name)
                                                || name.startsWith("OTEL_")
                                                || FOR_OTHERS.contains(name)))));
    }

    /** All containers of the server's image, those of jobs too. */
    private static Stream<JsonNode> servers(Objects objects) {
        return objects.pods().values().stream()
                .flatMap(Objects::containers)
                .filter(container -> container.path("image").asText().contains("/taskpilot:"));
    }

    @TestFactory
    Stream<DynamicTest> theServerTakesWhatTheChartTellsIt() {
        return ValuesFiles.all().entrySet().stream()
                .map(entry -> DynamicTest.dynamicTest(entry.getKey(), () -> {
                    var objects = entry.getValue().render();
                    for (var pod : objects.pods().entrySet()) {
                        if (pod.getKey().startsWith("Deployment/") && hasServer(pod.getValue())) {
                            var sources = sources(objects, pod.getValue());
                            assertThatCode(() -> ConfigLoader.load(sources))
                                    .as(pod.getKey())
                                    .doesNotThrowAnyException();
                        }
                    }
                }));
    }

    private static boolean hasServer(JsonNode pod) {
        return Objects.containers(pod)
                .anyMatch(each -> each.path("name").asText().equals("taskpilot"));
    }

    /** As the container has it, with the directories of the pod under one of ours. */
    private Sources sources(Objects objects, JsonNode pod) throws IOException {
        var secrets = Files.createDirectories(dir.resolve("secrets"));
        for (var secret : SECRETS.entrySet()) {
            Files.writeString(secrets.resolve(secret.getKey()), secret.getValue());
        }
        var map = Objects.named(pod.path("volumes"), "config")
                .at("/configMap/name")
                .asText();
        var text = objects.one("ConfigMap", map).at("/data/taskpilot.yaml").asText();
        var file = Files.writeString(dir.resolve("taskpilot.yaml"), here(text));
        var environment = new TreeMap<String, String>();
        Objects.environment(Objects.named(pod.path("containers"), "taskpilot"))
                .forEach((name, value) -> environment.put(name, here(value)));
        return new Sources(Map.of(), environment, file, List.of(), dir);
    }

    private String here(String text) {
        return text.replace("/run/secrets/taskpilot", dir.resolve("secrets").toString())
                .replace("/etc/taskpilot", Path.of("conf").toAbsolutePath().toString())
                .replace("/var/lib/taskpilot", dir.resolve("data").toString());
    }

    /** What the server has of late goes in with {@code -Dchart.examples=write}, of any type. */
    @Test
    void theSchemaOfConfigHasEverySettingAndNoOther() throws IOException {
        var schema = Objects.JSON.readTree(Files.readString(SCHEMA));
        var settings = ConfigLoader.settings().stream().map(Setting::path).toList();
        if ("write".equals(System.getProperty("chart.examples"))) {
            for (var path : settings) {
                add((ObjectNode) schema.at("/properties/config"), path);
            }
            Files.writeString(SCHEMA, PRETTY.writeValueAsString(schema) + "\n");
        }
        var known = new TreeSet<String>();
        collect(schema.at("/properties/config"), "", known);

        assertThat(known).as("see -Dchart.examples=write").containsExactlyInAnyOrderElementsOf(settings);
    }

    private static void add(ObjectNode config, String path) {
        var properties = config.withObject("/properties");
        var dot = path.indexOf('.');
        if (path.contains("<name>")) {
            return; // entries of a map: by hand
        }
        if (dot < 0) {
            if (!properties.has(path)) {
                properties.set(path, Objects.JSON.createObjectNode().set("type", ANY));
            }
            return;
        }
        var group = path.substring(0, dot);
        if (!properties.has(group)) {
            properties.withObject("/" + group).put("type", "object").put("additionalProperties", false);
        }
        add((ObjectNode) properties.path(group), path.substring(dot + 1));
    }

    private static void collect(JsonNode node, String path, Set<String> known) {
        if (node.path("properties").isObject()) {
            node.path("properties")
                    .properties()
                    .forEach(entry -> collect(
                            entry.getValue(), path.isEmpty() ? entry.getKey() : path + "." + entry.getKey(), known));
        } else if (node.at("/additionalProperties/properties").isObject()) {
            collect(node.path("additionalProperties"), path + ".<name>", known);
        } else {
            known.add(path);
        }
    }
}
