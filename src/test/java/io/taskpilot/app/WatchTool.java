package io.taskpilot.app;

import static org.junit.jupiter.api.Assumptions.abort;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;

/** What watches a server: of the environment, the PATH, or the cache of {@code .ci/run}. */
enum WatchTool {
    PROMETHEUS("prometheus-0.316.0"),
    ALERTMANAGER("alertmanager-0.35.0"),
    OTELCOL("otelcol-0.161.0");

    private final String cached;

    WatchTool(String cached) {
        this.cached = cached;
    }

    /** The command; skips the test where there is none, unless TASKPILOT_REQUIRE_TOOLS is true: then it fails. */
    Path installedOrSkip() {
        return candidates().filter(Files::isExecutable).findFirst().orElseGet(() -> {
            var missing = "there is no %s: set %s to its path".formatted(command(), name());
            if ("true".equals(System.getenv("TASKPILOT_REQUIRE_TOOLS"))) {
                throw new AssertionError(missing);
            }
            return abort(missing);
        });
    }

    private String command() {
        return name().toLowerCase(Locale.ROOT);
    }

    private Stream<Path> candidates() {
        var named = Optional.ofNullable(System.getenv(name())).map(Path::of).stream();
        var onPath = Arrays.stream(System.getenv("PATH").split(":")).map(directory -> Path.of(directory, command()));
        return Stream.of(named, onPath, cached()).flatMap(paths -> paths);
    }

    /** A name may go on, with what a tool was built from. */
    private Stream<Path> cached() {
        var cache = Path.of(System.getProperty("user.home"), ".cache", "taskpilot-ci");
        try (var tools = Files.isDirectory(cache) ? Files.list(cache) : Stream.<Path>empty()) {
            return tools.filter(tool -> tool.getFileName().toString().startsWith(cached)).toList().stream();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
