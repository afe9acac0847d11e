package io.taskpilot.chart;

import static java.util.stream.Collectors.joining;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** How the installation is watched and backed up: one rule of the templates each. */
class ChartOperationsTest {

    private static List<String> initNames(JsonNode pod) {
        return Objects.list(pod.path("initContainers"))
                .map(each -> each.path("name").asText())
                .toList();
    }

    // -- watching --

    @Test
    void aServiceMonitorIsFoundByTheLabelsThatAreAskedFor() {
        var monitor = Chart.plain().file("values-production.yaml").render().one("ServiceMonitor", "taskpilot");

        assertThat(monitor.at("/metadata/labels/release").asText()).isEqualTo("kube-prometheus-stack");
        assertThat(monitor.at("/spec/endpoints/0/port").asText()).isEqualTo("metrics");
        assertThat(monitor.at("/spec/endpoints/0/honorLabels").asBoolean()).isTrue();
        assertThat(Objects.texts(monitor.at("/spec/scrapeProtocols")))
                .first()
                .asString()
                .startsWith("OpenMetrics");
    }

    @Test
    void withoutTheExporterTheServersOwnPortIsScraped() {
        var monitor = Chart.plain().file("ci/gateway-values.yaml").render().one("ServiceMonitor", "taskpilot");

        assertThat(monitor.at("/spec/endpoints/0/port").asText()).isEqualTo("management");
        assertThat(monitor.at("/spec/endpoints/0/relabelings/0/replacement").asText())
                .isEqualTo("taskpilot");
    }

    @Test
    void everyMonitorHasOneServiceWithAnAddressForEachPod() {
        var objects = Chart.plain()
                .file("values-production.yaml")
                .file("values-large.yaml")
                .render();

        assertThat(objects.of("ServiceMonitor").map(Objects::name))
                .containsExactlyInAnyOrder("taskpilot", "taskpilot-opa", "taskpilot-guardrails");
        for (var monitor : objects.of("ServiceMonitor").toList()) {
            var labels = monitor.at("/spec/selector/matchLabels");
            var services = objects.of("Service")
                    .filter(service -> labels.properties().stream()
                            .allMatch(label -> service.at("/metadata/labels")
                                    .path(label.getKey())
                                    .equals(label.getValue())))
                    .toList();
            assertThat(services).as(Objects.name(monitor)).hasSize(1);
            assertThat(services.get(0).at("/spec/clusterIP").asText()).isEqualTo("None");
            assertThat(Objects.list(services.get(0).at("/spec/ports"))
                            .map(port -> port.path("name").asText()))
                    .contains(monitor.at("/spec/endpoints/0/port").asText());
        }
        assertThat(objects.one("ServiceMonitor", "taskpilot-opa")
                        .at("/spec/endpoints/0/relabelings/0/replacement")
                        .asText())
                .as("alerts ask for it")
                .isEqualTo("opa");
    }

    @Test
    void thePrometheusOfTheReleaseScrapesEachPodOfTheEngines() {
        var objects = Chart.plain()
                .values("{opa: {mode: service}, guardrails: {mode: service}}")
                .render();
        var config = Objects.one(objects.one("ConfigMap", "taskpilot-prometheus")
                .at("/data/prometheus.yml")
                .asText());

        for (var engine : List.of("opa", "guardrails")) {
            var job = Objects.list(config.path("scrape_configs"))
                    .filter(each -> each.path("job_name").asText().equals(engine))
                    .findFirst()
                    .orElseThrow();
            var service =
                    objects.one("Service", job.at("/dns_sd_configs/0/names/0").asText());
            assertThat(service.at("/spec/clusterIP").asText()).as(engine).isEqualTo("None");
            assertThat(service.at("/spec/ports/0/port")).isEqualTo(job.at("/dns_sd_configs/0/port"));
        }
    }

    /** By its path: what the JVM prints itself is no JSON that says whose it is. */
    @Test
    void filebeatKeepsAllThatTheServersContainerPrints() {
        var config = Objects.one(Chart.plain()
                .values("{observability: {logs: {enabled: true}}}")
                .render()
                .one("ConfigMap", "taskpilot-filebeat")
                .at("/data/filebeat.yml")
                .asText());

        var pods = "/var/log/pods/" + Chart.NAMESPACE + "_*/taskpilot/*.log";
        assertThat(Objects.texts(config.at("/filebeat.inputs/0/paths")))
                .containsExactly(pods, pods + ".????????-??????");
        assertThat(config.at("/filebeat.inputs/0/parsers/0/container/format").asText())
                .isEqualTo("cri");
        assertThat(config.has("processors")).isFalse();
    }

    @Test
    void theObjectiveOfTheLatencyIsInTheRules() {
        assertThat(rules("5")).contains("le=\"5.0\"");
        assertThat(rules("2.5")).contains("le=\"2.5\"").doesNotContain("le=\"5.0\"");
    }

    /** Any other would match no series, and the objective could not be missed. */
    @Test
    void everyObjectiveOfTheLatencyThatIsTakenIsABucketAsTheServerWritesIt() throws IOException {
        var schema =
                Objects.JSON.readTree(Chart.HOME.resolve("values.schema.json").toFile());
        var taken = Objects.list(schema.at("/properties/slo/properties/latencySeconds/enum"))
                .map(JsonNode::asText)
                .toList();
        var row = Files.readAllLines(Path.of("docs/metrics.md")).stream()
                .filter(line -> line.startsWith("| `taskpilot_workflow_duration_seconds` | seconds |"))
                .findFirst()
                .orElseThrow();

        assertThat(taken).containsExactly(row.split("\\|", -1)[3].strip().split(", ", -1));
        for (var seconds : taken) {
            assertThat(rules(seconds))
                    .contains("le=\"%s\"".formatted(Double.parseDouble(seconds)))
                    .doesNotContain("le=\"0.2\"");
        }
    }

    private static String rules(String seconds) {
        return groups(Chart.plain().values("{slo: {latencySeconds: %s}}".formatted(seconds)))
                .filter(group -> group.path("name").asText().contains("workflow-latency"))
                .flatMap(group -> Objects.list(group.path("rules")))
                .map(each -> each.path("expr").asText())
                .reduce("", String::concat);
    }

    private static Stream<JsonNode> groups(Chart chart) {
        return chart.values("{metrics: {prometheusRule: {enabled: true}}}")
                .render()
                .of("PrometheusRule")
                .flatMap(rule -> Objects.list(rule.at("/spec/groups")));
    }

    private static Stream<JsonNode> alerts(Chart chart, String name) {
        return groups(chart)
                .flatMap(group -> Objects.list(group.path("rules")))
                .filter(rule -> rule.path("alert").asText().equals(name));
    }

    @Test
    void theServersThatAnAlertMissesAreTheDeploymentsOfThisRelease() {
        assertThat(missed(Chart.plain()))
                .isEqualTo(
                        "kube_deployment_status_replicas_available{namespace=\"demo\",deployment=~\"taskpilot\"} == 0");
        assertThat(missed(Chart.plain().values("{topology: apart, fullnameOverride: tasks}")))
                .contains("deployment=~\"tasks-gateway|tasks-agents\"");
    }

    private static String missed(Chart chart) {
        return alerts(chart, "TaskPilotDeploymentDown")
                .map(rule -> rule.path("expr").asText())
                .collect(joining());
    }

    @Test
    void thatNoBackupWasEverMadeIsAnAlertWhereTheyAreOn() {
        var without = alerts(Chart.plain(), "TaskPilotBackupStale").toList();
        var with = alerts(Chart.plain().values("{backup: {enabled: true}}"), "TaskPilotBackupStale")
                .toList();

        assertThat(without).hasSize(1);
        assertThat(with).hasSize(2).containsAll(without);
        assertThat(with).anySatisfy(rule -> {
            assertThat(rule.path("expr").asText()).endsWith(" == 0");
            assertThat(rule.path("for").asText()).isEqualTo("26h");
        });
    }

    @Test
    void everyDashboardIsMountedIntoTheBundledGrafana() {
        var objects = Chart.plain().render();

        var made = objects.of("ConfigMap")
                .map(Objects::name)
                .filter(name -> name.startsWith("taskpilot-dashboard-"))
                .toList();
        var mounted = Objects.list(Objects.named(
                                objects.pod("Deployment/taskpilot-grafana").path("volumes"), "dashboards")
                        .at("/projected/sources"))
                .map(source -> source.at("/configMap/name").asText());
        assertThat(mounted).isNotEmpty().containsExactlyInAnyOrderElementsOf(made);
    }

    @Test
    void thePrometheusOfTheReleaseScrapesTheOnePortOfEachPod() {
        var config = Objects.one(Chart.plain()
                .render()
                .one("ConfigMap", "taskpilot-prometheus")
                .at("/data/prometheus.yml")
                .asText());

        var job = Objects.list(config.path("scrape_configs"))
                .filter(each -> each.path("job_name").asText().equals("metrics-exporter"))
                .findFirst()
                .orElseThrow();
        assertThat(job.at("/dns_sd_configs/0/names/0").asText()).isEqualTo("taskpilot-pods");
        assertThat(job.at("/dns_sd_configs/0/port").asInt()).isEqualTo(9464);
        assertThat(job.path("honor_labels").asBoolean()).isTrue();
    }

    // -- backup --

    @Test
    void aBackupCountsOnceTheStoreHasIt() {
        var pod = Chart.plain().file("values-production.yaml").render().pod("CronJob/taskpilot-backup");

        assertThat(initNames(pod)).containsExactly("dump", "upload");
        assertThat(Objects.list(pod.path("containers"))
                        .map(each -> each.path("name").asText()))
                .containsExactly("record");
    }

    @Test
    void aRestoreNeverRunsByItselfAndEndsWithParkedRuns() {
        var objects = Chart.plain().file("values-production.yaml").render();

        var job = objects.one("CronJob", "taskpilot-restore");
        assertThat(job.at("/spec/suspend").asBoolean()).isTrue();
        var pod = objects.pod("CronJob/taskpilot-restore");
        assertThat(initNames(pod)).containsExactly("download", "restore");
        assertThat(Objects.texts(pod.at("/containers/0/args"))).containsExactly("migrate", "--restored");
    }
}
