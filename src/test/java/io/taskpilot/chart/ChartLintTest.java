package io.taskpilot.chart;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.marcnuri.helm.Helm;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ChartLintTest {

    @Test
    void lintFindsNothingEvenWhereItIsStrict() {
        var lint = new Helm(Chart.HOME).lint().strict().call();

        assertThat(lint.isFailed()).as("%s", lint.getMessages()).isFalse();
        assertThat(lint.getMessages())
                .noneMatch(message -> message.contains("[WARNING]") || message.contains("[ERROR]"));
    }

    @TestFactory
    Stream<DynamicTest> everyValuesFileRenders() {
        return ValuesFiles.all().entrySet().stream()
                .map(entry -> DynamicTest.dynamicTest(entry.getKey(), () -> {
                    var objects = entry.getValue().render();
                    assertThat(objects.names()).doesNotHaveDuplicates().isNotEmpty();
                    objects.all().forEach(ChartLintTest::isWhole);
                }));
    }

    /** Server-side apply refuses what a list that is a map has twice. */
    private static void isWhole(JsonNode object) {
        assertThat(object.path("metadata")
                        .path("labels")
                        .path("app.kubernetes.io/part-of")
                        .asText())
                .isEqualTo("taskpilot");
        assertThat(object.path("metadata").path("namespace").asText()).isEqualTo(Chart.NAMESPACE);
        assertThat(Objects.name(object)).hasSizeLessThanOrEqualTo(63);
        for (var pod : new Objects(List.of(object)).pods().values()) {
            unique(Objects.containers(pod)
                    .map(container -> container.path("name").asText()));
            unique(Objects.list(pod.path("volumes"))
                    .map(volume -> volume.path("name").asText()));
            unique(Objects.containers(pod)
                    .flatMap(container -> Objects.list(container.path("ports")))
                    .map(port -> port.path("containerPort").asText()));
            Objects.containers(pod).forEach(container -> {
                unique(Objects.list(container.path("env"))
                        .map(each -> each.path("name").asText()));
                unique(Objects.list(container.path("volumeMounts"))
                        .map(each -> each.path("mountPath").asText()));
                var volumes = Objects.list(pod.path("volumes"))
                        .map(each -> each.path("name").asText())
                        .toList();
                var claims = Objects.list(object.path("spec").path("volumeClaimTemplates"))
                        .map(Objects::name)
                        .toList();
                assertThat(Objects.list(container.path("volumeMounts"))
                                .map(each -> each.path("name").asText()))
                        .allMatch(name -> volumes.contains(name) || claims.contains(name));
            });
        }
    }

    private static void unique(Stream<String> names) {
        var seen = new HashSet<String>();
        assertThat(names.filter(name -> !seen.add(name))).isEmpty();
    }

    @Test
    void thePackageRendersAsTheDirectoryDoes(@TempDir Path dir) throws IOException {
        new Helm(Chart.HOME).packageIt().withDestination(dir).call();

        try (var files = Files.list(dir)) {
            var packed = files.toList();
            assertThat(packed).hasSize(1);
            assertThat(render(packed.get(0))).isEqualTo(render(Chart.HOME));
        }
    }

    private static String render(Path chart) {
        return new Helm(chart)
                .template()
                .withName("taskpilot")
                .withNamespace(Chart.NAMESPACE)
                .withKubeVersion("1.37.0")
                .call();
    }

    /** Kubernetes refuses another template of a pod under the same name. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "{global: {imagePullSecrets: [{name: regcred}]}}",
                "{global: {imageRegistry: registry.example.com}}",
                "{global: {commonLabels: {team: platform}}}",
                "{observability: {existingSecret: mine}}",
                "{observability: {logs: {retention: 7d}}}",
                "{observability: {logs: {elasticsearch: {image: {tag: 9.2.2}}}}}"
            })
    void aJobThatIsAnotherHasAnotherName(String change) {
        var full = Chart.plain().file("values-full.yaml");

        assertThat(jobs(full.values(change)).keySet())
                .hasSize(1)
                .doesNotContainAnyElementsOf(jobs(full).keySet());
    }

    @Test
    void aJobOfAnotherVersionOfTheChartHasAnotherName(@TempDir Path dir) throws IOException {
        copy(Chart.HOME, dir);
        var chart = dir.resolve("charts/observability/Chart.yaml");
        Files.writeString(chart, Files.readString(chart).replace("\nversion: 0.1.0", "\nversion: 0.1.1"));
        var parent = dir.resolve("Chart.yaml");
        Files.writeString(
                parent,
                Files.readString(parent)
                        .replace("name: observability\n    version: 0.1.0", "name: observability\n    version: 0.1.1"));

        assertThat(jobs(Objects.parse(full(dir))).keySet())
                .hasSize(1)
                .doesNotContainAnyElementsOf(
                        jobs(Objects.parse(full(Chart.HOME))).keySet());
    }

    private static String full(Path chart) {
        return new Helm(chart)
                .template()
                .withName("taskpilot")
                .withNamespace(Chart.NAMESPACE)
                .withKubeVersion("1.37.0")
                .withValuesFile(Chart.HOME.resolve("values-full.yaml"))
                .call();
    }

    private static void copy(Path from, Path to) throws IOException {
        try (var files = Files.walk(from)) {
            for (var file : files.filter(Files::isRegularFile).toList()) {
                var target = to.resolve(from.relativize(file));
                Files.createDirectories(target.getParent());
                Files.copy(file, target);
            }
        }
    }

    private static Map<String, JsonNode> jobs(Chart chart) {
        return jobs(chart.render());
    }

    /** Those that are no hooks, which Helm deletes before it makes them anew. */
    private static Map<String, JsonNode> jobs(Objects objects) {
        return objects.of("Job")
                .filter(job -> job.at("/metadata/annotations/helm.sh~1hook").isMissingNode())
                .collect(Collectors.toMap(Objects::name, job -> job.at("/spec/template")));
    }

    @Test
    void theListOfImagesIsWhole() throws IOException {
        var chart = Objects.one(Files.readString(Chart.HOME.resolve("Chart.yaml")));
        var listed = Objects.one(
                chart.path("annotations").path("artifacthub.io/images").asText());
        var used = Chart.plain().file("values-full.yaml").render().pods().values().stream()
                .flatMap(Objects::containers)
                .map(container -> container.path("image").asText())
                .distinct();

        assertThat(Objects.list(listed).map(each -> each.path("image").asText()))
                .containsExactlyInAnyOrderElementsOf(used.toList());
    }

    @Test
    void everyObjectHasTheCommonLabelsAndAnnotations() {
        var common = "{commonLabels: {team: platform}, commonAnnotations: {example.com/owner: platform}}";
        for (var object : Chart.plain()
                .file("values-full.yaml")
                .values("global: " + common)
                .render()
                .all()) {
            var name = object.path("kind").asText() + "/" + Objects.name(object);
            assertThat(object.at("/metadata/labels/team").asText()).as(name).isEqualTo("platform");
            assertThat(object.at("/metadata/annotations/example.com~1owner").asText())
                    .as(name)
                    .isEqualTo("platform");
        }
    }

    @Test
    void itRendersTheSameTwice() {
        // nothing is drawn at random while rendering: tools that compare see no change where there is none
        var once = Chart.plain().text();
        var again = Chart.plain().text();

        assertThat(again).isEqualTo(once);
    }

    @Test
    void aChartAboveMayHaveIt(@TempDir Path dir) throws IOException {
        var umbrella = Files.createDirectories(dir.resolve("umbrella/charts"));
        new Helm(Chart.HOME).packageIt().withDestination(umbrella).call();
        Files.writeString(dir.resolve("umbrella/Chart.yaml"), """
                apiVersion: v2
                name: umbrella
                version: 1.0.0
                dependencies:
                  - {name: taskpilot, version: 0.1.0, alias: agents, condition: agents.enabled}
                """);
        Files.writeString(dir.resolve("umbrella/values.yaml"), """
                global: {imageRegistry: registry.example.com, somebodyElse: {x: 1}, imagePullSecrets: [{name: pull}]}
                agents: {enabled: true, server: {replicas: 2}}
                """);

        var objects = Objects.parse(new Helm(dir.resolve("umbrella"))
                .template()
                .withName("all")
                .withNamespace(Chart.NAMESPACE)
                .withKubeVersion("1.37.0")
                .call());

        var pod = objects.pod("Deployment/all-taskpilot");
        assertThat(Objects.named(pod.path("containers"), "taskpilot")
                        .path("image")
                        .asText())
                .isEqualTo("registry.example.com/taskpilot/taskpilot:0.1.0");
        assertThat(objects.pods().values()).allSatisfy(each -> {
            assertThat(each.path("imagePullSecrets").path(0).path("name").asText())
                    .isEqualTo("pull");
            assertThat(Objects.containers(each))
                    .allMatch(container -> container.path("image").asText().startsWith("registry.example.com/"));
        });
    }
}
