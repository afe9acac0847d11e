package io.taskpilot.chart;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.function.BiConsumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** Every pod of every set of values keeps to Pod Security "restricted", and a little more. */
class ChartSecurityTest {
    // Filebeat reads the logs of other pods, which only root may.
    private static final List<String> READS_THE_NODE = List.of("DaemonSet/taskpilot-filebeat");

    private static Stream<DynamicTest> eachPod(BiConsumer<String, JsonNode> check) {
        return ValuesFiles.all().entrySet().stream()
                .map(entry -> DynamicTest.dynamicTest(
                        entry.getKey(), () -> entry.getValue().render().pods().forEach(check)));
    }

    @TestFactory
    Stream<DynamicTest> podsAreRestricted() {
        return eachPod((name, pod) -> {
            if (READS_THE_NODE.contains(name)) {
                return;
            }
            var security = pod.path("securityContext");
            assertThat(security.path("runAsNonRoot").asBoolean()).as(name).isTrue();
            assertThat(security.path("runAsUser").asInt()).as(name).isPositive();
            assertThat(security.at("/seccompProfile/type").asText()).as(name).isEqualTo("RuntimeDefault");
            assertThat(pod.has("hostNetwork") || pod.has("hostPID") || pod.has("hostIPC"))
                    .as(name)
                    .isFalse();
            Objects.list(pod.path("volumes"))
                    .forEach(volume ->
                            assertThat(volume.has("hostPath")).as(name).isFalse());
        });
    }

    @TestFactory
    Stream<DynamicTest> containersAreRestricted() {
        return eachPod((name, pod) -> Objects.containers(pod).forEach(container -> {
            var at = name + " " + container.path("name").asText();
            var security = container.path("securityContext");
            assertThat(security.path("allowPrivilegeEscalation").asBoolean(true))
                    .as(at)
                    .isFalse();
            assertThat(security.path("readOnlyRootFilesystem").asBoolean())
                    .as(at)
                    .isTrue();
            assertThat(security.path("privileged").asBoolean(true)).as(at).isFalse();
            assertThat(Objects.texts(security.at("/capabilities/drop"))).as(at).containsExactly("ALL");
            Objects.list(container.path("ports"))
                    .forEach(port -> assertThat(port.has("hostPort")).as(at).isFalse());
        }));
    }

    @TestFactory
    Stream<DynamicTest> memoryIsBoundedAndTheCpuIsNot() {
        return eachPod((name, pod) -> Objects.containers(pod).forEach(container -> {
            var at = name + " " + container.path("name").asText();
            var resources = container.path("resources");
            assertThat(resources.at("/requests/cpu").isMissingNode()).as(at).isFalse();
            assertThat(resources.at("/requests/memory").isMissingNode()).as(at).isFalse();
            assertThat(resources.at("/limits/memory").isMissingNode()).as(at).isFalse();
            assertThat(resources.at("/limits/cpu").isMissingNode()).as(at).isTrue();
            assertThat(Objects.list(pod.path("volumes")).filter(volume -> volume.has("emptyDir")))
                    .as(at)
                    .allMatch(volume -> volume.at("/emptyDir/sizeLimit").isTextual());
        }));
    }

    @TestFactory
    Stream<DynamicTest> nobodyHasATokenThatHeDoesNotNeed() {
        return eachPod((name, pod) -> {
            assertThat(pod.path("automountServiceAccountToken").asBoolean(true))
                    .as(name)
                    .isFalse();
            var token = Objects.list(pod.path("volumes"))
                    .anyMatch(volume -> volume.path("name").asText().equals("token"));
            assertThat(token)
                    .as(name)
                    .isEqualTo(name.equals("Job/taskpilot-keys")
                            || name.equals("Job/agents-keys")
                            || (name.endsWith("-otel-collector") && pod.has("serviceAccountName")));
        });
    }

    @TestFactory
    Stream<DynamicTest> imagesHaveVersions() {
        return eachPod((name, pod) -> Objects.containers(pod)
                .map(container -> container.path("image").asText())
                .forEach(image -> assertThat(image).as(name).matches("[^:@]+(:[0-9]+)?/[^:@]+:v?[0-9][^:]*")));
    }

    @Test
    void pullSecretsReachEveryPodHooksIncluded() {
        var pods = Chart.plain()
                .file("values-full.yaml")
                .values("global: {imagePullSecrets: [{name: regcred}]}")
                .render()
                .pods();

        assertThat(pods).containsKeys("Job/taskpilot-keys", "Pod/taskpilot-test-run", "CronJob/taskpilot-backup");
        assertThat(pods.values())
                .allSatisfy(pod ->
                        assertThat(pod.at("/imagePullSecrets/0/name").asText()).isEqualTo("regcred"));
    }

    @Test
    void everyPodOfOursIsUnderTheDefaultDenyAndHasAPolicyOfItsOwn() {
        var objects = Chart.plain()
                .file("values-full.yaml")
                .values("{opa: {mode: service}, guardrails: {mode: service}}")
                .render();

        var policies = objects.of("NetworkPolicy").toList();
        var deny = objects.one("NetworkPolicy", "taskpilot-default");
        assertThat(deny.at("/spec/ingress").isMissingNode()).isTrue();
        for (var object : objects.all()) {
            var template = object.at("/spec/template/metadata/labels").isObject()
                    ? object.at("/spec/template/metadata/labels")
                    : object.at("/spec/jobTemplate/spec/template/metadata/labels");
            if (template.isObject()) {
                var chosen = policies.stream()
                        .filter(policy -> selects(policy, template))
                        .map(Objects::name)
                        .toList();
                assertThat(chosen)
                        .as(Objects.name(object))
                        .contains("taskpilot-default")
                        .hasSizeGreaterThan(1);
            }
        }
    }

    @Test
    void theMetadataServiceIsNeverReached() {
        for (var policy : Chart.plain()
                .file("values-production.yaml")
                .render()
                .of("NetworkPolicy")
                .toList()) {
            Objects.list(policy.at("/spec/egress"))
                    .flatMap(rule -> Objects.list(rule.path("to")))
                    .filter(peer -> peer.has("ipBlock"))
                    .forEach(peer -> assertThat(Objects.texts(peer.at("/ipBlock/except")))
                            .contains("169.254.169.254/32"));
        }
    }

    private static boolean selects(JsonNode policy, JsonNode labels) {
        var selector = policy.at("/spec/podSelector");
        var byLabel = selector.path("matchLabels").properties().stream()
                .allMatch(entry -> labels.path(entry.getKey()).equals(entry.getValue()));
        var byExpression = Objects.list(selector.path("matchExpressions"))
                .allMatch(expression -> Objects.texts(expression.path("values"))
                        .contains(labels.path(expression.path("key").asText()).asText()));
        return byLabel && byExpression;
    }
}
