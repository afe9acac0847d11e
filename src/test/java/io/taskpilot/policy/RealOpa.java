package io.taskpilot.policy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;

/** The real {@code opa}: of $OPA, the PATH, or the cache of {@code .ci/run}. */
public final class RealOpa {
    static final String MISSING = "there is no opa: set OPA to its path";

    private static final JsonMapper JSON = new JsonMapper();

    private final Path binary;

    private RealOpa(Path binary) {
        this.binary = binary;
    }

    /** Empty when there is none, unless TASKPILOT_REQUIRE_TOOLS is true: then it throws. */
    public static Optional<RealOpa> installed() {
        var found = candidates().filter(Files::isExecutable).findFirst();
        if (found.isEmpty() && "true".equals(System.getenv("TASKPILOT_REQUIRE_TOOLS"))) {
            throw new AssertionError(MISSING);
        }
        return found.map(RealOpa::new);
    }

    public static RealOpa installedOrSkip() {
        return installed().orElseGet(() -> abort(MISSING));
    }

    /** The value of a query, with the Rego and data of a directory. */
    JsonNode eval(Path directory, String query, Object input) throws IOException, InterruptedException {
        var file = Files.createTempFile("opa-input", ".json");
        try {
            JSON.writeValue(file.toFile(), input);
            var answer = run(List.of(
                    binary.toString(), "eval", "--format=json", "--data=" + directory, "--input=" + file, query));
            return JSON.readTree(answer).at("/result/0/expressions/0/value");
        } finally {
            Files.delete(file);
        }
    }

    /** Builds {@code policy.wasm} into a directory, with the script that builds the shipped one. */
    public void build(Path directory) throws IOException, InterruptedException {
        run(List.of("scripts/build-policy", directory.toString()));
    }

    /** A server with the Rego and data of a directory; its log goes to {@code log}. The caller stops the process. */
    public Process serve(Path directory, int port, Path log) throws IOException {
        var command = List.of(
                binary.toString(),
                "run",
                "--server",
                "--skip-version-check",
                "--addr=127.0.0.1:" + port,
                directory.toString());
        return new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
    }

    /** A server that loads the Rego of a directory as a bundle from a web server, and tells Prometheus of it. */
    public Process serveBundle(URI service, int port, Path log) throws IOException {
        var command = List.of(
                binary.toString(),
                "run",
                "--server",
                "--skip-version-check",
                "--addr=127.0.0.1:" + port,
                "--set=services.store.url=" + service,
                "--set=bundles.taskpilot.service=store",
                "--set=bundles.taskpilot.resource=bundle.tar.gz",
                "--set=bundles.taskpilot.polling.min_delay_seconds=1",
                "--set=bundles.taskpilot.polling.max_delay_seconds=2",
                "--set=status.prometheus=true");
        return new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
    }

    /** The Rego of a directory, tests left out, as a bundle. */
    public byte[] bundle(Path directory) throws IOException, InterruptedException {
        var file = Files.createTempFile("opa-bundle", ".tar.gz");
        try {
            run(List.of(
                    binary.toString(),
                    "build",
                    "--ignore=*_test.rego",
                    "--ignore=*.wasm",
                    "--revision=next",
                    "--output=" + file,
                    directory.toString()));
            return Files.readAllBytes(file);
        } finally {
            Files.delete(file);
        }
    }

    /** Blocks until a server takes questions. */
    public static void awaitHealthy(Process process, int port) throws InterruptedException {
        var http = HttpClient.newHttpClient();
        var request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:%d/health".formatted(port)))
                .timeout(Duration.ofSeconds(5))
                .build();
        while (true) {
            assertThat(process.isAlive()).as("opa runs").isTrue();
            try {
                if (http.send(request, BodyHandlers.discarding()).statusCode() == 200) {
                    return;
                }
            } catch (IOException notYet) {
                LockSupport.parkNanos(20_000_000);
            }
        }
    }

    public static int unusedPort() throws IOException {
        try (var socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    private String run(List<String> command) throws IOException, InterruptedException {
        var builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().put("OPA", binary.toString());
        var process = builder.start();
        process.getOutputStream().close();
        var output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as("%s: %s", command, output).isZero();
        return output;
    }

    private static Stream<Path> candidates() {
        var named = Optional.ofNullable(System.getenv("OPA")).map(Path::of).stream();
        var onPath = Arrays.stream(System.getenv("PATH").split(":")).map(directory -> Path.of(directory, "opa"));
        var cached = Stream.of(Path.of(System.getProperty("user.home"), ".cache", "taskpilot-ci", "opa-1.22.2"));
        return Stream.of(named, onPath, cached).flatMap(paths -> paths);
    }
}
