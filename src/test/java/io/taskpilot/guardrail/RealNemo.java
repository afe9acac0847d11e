package io.taskpilot.guardrail;

import io.taskpilot.outside.OutsideProcess;
import io.taskpilot.outside.Tool;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.HttpURLConnection;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The real NeMo Guardrails server, as {@code docker/guardrails/serve.py} starts it: with the python of
 * $NEMO_GUARDRAILS, the one beside a {@code nemoguardrails} on the PATH, or that of {@code scripts/guardrails-server}.
 */
public final class RealNemo extends OutsideProcess {
    private static final String MISSING =
            "there is no NeMo Guardrails: set NEMO_GUARDRAILS to what scripts/guardrails-server --install prints";

    private static @Nullable RealNemo shared;

    private final Path python;
    private final Path configurations;

    private RealNemo(Path python, Path configurations) {
        super(unusedPort());
        this.python = python;
        this.configurations = configurations;
    }

    @Override
    protected List<String> command() {
        return List.of(
                python.toString(),
                "docker/guardrails/serve.py",
                configurations.toString(),
                "127.0.0.1",
                String.valueOf(port()));
    }

    /** One with the shipped rails, started once and for all tests of this process; nobody may stop it. */
    public static synchronized URI shared() throws Exception {
        if (shared == null) {
            var started = start(Path.of("conf/guardrails"));
            Runtime.getRuntime().addShutdownHook(new Thread(started::close));
            shared = started;
        }
        return shared.url();
    }

    /** One for the caller alone, on a free port; returns when it answers. */
    public static RealNemo start(Path configurations) throws Exception {
        var nemo = new RealNemo(pythonOrSkip(), configurations);
        nemo.launch();
        return nemo;
    }

    /** Skips the test when there is no NeMo Guardrails, unless TASKPILOT_REQUIRE_TOOLS is true: then it fails. */
    private static Path pythonOrSkip() throws IOException {
        return candidates().filter(Files::isExecutable).findFirst().orElseGet(() -> Tool.missing(MISSING));
    }

    private static Stream<Path> candidates() throws IOException {
        var named = Optional.ofNullable(System.getenv("NEMO_GUARDRAILS")).map(Path::of).stream();
        var onPath = Arrays.stream(System.getenv("PATH").split(":"))
                .map(directory -> Path.of(directory, "nemoguardrails"))
                .filter(Files::isExecutable)
                .map(RealNemo::beside);
        var caches = Optional.ofNullable(System.getenv("XDG_CACHE_HOME"))
                .map(Path::of)
                .orElse(Path.of(System.getProperty("user.home"), ".cache"))
                .resolve("taskpilot-guardrails");
        try (var environments = Files.isDirectory(caches) ? Files.list(caches) : Stream.<Path>empty()) {
            var installed = environments
                    .filter(environment -> Files.exists(environment.resolve("complete")))
                    .map(environment -> environment.resolve("bin/python"))
                    .toList();
            return Stream.of(named, onPath, installed.stream()).flatMap(paths -> paths);
        }
    }

    private static Path beside(Path command) {
        try {
            return command.toRealPath().resolveSibling("python");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public URI url() {
        return URI.create("http://127.0.0.1:" + port());
    }

    @Override
    protected boolean isReady() throws IOException {
        var connection =
                (HttpURLConnection) url().resolve("/v1/rails/configs").toURL().openConnection();
        connection.setConnectTimeout(5_000);
        connection.setReadTimeout(60_000);
        return connection.getResponseCode() == 200;
    }
}
