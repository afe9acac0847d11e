package io.taskpilot.chart;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
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

    private static String rules(String seconds) {
        var rule = Chart.plain()
                .values("{metrics: {prometheusRule: {enabled: true}}, slo: {latencySeconds: %s}}".formatted(seconds))
                .render()
                .one("PrometheusRule", "taskpilot");
        return Objects.list(rule.at("/spec/groups"))
                .filter(group -> group.path("name").asText().contains("workflow-latency"))
                .flatMap(group -> Objects.list(group.path("rules")))
                .map(each -> each.path("expr").asText())
                .reduce("", String::concat);
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
