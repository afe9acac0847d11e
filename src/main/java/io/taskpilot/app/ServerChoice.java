package io.taskpilot.app;

import io.taskpilot.config.Secret;
import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The flags of every command that talks to a server: which one, and with which key. */
final class ServerChoice {
    static final String A_URL = "a URL such as http://127.0.0.1:8000";

    @Option(
            names = "--server",
            paramLabel = "URL",
            description = "The server (default: TASKPILOT_SERVER, else the one running on the data directory).")
    private @Nullable URI server;

    @Option(
            names = "--api-key-file",
            paramLabel = "FILE",
            description = "Holds the API key (default: the key in TASKPILOT_API_KEY).")
    private @Nullable Path keyFile;

    @Mixin
    private ConfigOptions config = new ConfigOptions();

    ConfigOptions config() {
        return config;
    }

    /** The server that was named, else the one that runs on the data directory; empty when neither is there. */
    Optional<ApiClient> find(Shell shell) throws InterruptedException {
        var named = named(shell);
        if (named.isPresent()) {
            return Optional.of(client(shell, named.get()));
        }
        var recorded = ServerRecord.read(config.load(shell).config().dataDir());
        var url = recorded.map(ServerRecord::url).orElse(null);
        return url != null && recorded.get().isAlive() ? Optional.of(client(shell, url)) : Optional.empty();
    }

    ApiClient need(Shell shell) throws InterruptedException {
        return find(shell)
                .orElseThrow(() -> new CommandFailure(
                        "no server runs on this data directory: start one with `%s serve`, or name one with --server"
                                .formatted(shell.commandName())));
    }

    private Optional<URI> named(Shell shell) {
        var variable = shell.environment().getOrDefault("TASKPILOT_SERVER", "");
        if (server != null || variable.isEmpty()) {
            return Optional.ofNullable(server);
        }
        var url = url(variable);
        if (url == null) {
            throw new UsageFailure("TASKPILOT_SERVER: '%s' (expected: %s)".formatted(variable, A_URL));
        }
        return Optional.of(url);
    }

    /** Null for what is not the URL of a server. */
    static @Nullable URI url(String text) {
        try {
            var url = new URI(text);
            var web = "http".equals(url.getScheme()) || "https".equals(url.getScheme());
            return web && url.getHost() != null ? url : null;
        } catch (URISyntaxException e) {
            return null;
        }
    }

    ApiClient client(Shell shell, URI url) {
        return new ApiClient(url, key(shell));
    }

    private @Nullable Secret key(Shell shell) {
        var file = keyFile(shell);
        if (file == null) {
            var key = shell.environment().getOrDefault("TASKPILOT_API_KEY", "").strip();
            return key.isEmpty() ? null : new Secret(key);
        }
        try {
            return new Secret(Files.readString(shell.workDir().resolve(file)).strip());
        } catch (IOException e) {
            throw new UsageFailure("the key file %s can't be read (%s)"
                    .formatted(file, e.getClass().getSimpleName()));
        }
    }

    private @Nullable Path keyFile(Shell shell) {
        var file = shell.environment().getOrDefault("TASKPILOT_API_KEY_FILE", "");
        var isByValue =
                !shell.environment().getOrDefault("TASKPILOT_API_KEY", "").isBlank();
        return keyFile != null || isByValue || file.isEmpty() ? keyFile : Path.of(file);
    }

    /** What a shell makes the key of, inside double quotes: never the key itself. Empty without one. */
    String shellKey(Shell shell) {
        var file = keyFile(shell);
        return file != null ? "$(cat " + quoted(file) + ")" : key(shell) != null ? "$TASKPILOT_API_KEY" : "";
    }

    private static String quoted(Path file) {
        return "'" + file.toString().replace("'", "'\\''") + "'";
    }

    /** A command against the same server from another terminal, {@code %s} standing for what it is to do. */
    String again(Shell shell) {
        var where = server == null ? config.again() : " --server " + server;
        var key = keyFile == null ? "" : " --api-key-file " + quoted(keyFile);
        return shell.commandName() + " %s" + (where + key).replace("%", "%%");
    }
}
