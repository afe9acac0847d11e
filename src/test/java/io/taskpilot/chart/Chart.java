package io.taskpilot.chart;

import com.marcnuri.helm.Helm;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The chart with some values, to be rendered by Helm itself, once. */
final class Chart {
    static final Path HOME = Path.of("helm/taskpilot");
    static final String NAMESPACE = "demo";

    private static final String HOOK = "helm.sh/hook";
    private static final String SHOWN = "shown.test/hook";
    private static final Path WITH_HOOKS = withHooks();

    private final String kubernetes;
    private final String release;
    private final List<Path> files;
    private final List<String> texts;

    private @Nullable String rendered;

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

    synchronized String text() {
        if (rendered == null) {
            rendered = template();
        }
        return rendered;
    }

    private String template() {
        var command = new Helm(WITH_HOOKS)
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
            return command.call().replace(SHOWN, HOOK);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } finally {
            written.forEach(Chart::delete);
        }
    }

    /** The library renders hooks for itself and does not show them: a copy of the chart in which they are no hooks. */
    private static Path withHooks() {
        try {
            var copy = Files.createTempDirectory("chart");
            Runtime.getRuntime().addShutdownHook(new Thread(() -> deleteAll(copy)));
            try (var files = Files.walk(HOME)) {
                for (var file : files.filter(Files::isRegularFile).toList()) {
                    var target = copy.resolve(HOME.relativize(file));
                    Files.createDirectories(target.getParent());
                    Files.writeString(target, Files.readString(file).replace(HOOK, SHOWN));
                }
            }
            return copy;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void deleteAll(Path directory) {
        try (var files = Files.walk(directory)) {
            files.sorted(Comparator.reverseOrder()).forEach(Chart::delete);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
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
