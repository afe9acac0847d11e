package io.taskpilot.chart;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The pods of the server: what is beside it, which role it has, how it scales and how it goes. */
class ChartPodTest {

    private static JsonNode pod(Chart chart) {
        return chart.render().pod("Deployment/taskpilot");
    }

    private static JsonNode server(JsonNode pod) {
        return Objects.named(pod.path("containers"), "taskpilot");
    }

    private static List<String> initNames(JsonNode pod) {
        return Objects.list(pod.path("initContainers"))
                .map(each -> each.path("name").asText())
                .toList();
    }

    // -- sidecars --

    @Test
    void sidecarsStartBeforeTheServerInTheirOrder() {
        var pod = pod(Chart.plain());

        assertThat(initNames(pod)).containsExactly("migrate", "metrics-exporter", "opa", "guardrails");
        for (var name : List.of("metrics-exporter", "opa", "guardrails")) {
            var sidecar = Objects.named(pod.path("initContainers"), name);
            assertThat(sidecar.path("restartPolicy").asText()).isEqualTo("Always");
            assertThat(sidecar.path("startupProbe").isMissingNode())
                    .as("the next one waits for it")
                    .isFalse();
        }
        assertThat(Objects.list(pod.path("containers"))).hasSize(1);
    }

    @ParameterizedTest
    @CsvSource({
        "sidecar, http://127.0.0.1:8181, true, false",
        "service, http://taskpilot-opa:8181, false, true",
        "external, https://opa.example.com, false, false",
        "embedded, '', false, false"
    })
    void opaIsWhereItsModeSays(String mode, String url, boolean beside, boolean apart) {
        var chart =
                Chart.plain().values("opa: {mode: %s, url: '%s'}".formatted(mode, mode.equals("external") ? url : ""));
        var objects = chart.render();

        var pod = objects.pod("Deployment/taskpilot");
        assertThat(Objects.environment(server(pod)).getOrDefault("TASKPILOT_OPA_URL", ""))
                .isEqualTo(url);
        assertThat(initNames(pod).contains("opa")).isEqualTo(beside);
        for (var kind : List.of("Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy")) {
            assertThat(objects.find(kind, "taskpilot-opa").isPresent()).as(kind).isEqualTo(apart);
        }
        assertThat(objects.find("ConfigMap", "taskpilot-policy").isPresent()).isEqualTo(beside || apart);
    }

    @ParameterizedTest
    @CsvSource({
        "sidecar, http://127.0.0.1:8010, true, false",
        "service, http://taskpilot-guardrails:8010, false, true",
        "external, http://rails.example.com, false, false",
        "embedded, '', false, false"
    })
    void guardrailsAreWhereTheirModeSays(String mode, String url, boolean beside, boolean apart) {
        var chart = Chart.plain()
                .values("guardrails: {mode: %s, url: '%s'}".formatted(mode, mode.equals("external") ? url : ""));
        var objects = chart.render();

        var pod = objects.pod("Deployment/taskpilot");
        assertThat(Objects.environment(server(pod)).getOrDefault("TASKPILOT_GUARDRAILS_URL", ""))
                .isEqualTo(url);
        assertThat(initNames(pod).contains("guardrails")).isEqualTo(beside);
        assertThat(objects.find("Deployment", "taskpilot-guardrails").isPresent())
                .isEqualTo(apart);
        // the server reads the same rails, whatever checks with them
        assertThat(Objects.list(server(pod).path("volumeMounts")))
                .anyMatch(mount -> mount.path("mountPath").asText().equals("/etc/taskpilot/guardrails/taskpilot"));
    }

    @Test
    void besideTheServerTheEnginesListenOnLoopbackOnly() {
        var pod = pod(Chart.plain());

        assertThat(Objects.texts(
                        Objects.named(pod.path("initContainers"), "opa").path("args")))
                .contains("--addr=127.0.0.1:8181", "--authorization=basic", "--skip-version-check");
        assertThat(Objects.texts(
                        Objects.named(pod.path("initContainers"), "guardrails").path("command")))
                .contains("127.0.0.1");
    }

    @Test
    void aBundleTakesThePlaceOfTheShippedPolicy() {
        var objects = Chart.plain().file("ci/bundle-values.yaml").render();

        assertThat(objects.find("ConfigMap", "taskpilot-policy")).isEmpty();
        var config = Objects.one(objects.one("ConfigMap", "taskpilot-opa")
                .at("/data/config.yaml")
                .asText());
        assertThat(config.at("/bundles/taskpilot/signing/keyid").asText()).isEqualTo("bundles");
        assertThat(config.at("/services/bundles/credentials/bearer/token_path").asText())
                .isEqualTo("/run/secrets/opa/bundle-token");
        var opa = Objects.named(objects.pod("Deployment/taskpilot").path("initContainers"), "opa");
        assertThat(Objects.texts(opa.path("args")))
                .contains("--config-file=/opa/config.yaml")
                .doesNotContain("/policy");
    }

    @Test
    void theExporterScrapesWhatIsInThePodAndNothingElse() {
        assertThat(scraped(Chart.plain())).contains("taskpilot", "opa", "guardrails", "metrics-exporter");
        assertThat(scraped(Chart.plain().values("{opa: {mode: service}, guardrails: {mode: embedded}}")))
                .containsExactly("taskpilot", "metrics-exporter");
    }

    @Test
    void theExporterOfAGatewayScrapesNoRails() {
        var chart = Chart.plain().values("topology: apart");

        assertThat(scraped(chart, "Deployment/taskpilot-agents")).contains("guardrails", "opa");
        assertThat(scraped(chart, "Deployment/taskpilot-gateway"))
                .contains("opa")
                .doesNotContain("guardrails");
    }

    private static List<String> scraped(Chart chart) {
        return scraped(chart, "Deployment/taskpilot");
    }

    private static List<String> scraped(Chart chart, String owner) {
        return Objects.list(exporter(chart, owner).at("/receivers/prometheus/config/scrape_configs"))
                .map(job -> job.path("job_name").asText())
                .toList();
    }

    private static JsonNode exporter(Chart chart) {
        return exporter(chart, "Deployment/taskpilot");
    }

    /** As its container reads it. */
    private static JsonNode exporter(Chart chart, String owner) {
        var container = Objects.named(chart.render().pod(owner).path("initContainers"), "metrics-exporter");
        var file = container.at("/args/0").asText().replace("--config=/etc/otelcol/", "");
        return Objects.one(chart.render()
                .one("ConfigMap", "taskpilot-exporter")
                .path("data")
                .path(file)
                .asText());
    }

    @Test
    void theExporterOffersMetricsWhereItsPortIs() {
        var chart = Chart.plain().values("metricsExporter: {port: 19464}");

        var objects = chart.render();
        var container = Objects.named(objects.pod("Deployment/taskpilot").path("initContainers"), "metrics-exporter");
        var endpoint = exporter(chart).at("/exporters/prometheus/endpoint").asText();
        assertThat(endpoint.replace(
                        "${env:EXPORTER_PORT:-9464}",
                        Objects.environment(container).get("EXPORTER_PORT")))
                .isEqualTo("0.0.0.0:19464");
        assertThat(Objects.named(container.path("ports"), "metrics")
                        .path("containerPort")
                        .asInt())
                .isEqualTo(19464);
        var service = Objects.named(objects.one("Service", "taskpilot-pods").at("/spec/ports"), "metrics");
        assertThat(service.path("port").asInt()).isEqualTo(19464);
        assertThat(service.path("targetPort").asInt()).isEqualTo(19464);
    }

    @Test
    void withoutACollectorTheExporterTakesNoTraces() {
        var chart = Chart.plain().values("observability: {enabled: false}");

        var config = exporter(chart);
        assertThat(config.at("/receivers/otlp").isMissingNode()).isTrue();
        assertThat(config.at("/service/pipelines/traces").isMissingNode()).isTrue();
        assertThat(Objects.environment(server(pod(chart)))).containsEntry("OTEL_SDK_DISABLED", "true");
    }

    // -- roles --

    @Test
    void rolesApartAreTwoDeploymentsAndClientsReachTheGateways() {
        var objects = Chart.plain()
                .values("{topology: apart, gateway: {replicas: 2}, agents: {replicas: 5}}")
                .render();

        var gateway = objects.pod("Deployment/taskpilot-gateway");
        var agents = objects.pod("Deployment/taskpilot-agents");
        assertThat(Objects.environment(server(gateway))).containsEntry("TASKPILOT_ROLES", "gateway");
        assertThat(Objects.environment(server(agents))).containsEntry("TASKPILOT_ROLES", "agents");
        assertThat(initNames(gateway))
                .as("rails are the agents' business")
                .doesNotContain("guardrails")
                .contains("opa");
        assertThat(initNames(agents)).contains("guardrails", "opa");
        assertThat(objects.one("Deployment", "taskpilot-agents")
                        .at("/spec/replicas")
                        .asInt())
                .isEqualTo(5);
        assertThat(objects.one("Service", "taskpilot")
                        .at("/spec/selector/app.kubernetes.io~1component")
                        .asText())
                .isEqualTo("gateway");
        assertThat(Objects.list(server(agents).path("ports")))
                .noneMatch(port -> port.path("name").asText().equals("http"));
    }

    // -- scaling, and going away --

    @Test
    void anUpgradeLeavesTheAutoscalersChoiceAlone() {
        var objects = Chart.plain()
                .values("server: {autoscaling: {enabled: true, targetActiveRuns: 300}}")
                .render();

        assertThat(objects.one("Deployment", "taskpilot").at("/spec/replicas").isMissingNode())
                .isTrue();
        var scaler = objects.one("HorizontalPodAutoscaler", "taskpilot").path("spec");
        assertThat(scaler.at("/metrics/0/containerResource/container").asText()).isEqualTo("taskpilot");
        assertThat(scaler.at("/metrics/1/pods/metric/name").asText()).isEqualTo("taskpilot_workflow_active");
        assertThat(scaler.at("/behavior/scaleDown/stabilizationWindowSeconds").asInt())
                .isEqualTo(300);
        assertThat(scaler.path("metrics")).hasSize(2);
    }

    @Test
    void aPodHasTimeForAllThatDrainWaitsFor() {
        var pod = pod(Chart.plain().values("drain: {preStopSeconds: 7, acceptSeconds: 9, graceSeconds: 100}"));

        assertThat(pod.path("terminationGracePeriodSeconds").asInt()).isEqualTo(7 + 100 + 15);
        assertThat(Objects.environment(server(pod)))
                .containsEntry("TASKPILOT_DRAIN_ACCEPT", "9s")
                .containsEntry("TASKPILOT_DRAIN_GRACE", "100s");
        assertThat(server(pod).at("/lifecycle/preStop/sleep/seconds").asInt()).isEqualTo(7);
    }

    @Test
    void olderKubernetesSleepsByTheServersOwnCommand() {
        var preStop = server(pod(Chart.plain().on("1.29.0"))).at("/lifecycle/preStop");

        assertThat(preStop.has("sleep")).isFalse();
        assertThat(Objects.texts(preStop.at("/exec/command"))).endsWith("io.taskpilot.app.Main", "sleep", "10s");
    }

    @Test
    void livenessAsksForNoDependency() {
        var server = server(pod(Chart.plain()));

        assertThat(server.at("/startupProbe/httpGet/path").asText()).isEqualTo("/health/started");
        assertThat(server.at("/livenessProbe/httpGet/path").asText()).isEqualTo("/health/live");
        assertThat(server.at("/readinessProbe/httpGet/path").asText()).isEqualTo("/health/ready");
    }

    @Test
    void noVariableOfAServiceIsTakenForASetting() {
        // a Service named taskpilot would give TASKPILOT_SERVICE_HOST, and the server refuses what it does not know
        assertThat(Chart.plain().render().pods().values())
                .allSatisfy(pod -> assertThat(pod.path("enableServiceLinks").asBoolean(true))
                        .isFalse());
    }
}
