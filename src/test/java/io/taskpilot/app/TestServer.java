package io.taskpilot.app;

import io.taskpilot.config.ConfigLoader;
import io.taskpilot.config.Sources;
import io.taskpilot.journal.TestPostgres;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/** The whole server in this process, on a database of its own and on free ports. */
final class TestServer implements AutoCloseable {
    private final Server server;
    private final Path dataDir;

    private TestServer(Server server, Path dataDir) {
        this.server = server;
        this.dataDir = dataDir;
    }

    /** @param settings environment variables, as a user would set them */
    static TestServer start(Map<String, String> settings) throws Exception {
        var dataDir = Files.createTempDirectory("taskpilot-test");
        var environment = new HashMap<String, String>();
        environment.put("TASKPILOT_DATA_DIR", dataDir.toString());
        environment.put("TASKPILOT_HTTP_PORT", "0");
        environment.put("TASKPILOT_HTTP_MANAGEMENT_PORT", "0");
        environment.put("TASKPILOT_DRAIN_ACCEPT", "0s");
        environment.putAll(settings);
        if (!environment.containsKey("TASKPILOT_POSTGRES_URL")) {
            environment.put(
                    "TASKPILOT_POSTGRES_URL", TestPostgres.database().url().value());
        }
        var here = Path.of("").toAbsolutePath();
        var sources = new Sources(Map.of(), environment, null, List.of(here.resolve("conf")), here);
        return new TestServer(Server.start(ConfigLoader.load(sources).config()), dataDir);
    }

    ApiUser user() {
        return new ApiUser(Objects.requireNonNull(server.url()));
    }

    String url() {
        return String.valueOf(server.url());
    }

    /** What it says at start of who does each job. */
    List<String> engines() {
        return server.engines();
    }

    String managementUrl() {
        return server.managementUrl().toString();
    }

    @Override
    public void close() throws IOException {
        server.close();
        try (var paths = Files.walk(dataDir)) {
            for (var path : paths.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        }
    }
}
