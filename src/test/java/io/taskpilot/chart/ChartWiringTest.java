package io.taskpilot.chart;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** How the server is configured, reached and migrated: one rule of the templates each. */
class ChartWiringTest {

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
}
