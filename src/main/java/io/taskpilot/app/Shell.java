package io.taskpilot.app;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What surrounds a command: where it writes, and what it is told without being asked.
 *
 * @param out results; in UTF-8 when the environment says so
 * @param err everything else
 * @param home the source tree that the launcher belongs to, null without one
 */
record Shell(
        PrintStream out,
        PrintStream err,
        Terminal terminal,
        Map<String, String> environment,
        Path workDir,
        @Nullable Path home) {

    static Shell ofProcess() {
        var environment = System.getenv();
        var charset = Terminal.isUtf8(environment) ? StandardCharsets.UTF_8 : StandardCharsets.US_ASCII;
        var home = System.getProperty("taskpilot.home");
        return new Shell(
                new PrintStream(System.out, true, charset),
                new PrintStream(System.err, true, charset),
                Terminal.detect(environment),
                environment,
                Path.of("").toAbsolutePath(),
                home == null ? null : Path.of(home));
    }

    /** Where the configuration may be when nobody says: here, beside the launcher, beside the jar. */
    List<Path> confDirs() {
        return Stream.of(workDir, home, jarParent())
                .filter(dir -> dir != null)
                .map(dir -> dir.resolve("conf"))
                .distinct()
                .toList();
    }

    /** The directory above that of the jar; null when the classes are not in one. */
    private static @Nullable Path jarParent() {
        var source = Shell.class.getProtectionDomain().getCodeSource();
        if (source == null || !source.getLocation().getPath().endsWith(".jar")) {
            return null;
        }
        var jar = Path.of(source.getLocation().getPath()).getParent();
        return jar == null ? null : jar.getParent();
    }

    /** How a person types the command, from the same place. */
    String commandName() {
        if (home == null) {
            return "taskpilot";
        }
        return sameAsWorkDir(home) ? "./taskpilot" : home.resolve("taskpilot").toString();
    }

    private boolean sameAsWorkDir(Path dir) {
        try {
            return Files.isSameFile(dir, workDir);
        } catch (IOException e) {
            return false;
        }
    }
}
