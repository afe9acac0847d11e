package io.taskpilot.stack;

import static org.junit.jupiter.api.Assumptions.abort;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.Optional;
import java.util.stream.Stream;

/** A program of outside that {@code .ci/run} builds. */
public final class Tool {
    private Tool() {}

    /**
     * Its path: that of the variable, else the newest that {@code .ci/run} left. Skips the test where there is none, unless
     * TASKPILOT_REQUIRE_TOOLS is true: then it fails.
     */
    public static Path orSkip(String variable, String name) {
        var named = Optional.ofNullable(System.getenv(variable)).map(Path::of).stream();
        return Stream.concat(named, cached(name))
                .filter(Files::isExecutable)
                .findFirst()
                .orElseGet(() -> missing("there is no " + name + ": set " + variable + " to its path, or run .ci/run"));
    }

    private static Path missing(String reason) {
        if ("true".equals(System.getenv("TASKPILOT_REQUIRE_TOOLS"))) {
            throw new AssertionError(reason);
        }
        return abort(reason);
    }

    private static Stream<Path> cached(String name) {
        var cache = Path.of(System.getProperty("user.home"), ".cache", "taskpilot-ci");
        if (!Files.isDirectory(cache)) {
            return Stream.empty();
        }
        try (var files = Files.list(cache)) {
            return files
                    .filter(file -> file.getFileName().toString().matches(name + "-[0-9][^.]*\\.[^.]+\\.[^.]+"))
                    .sorted(Comparator.reverseOrder())
                    .toList()
                    .stream();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
