package io.taskpilot.chart;

import com.marcnuri.helm.Helm;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The chart with some values, to be rendered by Helm itself. Immutable. */
final class Chart {
    static final Path HOME = Path.of("helm/taskpilot");
    static final String NAMESPACE = "demo";

    private final String kubernetes;
    private final String release;
    private final List<Path> files;
    private final List<String> texts;

    private Chart(String kubernetes, String release, List<Path> files, List<String> texts) {
        this.kubernetes = kubernetes;
        this.release = release;
        this.files = List.copyOf(files);
        this.texts = List.copyOf(texts);
    }

    /** As it comes, for the newest Kubernetes. */
    static Chart plain() {
        return new Chart("1.37.0", "taskpilot", List.of(), List.of());
    }

    /** @param name as in {@code values-small.yaml} */
    Chart file(String name) {
        var all = new ArrayList<>(files);
        all.add(HOME.resolve(name));
        return new Chart(kubernetes, release, all, texts);
    }

    /** Values in YAML, over those from before. */
    Chart values(String yaml) {
        var all = new ArrayList<>(texts);
        all.add(yaml);
        return new Chart(kubernetes, release, files, all);
    }

    Chart on(String kubernetesVersion) {
        return new Chart(kubernetesVersion, release, files, texts);
    }

    Chart named(String releaseName) {
        return new Chart(kubernetes, releaseName, files, texts);
    }

    /** @throws IllegalStateException with what Helm says, when it refuses */
    Objects render() {
        return Objects.parse(text());
    }

    String text() {
        var command = new Helm(HOME)
                .template()
                .withName(release)
                .withNamespace(NAMESPACE)
                .withKubeVersion(kubernetes);
        files.forEach(command::withValuesFile);
        var written = new ArrayList<Path>();
        try {
            for (var text : texts) {
                var file = Files.createTempFile("values", ".yaml");
                written.add(file);
                command.withValuesFile(Files.writeString(file, text));
            }
            return command.call();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } finally {
            written.forEach(Chart::delete);
        }
    }

    private static void delete(Path file) {
        try {
            Files.deleteIfExists(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
