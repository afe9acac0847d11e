package io.taskpilot.stack;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Files of services that do not run here: read as far as that goes, and held against each other. */
class StackFilesTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final YAMLMapper YAML = new YAMLMapper();
    private static final String STREAM = "logs-taskpilot-default";

    @ParameterizedTest
    @ValueSource(
            strings = {
                "docker/jaeger/config.yaml",
                "docker/tempo/config.yaml",
                "docker/filebeat/filebeat.yml",
                "docker/logstash/config/logstash.yml",
                "docker/logstash/config/pipelines.yml",
                "prometheus/prometheus.yml",
                "prometheus/alertmanager.yml",
                "grafana/provisioning/datasources/taskpilot.yaml",
                "grafana/provisioning/dashboards/taskpilot.yaml"
            })
    void theFileIsYaml(String file) throws Exception {
        assertThat(yaml(file).isContainerNode()).isTrue();
    }

    /** A service by another name would never be found. */
    @Test
    void whatPrometheusScrapesIsAServiceThatItReaches() throws Exception {
        var compose = Compose.read();
        var own = networks(compose, "prometheus");
        for (var job : yaml("prometheus/prometheus.yml").path("scrape_configs")) {
            for (var found : job.path("dns_sd_configs")) {
                for (var name : found.path("names")) {
                    assertThat(networks(compose, name.asText()))
                            .as(name.asText())
                            .containsAnyElementsOf(own);
                }
            }
        }
        assertThat(yaml("prometheus/prometheus.yml")
                        .at("/global/scrape_interval")
                        .asText())
                .isEqualTo("15s");
    }

    /** {@code --scale taskpilot=3} and a container made anew: an address that was looked up once is not enough. */
    @Test
    void theGatewayLooksItsNodesUpAgain() throws Exception {
        var nodes = Files.readString(Path.of("docker/nginx/nodes.conf"));
        assertThat(nodes)
                .containsPattern("(?m)^resolver 127[.]0[.]0[.]11 valid=[0-9]s")
                .containsPattern("(?m)^server taskpilot:8000 resolve ");
        var image = Pattern.compile("nginx:([0-9]+)[.]([0-9]+)[.].*")
                .matcher(Compose.read().service("nginx").path("image").asText());
        assertThat(image.matches()).isTrue();
        assertThat(Integer.parseInt(image.group(1)) * 1_000 + Integer.parseInt(image.group(2)))
                .as("1.27.3 was the first that can")
                .isGreaterThanOrEqualTo(1_028);
    }

    /** It would take away a plugin that is out of date, fail to write the new one, and be without a data source. */
    @Test
    void grafanaReplacesNoPluginOfItsImage() throws Exception {
        assertThat(Compose.read().service("grafana").path("read_only").asBoolean())
                .isTrue();
        assertThat(Files.readString(Path.of("grafana/grafana.ini")))
                .containsPattern("(?s)\n\\[plugins]\npreinstall_disabled = true\npreinstall_auto_update = false\n");
        var source = yaml("grafana/provisioning/datasources/taskpilot.yaml").at("/datasources/0/uid");
        assertThat(Files.readString(Path.of("scripts/verify-stack.sh")))
                .as("Grafana itself is up without a plugin")
                .contains("/api/datasources/uid/" + source.asText() + "/health");
    }

    @Test
    void theSourcesOfGrafanaAreServicesThatItReaches() throws Exception {
        var compose = Compose.read();
        var own = networks(compose, "grafana");
        for (var source :
                yaml("grafana/provisioning/datasources/taskpilot.yaml").path("datasources")) {
            var host = URI.create(source.path("url").asText()).getHost();
            assertThat(networks(compose, host)).as(host).containsAnyElementsOf(own);
        }
        var secret = Pattern.compile("[$]__file[{]/run/secrets/(\\w+)[}]")
                .matcher(Files.readString(Path.of("grafana/provisioning/datasources/taskpilot.yaml")));
        assertThat(secret.find()).isTrue();
        assertThat(Files.readString(Path.of("docker/init/prepare"))).contains("grafana/" + secret.group(1));
        assertThat(compose.environment("grafana"))
                .containsEntry("ELASTICSEARCH_USER", "taskpilot_reader")
                .containsEntry("GF_SECURITY_ADMIN_PASSWORD__FILE", "/run/secrets/grafana_admin_password");
    }

    @Test
    void dashboardsLieWhereTheirProviderLooks() throws Exception {
        var compose = Compose.read();
        var provider = yaml("grafana/provisioning/dashboards/taskpilot.yaml")
                .at("/providers/0/options/path")
                .asText();
        assertThat(targets(compose, "grafana")).containsEntry(provider, "grafana/dashboards");
        try (var files = Files.list(Path.of("grafana/dashboards"))) {
            for (var file : files.toList()) {
                var dashboard = JSON.readTree(file.toFile());
                assertThat(dashboard.path("uid").asText()).as(file.toString()).isNotBlank();
                assertThat(dashboard.has("dashboard")).as(file.toString()).isFalse();
            }
        }
    }

    @Test
    void theCollectorAndItsBackendsMeet() throws Exception {
        var compose = Compose.read();
        assertThat(targets(compose, "otel-collector"))
                .containsEntry("/etc/otel-collector-config.yml", "otel/collector.yaml")
                .containsEntry("/etc/otelcol/service-graph.yaml", "otel/service-graph.yaml");
        assertThat(compose.arguments("otel-collector")).startsWith("--config=/etc/otel-collector-config.yml");
        assertThat(yaml("docker/jaeger/config.yaml")
                        .at("/receivers/otlp/protocols/grpc/endpoint")
                        .asText())
                .endsWith(":4317");
        assertThat(yaml("docker/tempo/config.yaml")
                        .at("/distributor/receivers/otlp/protocols/grpc/endpoint")
                        .asText())
                .endsWith(":4317");
        // Tempo 3 refuses to start with what 2 had.
        assertThat(yaml("docker/tempo/config.yaml").fieldNames())
                .toIterable()
                .doesNotContain("ingester", "compactor", "metrics_generator_client");
        var graph = yaml("otel/service-graph.yaml");
        var base = yaml("otel/collector.yaml");
        for (var list :
                List.of("/service/pipelines/traces~1in/exporters", "/service/pipelines/metrics~1span/receivers")) {
            assertThat(Compose.texts(graph.at(list)))
                    .containsAll(Compose.texts(base.at(list)))
                    .hasSize(base.at(list).size() + 1)
                    .contains("service_graph");
        }
        // Jaeger finds the metrics under the names that the collector gives them.
        assertThat(base.at("/connectors/span_metrics/namespace").asText().replace('.', '_'))
                .isEqualTo(yaml("docker/jaeger/config.yaml")
                        .at("/extensions/jaeger_storage/metric_backends/spans/prometheus/metric_namespace")
                        .asText());
    }

    /** What an objective of 30 days is measured by has to be kept for longer. */
    @Test
    void metricsAreKeptForLongerThanTheObjectivesTake() throws Exception {
        var compose = Compose.read().arguments("prometheus").stream()
                .filter(argument -> argument.startsWith("--storage.tsdb.retention.time="));
        assertThat(compose)
                .singleElement()
                .satisfies(argument ->
                        assertThat(days(argument.replaceAll(".*=", ""))).isGreaterThan(30));
        var chart = yaml("helm/taskpilot/charts/observability/values.yaml");
        assertThat(days(chart.at("/prometheus/retention").asText())).isGreaterThan(30);
    }

    private static int days(String duration) {
        assertThat(duration).endsWith("d");
        return Integer.parseInt(duration.replace("d", ""));
    }

    @Test
    void aLogLineHasOneWayToOneStream() throws Exception {
        var compose = Compose.read();
        assertThat(yaml("docker/filebeat/filebeat.yml")
                        .at("/output.logstash/hosts/0")
                        .asText())
                .isEqualTo("logstash:5044");
        var pipeline = Files.readString(Path.of("docker/logstash/pipeline/logs.conf"));
        assertThat(pipeline).contains("port => 5044", "index => \"" + STREAM + "\"", "action => \"create\"");
        assertThat(pipeline).doesNotContain("json {", "codec =>");
        assertThat(balanced(pipeline)).isTrue();
        var variables =
                Pattern.compile("[$][{](\\w+)[}]").matcher(pipeline).results().map(match -> match.group(1));
        var known = new TreeSet<>(compose.environment("logstash").keySet());
        known.add("WRITER_PASSWORD"); // by its entry point
        assertThat(known).containsAll(variables.toList());
        assertThat(String.join(" ", compose.arguments("logstash"))).contains("WRITER_PASSWORD");
        assertThat(yaml("docker/logstash/config/logstash.yml")
                        .at("/dead_letter_queue.enable")
                        .asBoolean())
                .isTrue();
        assertThat(yaml("docker/logstash/config/pipelines.yml")
                        .at("/0/path.config")
                        .asText())
                .startsWith("/usr/share/logstash/pipeline/");
    }

    /** The last words of a JVM are no JSON: they are known by the container they come from. */
    @Test
    void whatTheServerPrintsBesidesItsLogIsKept() throws Exception {
        var filebeat = yaml("docker/filebeat/filebeat.yml");
        var kept = filebeat.at("/processors/0/drop_event/when/not/or");
        assertThat(kept)
                .extracting(JsonNode::toString)
                .containsExactly(
                        "{\"equals\":{\"service.name\":\"taskpilot\"}}",
                        "{\"equals\":{\"docker.attrs.tag\":\"taskpilot\"}}");
        Compose.read().services().forEach((name, service) -> {
            var options = service.at("/logging/options");
            assertThat(options.path("tag").asText()).as(name).isEqualTo(name.equals("taskpilot") ? "taskpilot" : "");
            assertThat(options.path("max-file").asInt()).as(name).isEqualTo(5);
        });
        assertThat(Files.readString(Path.of("docker/logstash/pipeline/logs.conf")))
                .contains("if [error][type] == \"json\"", "_jsonparsefailure");
    }

    /** What Docker rotates away while Filebeat does not run: at most nine, by the one digit. */
    @Test
    void rotatedFilesAreReadToo() throws Exception {
        assertThat(Compose.texts(yaml("docker/filebeat/filebeat.yml").at("/filebeat.inputs/0/paths")))
                .containsExactly(
                        "/var/lib/docker/containers/*/*-json.log", "/var/lib/docker/containers/*/*-json.log.[0-9]");
        assertThat(Files.readString(Path.of("docker/logstash/pipeline/logs.conf")))
                .as("a file that is rotated has another path")
                .contains("[log][file][fingerprint]")
                .doesNotContain("[log][file][path]");
    }

    @Test
    void theStreamIsKeptForTwoWeeksByAUserWhoMayOnlyAdd() throws Exception {
        var template =
                JSON.readTree(Path.of("docker/elastic/index-template.json").toFile());
        assertThat(Compose.texts(template.path("index_patterns"))).containsExactly("logs-taskpilot-*");
        assertThat(template.has("data_stream")).isTrue();
        assertThat(template.at("/template/lifecycle/data_retention").asText()).isEqualTo("14d");
        for (var field : List.of("/trace/properties/id", "/transaction/properties/id", "/span/properties/id")) {
            assertThat(template.at("/template/mappings/properties" + field + "/type")
                            .asText())
                    .isEqualTo("keyword");
        }
        var writer =
                JSON.readTree(Path.of("docker/elastic/taskpilot_writer.json").toFile());
        assertThat(Compose.texts(writer.at("/indices/0/privileges")))
                .contains("create_doc")
                .doesNotContain("all", "write", "delete", "read");
        var reader =
                JSON.readTree(Path.of("docker/elastic/taskpilot_reader.json").toFile());
        assertThat(Compose.texts(reader.at("/indices/0/privileges"))).containsExactly("read", "view_index_metadata");
        assertThat(Compose.texts(reader.path("cluster")))
                .as("Grafana's health check asks for the version")
                .containsExactly("monitor");
        assertThat(Files.readString(Path.of("docker/init/elasticsearch")))
                .contains("_data_stream/" + STREAM, "kibana_system");
    }

    @Test
    void whatIsBroughtIntoKibanaIsWhole() throws Exception {
        var objects = new ArrayList<JsonNode>();
        for (var line : Files.readAllLines(Path.of("docker/kibana/taskpilot.ndjson"))) {
            objects.add(JSON.readTree(line));
        }
        var ids = objects.stream()
                .map(object ->
                        object.path("type").asText() + " " + object.path("id").asText())
                .collect(Collectors.toSet());
        assertThat(objects)
                .extracting(object -> object.path("type").asText())
                .contains("index-pattern", "search", "dashboard");
        for (var object : objects) {
            for (var reference : object.path("references")) {
                assertThat(ids)
                        .contains(reference.path("type").asText() + " "
                                + reference.path("id").asText());
            }
            for (var inner : List.of("/attributes/panelsJSON", "/attributes/kibanaSavedObjectMeta/searchSourceJSON")) {
                if (!object.at(inner).isMissingNode()) {
                    assertThat(JSON.readTree(object.at(inner).asText()).isContainerNode())
                            .isTrue();
                }
            }
        }
        var view =
                objects.stream().filter(object -> object.path("type").asText().equals("index-pattern"));
        assertThat(view)
                .singleElement()
                .satisfies(object ->
                        assertThat(object.at("/attributes/title").asText()).isEqualTo("logs-taskpilot-*"));
    }

    /** A service that the script does not know, nobody asks. */
    @Test
    void everyServiceIsAskedAndEveryPageIsNamed() throws Exception {
        var script = Files.readString(Path.of("scripts/verify-stack.sh"));
        var compose = Compose.read();
        for (var service : compose.services().entrySet()) {
            if (!service.getValue().path("restart").asText().equals("no")
                    && !Set.of("demo", "grafana-demo").contains(service.getKey())) {
                assertThat(script)
                        .as(service.getKey())
                        .containsPattern(
                                "(runs|for service in .*)\\b" + service.getKey() + "\\b|runs " + service.getKey());
            }
            for (var port : service.getValue().path("ports")) {
                if (!service.getKey().equals("nginx")) {
                    assertThat(script)
                            .as(service.getKey())
                            .containsPattern("(localhost|127[.]0[.]0[.]1):"
                                    + port.path("published").asText());
                }
            }
        }
    }

    private static boolean balanced(String text) {
        var open = 0;
        for (var character : text.replaceAll("(?m)#.*$", "").toCharArray()) {
            open += character == '{' ? 1 : character == '}' ? -1 : 0;
            if (open < 0) {
                return false;
            }
        }
        return open == 0;
    }

    private static Set<String> networks(Compose compose, String service) {
        return StreamSupport.stream(
                        ((Iterable<String>) () -> compose.service(service)
                                        .path("networks")
                                        .fieldNames())
                                .spliterator(),
                        false)
                .collect(Collectors.toSet());
    }

    /** Where files of the repository are mounted. */
    private static Map<String, String> targets(Compose compose, String service) {
        var here = Path.of("").toAbsolutePath();
        return StreamSupport.stream(compose.service(service).path("volumes").spliterator(), false)
                .filter(volume -> volume.path("type").asText().equals("bind"))
                .collect(Collectors.toMap(
                        volume -> volume.path("target").asText(),
                        volume -> here.relativize(Path.of(volume.path("source").asText()))
                                .toString()));
    }

    private static JsonNode yaml(String file) throws IOException {
        return YAML.readTree(Path.of(file).toFile());
    }
}
