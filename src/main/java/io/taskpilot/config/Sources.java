package io.taskpilot.config;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Where settings come from. Flags win over the environment, the environment over the file, the file over defaults.
 *
 * @param flags texts by path, as in {@code http.port}
 * @param environment of the process; empty values count as unset
 * @param file null for taskpilot.yaml in the configuration directory, if there is one
 * @param confDirs where that directory may be when neither flag nor variable says: the first with a taskpilot.yaml
 * @param workDir what relative paths start from, except in the file: there it is the file's own directory
 */
public record Sources(
        Map<String, String> flags,
        Map<String, String> environment,
        @Nullable Path file,
        List<Path> confDirs,
        Path workDir) {
    public Sources {
        flags = Map.copyOf(flags);
        environment = Map.copyOf(environment);
        confDirs = List.copyOf(confDirs);
    }
}
