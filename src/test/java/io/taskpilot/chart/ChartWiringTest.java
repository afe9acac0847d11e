package io.taskpilot.chart;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
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

    @ParameterizedTest
    @ValueSource(
            strings = {
                "Deployment/taskpilot",
                "Job/taskpilot-migrate",
                "CronJob/taskpilot-backup",
                "CronJob/taskpilot-restore"
            })
    void whoeverReachesTheDatabaseHasTheAuthorityOfItsCertificate(String owner) {
        var objects = Chart.plain()
                .file("values-production.yaml")
                .values("secrets: {extraKeys: [postgres-ca]}")
                .render();

        var sources =
                Objects.named(objects.pod(owner).path("volumes"), "secrets").at("/projected/sources");
        assertThat(Objects.list(sources).flatMap(source -> keys(source).stream()))
                .contains("postgres-url", "postgres-ca")
                .doesNotHaveDuplicates();
    }

    @ParameterizedTest
    @CsvSource({
        "'{redis: {enabled: false}}', false, true",
        "'{s3: {enabled: false}}', true, false",
        "'{s3: {enabled: false}, backup: {enabled: true}}', true, true",
        "'{}', true, true"
    })
    void aBundledStoreThatNothingUsesIsNotThere(String values, boolean redis, boolean objects) {
        var rendered = Chart.plain().values(values).render();

        for (var kind : List.of("Service", "NetworkPolicy")) {
            assertThat(rendered.find(kind, "taskpilot-redis").isPresent()).isEqualTo(redis);
            assertThat(rendered.find(kind, "taskpilot-objects").isPresent()).isEqualTo(objects);
        }
        assertThat(rendered.find("Deployment", "taskpilot-redis").isPresent()).isEqualTo(redis);
        assertThat(rendered.find("StatefulSet", "taskpilot-objects").isPresent())
                .isEqualTo(objects);
    }

    @Test
    void nobodyMakesPasswordsForStoresThatHaveThem() {
        var objects = Chart.plain()
                .values("{stores: {existingSecret: mine}, secrets: {existingSecret: mine}}")
                .render();

        var sources = Objects.named(objects.pod("Deployment/taskpilot").path("volumes"), "secrets")
                .at("/projected/sources");
        assertThat(keys(sources.path(0))).containsExactlyInAnyOrder("auth-secret", "keys.yaml", "decisions-chain-key");
        assertThat(sources.at("/1/secret/name").asText()).isEqualTo("mine");
        assertThat(keys(sources.path(1))).contains("postgres-url", "redis-url", "s3-access-key", "s3-secret-key");
        assertThat(Objects.texts(objects.pod("Job/taskpilot-keys").at("/containers/0/args")))
                .contains("--random=decisions-chain-key")
                .noneMatch(argument -> argument.contains("postgres"));
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
        var changed = Chart.plain()
                .values("{global: {commonLabels: {a: b}}, image: {tag: '9'}, server: {podLabels: {c: d}}}");

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

    private static final Map<String, String> SECRETS = Map.of(
            "bundled", "{stores: {enabled: true}}",
            "existing", "secrets: {existingSecret: mine}",
            "external", """
                    secrets:
                      externalSecret: {enabled: true, secretStoreRef: {name: vault}, dataFrom: [{extract: {key: a}}]}
                    """,
            "values", """
                    secrets: {values: {postgres-url: a, redis-url: b, s3-access-key: c, s3-secret-key: d}}
                    """);

    /** Neither bundled stores nor a Secret of the release is there when hooks run. */
    @ParameterizedTest
    @CsvSource({
        "bundled, hook, init",
        "bundled, init, init",
        "bundled, none, none",
        "existing, hook, hook",
        "existing, init, init",
        "existing, none, none",
        "external, hook, init",
        "external, none, none",
        "values, hook, init",
        "values, none, none"
    })
    void aMigrationRunsOnceThereIsWhatItNeeds(String secrets, String mode, String effective) {
        var apart = "{stores: {enabled: false}, s3: {url: 'https://s3.example.com'}}";
        var objects = Chart.plain()
                .values("migrations: {mode: %s}".formatted(mode))
                .values(secrets.equals("bundled") ? "{}" : apart)
                .values(SECRETS.getOrDefault(secrets, ""))
                .render();

        assertThat(objects.find("Job", "taskpilot-migrate").isPresent()).isEqualTo(effective.equals("hook"));
        assertThat(initNames(objects.pod("Deployment/taskpilot")).contains("migrate"))
                .isEqualTo(effective.equals("init"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"taskpilot-migrate", "taskpilot-keys"})
    void hooksRunBeforeInstallAndUpgrade(String name) {
        var objects = Chart.plain().file("values-production.yaml").render();

        assertThat(objects.one("Job", name)
                        .at("/metadata/annotations/helm.sh~1hook")
                        .asText())
                .isEqualTo("pre-install,pre-upgrade");
    }

    @TestFactory
    Stream<DynamicTest> hooksNeedNothingThatComesAfterThem() {
        return ValuesFiles.all().entrySet().stream()
                .map(entry -> DynamicTest.dynamicTest(entry.getKey(), () -> {
                    var objects = entry.getValue().render();
                    var hooks = objects.of("Job")
                            .filter(job -> hook(job).startsWith("pre-install"))
                            .toList();
                    for (var job : hooks) {
                        assertThat(needs(objects.pod("Job/" + Objects.name(job))))
                                .as(Objects.name(job))
                                .allMatch(need -> objects.find(need.kind(), need.name())
                                        .map(needed -> hook(needed).equals(hook(job)) && weight(needed) < weight(job))
                                        .orElse(!isLater(objects, need)));
                    }
                }));
    }

    private record Need(String kind, String name) {}

    /** What a pod does not start without, as far as volumes and its account tell. */
    private static List<Need> needs(JsonNode pod) {
        var needs = new ArrayList<Need>();
        if (pod.has("serviceAccountName")) {
            needs.add(new Need("ServiceAccount", pod.path("serviceAccountName").asText()));
        }
        var sources = Objects.list(pod.path("volumes"))
                .flatMap(volume -> Stream.concat(Stream.of(volume), Objects.list(volume.at("/projected/sources"))))
                .toList();
        for (var source : sources) {
            needs.add(new Need("ConfigMap", source.at("/configMap/name").asText("")));
            needs.add(new Need(
                    "Secret",
                    source.at("/secret/name")
                            .asText(source.at("/secret/secretName").asText(""))));
        }
        needs.removeIf(need -> need.name().isEmpty());
        return needs;
    }

    /** A Secret that another object of the release has made. */
    private static boolean isLater(Objects objects, Need need) {
        return need.kind().equals("Secret")
                && objects.of("ExternalSecret")
                        .anyMatch(external ->
                                external.at("/spec/target/name").asText().equals(need.name()));
    }

    @Test
    void keysAreMadeBeforeTheMigrationNeedsThem() {
        var objects = Chart.plain().file("values-production.yaml").render();

        assertThat(weight(objects.one("Job", "taskpilot-keys")))
                .isLessThan(weight(objects.one("Job", "taskpilot-migrate")));
    }

    private static String hook(JsonNode object) {
        return object.at("/metadata/annotations/helm.sh~1hook").asText("");
    }

    private static int weight(JsonNode object) {
        return object.at("/metadata/annotations/helm.sh~1hook-weight").asInt();
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
