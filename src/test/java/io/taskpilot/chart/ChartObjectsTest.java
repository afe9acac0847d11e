package io.taskpilot.chart;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What the templates make of their values, one rule each. */
class ChartObjectsTest {

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
        assertThat(scraped(Chart.plain())).contains("taskpilot", "opa", "metrics-exporter");
        assertThat(scraped(Chart.plain().values("{opa: {mode: service}, guardrails: {mode: embedded}}")))
                .containsExactly("taskpilot", "metrics-exporter");
    }

    private static List<String> scraped(Chart chart) {
        var config = exporter(chart);
        return Objects.list(config.at("/receivers/prometheus/config/scrape_configs"))
                .map(job -> job.path("job_name").asText())
                .toList();
    }

    private static JsonNode exporter(Chart chart) {
        return Objects.one(chart.render()
                .one("ConfigMap", "taskpilot-exporter")
                .at("/data/config.yaml")
                .asText());
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

    // -- configuration and secrets --

    @Test
    void secretsAreFilesAndNeverEnvironment() {
        for (var pod :
                Chart.plain().file("values-production.yaml").render().pods().values()) {
            Objects.containers(pod)
                    .forEach(container -> assertThat(Objects.list(container.path("env")))
                            .noneMatch(variable ->
                                    variable.at("/valueFrom/secretKeyRef").isObject()));
        }
    }

    @Test
    void inProductionOnlyWhatNobodyChoosesIsGenerated() {
        var sources = Objects.named(
                        pod(Chart.plain().file("values-production.yaml")).path("volumes"), "secrets")
                .at("/projected/sources");

        assertThat(sources.at("/0/secret/name").asText()).isEqualTo("taskpilot-generated");
        assertThat(keys(sources.path(0))).containsExactlyInAnyOrder("auth-secret", "keys.yaml", "decisions-chain-key");
        assertThat(sources.at("/1/secret/name").asText()).isEqualTo("taskpilot-secrets");
        assertThat(keys(sources.path(1)))
                .containsExactlyInAnyOrder(
                        "postgres-url", "redis-url", "s3-access-key", "s3-secret-key", "openai-api-key");
    }

    private static List<String> keys(JsonNode source) {
        return Objects.list(source.at("/secret/items"))
                .map(item -> item.path("key").asText())
                .toList();
    }

    @Test
    void aNewConfigurationIsANewPod() {
        assertThat(checksums(Chart.plain())).isEqualTo(checksums(Chart.plain()));
        for (var change : List.of(
                "config: {limits: {runs: 7}}",
                "guardrails: {config: 'models: []'}",
                "opa: {policies: {a.rego: 'package a'}}",
                "telemetry: {otlpEndpoint: 'https://traces.example.com'}",
                "secrets: {existingSecret: other}")) {
            assertThat(checksums(Chart.plain().values(change))).as(change).isNotEqualTo(checksums(Chart.plain()));
        }
    }

    private static String checksums(Chart chart) {
        var annotations = chart.render().one("Deployment", "taskpilot").at("/spec/template/metadata/annotations");
        return annotations.toString();
    }

    @Test
    void selectorsNeverChange() {
        var changed = Chart.plain().values("{commonLabels: {a: b}, image: {tag: '9'}, server: {podLabels: {c: d}}}");

        assertThat(changed.render().one("Deployment", "taskpilot").at("/spec/selector"))
                .isEqualTo(Chart.plain().render().one("Deployment", "taskpilot").at("/spec/selector"));
    }

    @Test
    void aDigestWinsOverATag() {
        var digest = "sha256:" + "0123456789abcdef".repeat(4);
        var server = server(pod(Chart.plain().values("image: {tag: x, digest: '%s'}".formatted(digest))));

        assertThat(server.path("image").asText()).isEqualTo("ghcr.io/taskpilot/taskpilot@" + digest);
    }

    // -- getting in --

    @Test
    void streamsHaveNoTimeLimitOnARoute() {
        var rules = Chart.plain()
                .file("values-production.yaml")
                .render()
                .one("HTTPRoute", "taskpilot")
                .at("/spec/rules");

        var streams = rules.path(0);
        assertThat(streams.at("/timeouts/request").asText()).isEqualTo("0s");
        assertThat(Objects.list(streams.path("matches"))
                        .map(match -> match.at("/path/value").asText()))
                .contains("/v1/runs", "/v1/ws");
        assertThat(rules.at("/1/timeouts/request").asText()).isEqualTo("70s");
        assertThat(rules.toString()).doesNotContain("/health", "/metrics");
    }

    @Test
    void anIngressHasTheApiAndNothingElse() {
        var paths = Chart.plain()
                .values("ingress: {enabled: true, hosts: [a.example.com]}")
                .render()
                .one("Ingress", "taskpilot")
                .at("/spec/rules/0/http/paths");

        assertThat(Objects.list(paths).map(path -> path.path("path").asText()))
                .containsExactly("/v1", "/problems", "/openapi.yaml", "/asyncapi.yaml");
    }

    @Test
    void theServiceIsNoLoadBalancer() {
        assertThat(Chart.plain().render().of("Service"))
                .allMatch(
                        service -> service.at("/spec/type").asText("ClusterIP").equals("ClusterIP"));
    }

    // -- migrations --

    @ParameterizedTest
    @CsvSource({
        "true, hook, init",
        "true, init, init",
        "true, none, none",
        "false, hook, hook",
        "false, init, init",
        "false, none, none"
    })
    void hooksRunBeforeBundledStoresAreThere(boolean bundled, String mode, String effective) {
        var objects = Chart.plain()
                .values("""
                        migrations: {mode: %s}
                        stores: {enabled: %s}
                        s3: {url: '%s'}
                        secrets: {existingSecret: '%s'}
                        """.formatted(mode, bundled, bundled ? "" : "https://s3.example.com", bundled ? "" : "mine"))
                .render();

        assertThat(objects.find("Job", "taskpilot-migrate").isPresent()).isEqualTo(effective.equals("hook"));
        assertThat(initNames(objects.pod("Deployment/taskpilot")).contains("migrate"))
                .isEqualTo(effective.equals("init"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"taskpilot-migrate", "taskpilot-keys"})
    void hooksNeedNothingThatComesAfterThem(String name) {
        var objects = Chart.plain().file("values-production.yaml").render();

        var annotations = objects.one("Job", name).at("/metadata/annotations");
        assertThat(annotations.path("helm.sh/hook").asText()).isEqualTo("pre-install,pre-upgrade");
        var pod = objects.pod("Job/" + name);
        var account = pod.path("serviceAccountName").asText("");
        assertThat(account).isIn("", "taskpilot-keys");
        if (!account.isEmpty()) {
            var hook = objects.one("ServiceAccount", account).at("/metadata/annotations");
            assertThat(hook.path("helm.sh/hook").asText()).isEqualTo("pre-install,pre-upgrade");
            assertThat(hook.path("helm.sh/hook-weight").asInt())
                    .isLessThan(annotations.path("helm.sh/hook-weight").asInt());
        }
        Objects.list(pod.path("volumes"))
                .forEach(volume -> assertThat(volume.has("configMap"))
                        .as("no ConfigMap of the release")
                        .isFalse());
    }

    @Test
    void keysAreMadeBeforeTheMigrationNeedsThem() {
        var objects = Chart.plain().file("values-production.yaml").render();

        assertThat(weight(objects, "taskpilot-keys")).isLessThan(weight(objects, "taskpilot-migrate"));
    }

    private static int weight(Objects objects, String job) {
        return objects.one("Job", job)
                .at("/metadata/annotations")
                .path("helm.sh/hook-weight")
                .asInt();
    }

    @Test
    void theJobThatMakesKeysMayWriteOneSecret() {
        var rules = Chart.plain().render().one("Role", "taskpilot-keys").path("rules");

        assertThat(rules).hasSize(2);
        assertThat(Objects.texts(rules.at("/0/verbs"))).containsExactly("create");
        assertThat(Objects.texts(rules.at("/1/resourceNames"))).containsExactly("taskpilot-generated");
        assertThat(Objects.texts(rules.at("/1/verbs"))).containsExactly("get", "patch");
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
                .filter(each -> each.path("job_name").asText().equals("taskpilot"))
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
