package io.taskpilot.guardrail;

import static org.junit.jupiter.api.Assumptions.abort;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The real NeMo Guardrails server, as {@code docker/guardrails/serve.py} starts it: with the python of
 * $NEMO_GUARDRAILS, the one beside a {@code nemoguardrails} on the PATH, or that of {@code scripts/guardrails-server}.
 */
public final class RealNemo implements AutoCloseable {
    private static final String MISSING =
            "there is no NeMo Guardrails: set NEMO_GUARDRAILS to what scripts/guardrails-server --install prints";
    private static final Duration SLOWEST_START = Duration.ofMinutes(2);

    private static @Nullable RealNemo shared;

    private final Path python;
    private final Path configurations;
    private final Path log;
    private final int port;
    private Process process;

    private RealNemo(Path python, Path configurations, int port) throws IOException {
        this.python = python;
        this.configurations = configurations;
        this.port = port;
        log = Files.createTempFile("nemo-guardrails", ".log");
        process = launch();
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
        var nemo = new RealNemo(pythonOrSkip(), configurations, unusedPort());
        nemo.awaitReady();
        return nemo;
    }

    /** Skips the test when there is no NeMo Guardrails, unless TASKPILOT_REQUIRE_TOOLS is true: then it fails. */
    private static Path pythonOrSkip() throws IOException {
        var found = candidates().filter(Files::isExecutable).findFirst();
        if (found.isEmpty() && "true".equals(System.getenv("TASKPILOT_REQUIRE_TOOLS"))) {
            throw new AssertionError(MISSING);
        }
        return found.orElseGet(() -> abort(MISSING));
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
        return URI.create("http://127.0.0.1:" + port);
    }

    /** As {@code kill -9}. */
    public void kill() throws InterruptedException {
        process.destroyForcibly().waitFor();
    }

    /** Starts it again on the same port; returns when it answers. */
    public void restart() throws Exception {
        process = launch();
        awaitReady();
    }

    /** @param name as in {@code STOP}: the process keeps its connections and answers no more */
    public void signal(String name) throws Exception {
        new ProcessBuilder("kill", "-" + name, String.valueOf(process.pid()))
                .inheritIO()
                .start()
                .waitFor();
    }

    private Process launch() throws IOException {
        return new ProcessBuilder(
                        python.toString(),
                        "docker/guardrails/serve.py",
                        configurations.toString(),
                        "127.0.0.1",
                        String.valueOf(port))
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()))
                .start();
    }

    private void awaitReady() throws Exception {
        var http = HttpClient.newHttpClient();
        var request = HttpRequest.newBuilder(url().resolve("/v1/rails/configs"))
                .timeout(SLOWEST_START)
                .build();
        var latest = Instant.now().plus(SLOWEST_START);
        while (true) {
            try {
                if (http.send(request, BodyHandlers.ofString()).statusCode() == 200) {
                    return;
                }
            } catch (IOException notYet) {
                if (!process.isAlive() || Instant.now().isAfter(latest)) {
                    close();
                    throw new AssertionError("no NeMo Guardrails server: " + Files.readString(log), notYet);
                }
            }
            Thread.sleep(50);
        }
    }

    @Override
    public void close() {
        process.destroyForcibly();
        try {
            process.waitFor();
            Files.deleteIfExists(log);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static int unusedPort() throws IOException {
        try (var socket = new ServerSocket(0)) {
            return socket.getLocalPort();
        }
    }
}
