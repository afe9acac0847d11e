package io.taskpilot.outside;

import static org.junit.jupiter.api.Assumptions.abort;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Optional;
import java.util.stream.Stream;

/** Programs that are not part of the build: real engines and stores, and what watches and checks. */
public final class Tool {
    private Tool() {}

    /** That of the variable, else the one on the PATH, else the newest that {@code .ci/run} left. */
    public static Optional<Path> installed(String variable, String name) {
        var named = Optional.ofNullable(System.getenv(variable)).map(Path::of).stream();
        var onPath = Stream.concat(Arrays.stream(System.getenv("PATH").split(":")), Stream.of("/usr/sbin"))
                .map(directory -> Path.of(directory, name));
        return Stream.of(named, onPath, cached(name))
                .flatMap(paths -> paths)
                .filter(Files::isExecutable)
                .findFirst();
    }

    /** Skips the test where there is none, unless TASKPILOT_REQUIRE_TOOLS is true: then it fails. */
    public static Path orSkip(String variable, String name) {
        return installed(variable, name)
                .orElseGet(
                        () -> missing("there is no %s: set %s to its path, or run .ci/run".formatted(name, variable)));
    }

    /** Whether a tool that is absent fails a test. */
    public static boolean areRequired() {
        return "true".equals(System.getenv("TASKPILOT_REQUIRE_TOOLS"));
    }

    /** Returns nothing: it skips the test, unless TASKPILOT_REQUIRE_TOOLS is true, then it fails. */
    public static Path missing(String reason) {
        if (areRequired()) {
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
