package io.taskpilot.chart;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What the network policies let through, and what Kubernetes makes of them. */
class ChartNetworkTest {

    private static Stream<DynamicTest> eachChart(Consumer<Objects> check) {
        return ValuesFiles.all().entrySet().stream()
                .map(entry -> DynamicTest.dynamicTest(
                        entry.getKey(), () -> check.accept(entry.getValue().render())));
    }

    private static Stream<JsonNode> rules(Objects objects, String direction) {
        return objects.of("NetworkPolicy").flatMap(policy -> Objects.list(policy.at("/spec/" + direction)));
    }

    // -- addresses --

    /** Kubernetes takes an exception only if it is a part of the network, and not all of it. */
    @ParameterizedTest
    @CsvSource({
        "0.0.0.0/0, 169.254.169.254/32 10.1.0.0/16",
        "10.0.0.0/8, 10.1.0.0/16",
        "10.1.2.0/15, 10.1.0.0/16",
        "10.128.0.0/9, ''",
        "169.254.169.254/31, 169.254.169.254/32",
        "169.254.169.252/31, ''",
        "::/0, fd00:ec2::254/128",
        "fd00::/8, fd00:ec2::254/128",
        "fd00:0EC2:0000::/48, fd00:ec2::254/128",
        "2001:db8::/32, ''"
    })
    void anExceptionIsLeftOutOfTheNetworksThatHaveIt(String cidr, String except) {
        var objects = Chart.plain().values("""
                networkPolicy:
                  egress:
                    cidrs: ["%s"]
                    except: [169.254.169.254/32, "fd00:ec2::254/128", 10.1.0.0/16]
                """.formatted(cidr)).render();

        for (var policy : List.of("taskpilot", "taskpilot-jobs", "taskpilot-alertmanager")) {
            var block = Objects.list(objects.one("NetworkPolicy", policy).at("/spec/egress"))
                    .flatMap(rule -> Objects.list(rule.path("to")))
                    .map(peer -> peer.path("ipBlock"))
                    .filter(each -> each.path("cidr").asText().equals(cidr))
                    .findFirst()
                    .orElseThrow();
            assertThat(Objects.texts(block.path("except")))
                    .containsExactlyElementsOf(except.isEmpty() ? List.of() : Arrays.asList(except.split(" ")));
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "egress: {cidrs: []}",
                "egress: {ports: []}",
                "apiServer: {cidrs: []}",
                "allowFrom: []",
                "monitoringFrom: []",
                "dns: {to: []}",
                "dns: {ports: []}"
            })
    void anEmptyListAllowsNothingRatherThanEverything(String policy) {
        var objects = Chart.plain()
                .values("networkPolicy: {%s}".formatted(policy))
                .values("observability: {otelCollector: {kubernetesAttributes: true}}")
                .render();

        assertThat(rules(objects, "egress"))
                .allMatch(rule -> rule.path("to").size() > 0
                        && (isOurs(rule) || rule.path("ports").size() > 0));
        assertThat(rules(objects, "ingress")).allMatch(rule -> rule.path("from").size() > 0);
    }

    /** Between the parts of the release no port is told. */
    private static boolean isOurs(JsonNode rule) {
        return Objects.list(rule.path("to"))
                .allMatch(peer -> peer.at("/podSelector/matchLabels/app.kubernetes.io~1part-of")
                        .asText()
                        .equals("taskpilot"));
    }

    // -- ports --

    /** Neither EndpointSlices before Kubernetes 1.33 nor every CNI know a native sidecar's port by its name. */
    @TestFactory
    Stream<DynamicTest> aPolicyNamesPortsByNumber() {
        return eachChart(objects -> assertThat(Stream.concat(rules(objects, "ingress"), rules(objects, "egress"))
                        .flatMap(rule -> Objects.list(rule.path("ports"))))
                .allMatch(port -> port.path("port").isInt()));
    }

    @TestFactory
    Stream<DynamicTest> aServiceNamesNoPortOfASidecar() {
        return eachChart(objects -> {
            var sidecars = objects.pods().values().stream()
                    .flatMap(pod -> Objects.list(pod.path("initContainers")))
                    .flatMap(container -> Objects.list(container.path("ports")))
                    .map(port -> port.path("name").asText())
                    .toList();
            assertThat(objects.of("Service")
                            .filter(service -> service.at("/spec/selector/taskpilot.io~1server")
                                    .asBoolean())
                            .flatMap(service -> Objects.list(service.at("/spec/ports"))))
                    .isNotEmpty()
                    .noneMatch(port -> sidecars.contains(port.path("targetPort").asText()));
        });
    }

    @ParameterizedTest
    @ValueSource(strings = {"taskpilot", "taskpilot-jobs"})
    void theWayOutHasThePortsThatAreInUse(String policy) {
        var objects = Chart.plain().file("values-production.yaml").values("""
                postgres: {port: 6432}
                redis: {port: 6380}
                s3: {url: "https://s3.example.com:9000"}
                llm: {baseUrl: "http://vllm.models:8000/v1"}
                config:
                  approvals: {webhook: {url: "https://hooks.example.com:8443/x"}}
                  tools: {webhooks: {pager: {url: "http://pager.example.com:8080/x"}}}
                """).render();

        assertThat(ports(outside(objects, policy)))
                .containsExactlyInAnyOrder(443, 6432, 6380, 9000, 8000, 8443, 8080, 4317);
    }

    private static JsonNode outside(Objects objects, String policy) {
        return Objects.list(objects.one("NetworkPolicy", policy).at("/spec/egress"))
                .filter(rule -> rule.at("/to/0/ipBlock").isObject())
                .findFirst()
                .orElseThrow();
    }

    private static List<Integer> ports(JsonNode rule) {
        return Objects.list(rule.path("ports"))
                .map(port -> port.path("port").asInt())
                .toList();
    }

    // -- what is in the cluster --

    @ParameterizedTest
    @ValueSource(strings = {"taskpilot", "taskpilot-jobs"})
    void whatIsInTheClusterIsReachedByItsLabels(String policy) {
        var objects = Chart.plain().file("values-production.yaml").values("""
                networkPolicy:
                  egress:
                    peers:
                      - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: databases}}
                  extraEgress:
                    - {to: [{podSelector: {matchLabels: {app: proxy}}}], ports: [{port: 3128}]}
                """).render();

        var rule = outside(objects, policy);
        assertThat(rule.at("/to/1/namespaceSelector/matchLabels/kubernetes.io~1metadata.name")
                        .asText())
                .isEqualTo("databases");
        assertThat(ports(rule)).contains(5432, 6379, 443);
        assertThat(Objects.list(objects.one("NetworkPolicy", policy).at("/spec/egress"))
                        .flatMap(each -> ports(each).stream()))
                .contains(3128);
    }

    @Test
    void theKubernetesApiIsWhereTheValuesSay() {
        var objects = Chart.plain()
                .file("ci/ingress-values.yaml")
                .values("networkPolicy: {apiServer: {cidrs: [10.0.0.1/32], ports: [16443]}}")
                .render();

        for (var policy : List.of("agents-jobs", "taskpilot-otel-collector")) {
            assertThat(Objects.list(objects.one("NetworkPolicy", policy).at("/spec/egress")))
                    .as(policy)
                    .anyMatch(rule -> rule.at("/to/0/ipBlock/cidr").asText().equals("10.0.0.1/32")
                            && ports(rule).equals(List.of(16443)));
        }
    }

    @Test
    void switchedOffNoPolicyIsLeft() {
        // one that stays would cut off what it selects from names, which another one allows
        var objects = Chart.plain()
                .file("values-full.yaml")
                .values("networkPolicy: {enabled: false}")
                .render();

        assertThat(objects.of("NetworkPolicy")).isEmpty();
    }

    @Test
    void theBundledPrometheusScrapesWhoeverElseMay() {
        var objects = Chart.plain()
                .values("{opa: {mode: service}, guardrails: {mode: service}, networkPolicy: {monitoringFrom: []}}")
                .render();

        for (var policy : List.of("taskpilot", "taskpilot-opa", "taskpilot-guardrails")) {
            assertThat(Objects.list(objects.one("NetworkPolicy", policy).at("/spec/ingress"))
                            .flatMap(rule -> Objects.list(rule.path("from"))))
                    .as(policy)
                    .anyMatch(peer -> peer.at("/podSelector/matchLabels/app.kubernetes.io~1component")
                            .asText()
                            .equals("prometheus"));
        }
    }
}
