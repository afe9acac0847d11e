package io.taskpilot.app;

import io.taskpilot.config.ConfigLoader;
import io.taskpilot.config.Sources;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The flags of every command that reads the configuration. */
final class ConfigOptions {
    @Option(
            names = "--config",
            paramLabel = "FILE",
            description = "Configuration file (default: taskpilot.yaml in conf).")
    private @Nullable Path config;

    @Option(names = "--conf-dir", paramLabel = "DIR", description = "Where agents/, policy/ and the rest are.")
    private @Nullable String confDir;

    @Option(names = "--data-dir", paramLabel = "DIR", description = "Where the server keeps its data (default: data).")
    private @Nullable String dataDir;

    @Option(
            names = "--set",
            paramLabel = "KEY=VALUE",
            description = "Sets a key, as in --set http.port=9000. See: config print.")
    private Map<String, String> flags = new LinkedHashMap<>();

    /** @throws io.taskpilot.config.ConfigException naming every mistake there is */
    ConfigLoader.Loaded load(Shell shell) {
        var all = new LinkedHashMap<>(flags);
        if (confDir != null) {
            all.put("confDir", confDir);
        }
        if (dataDir != null) {
            all.put("dataDir", dataDir);
        }
        var file = config == null ? null : shell.workDir().resolve(config);
        return ConfigLoader.load(new Sources(all, shell.environment(), file, shell.confDirs(), shell.workDir()));
    }

    /** What another terminal has to be given to find the same server. */
    String again() {
        return dataDir == null ? "" : " --data-dir " + dataDir;
    }
}
