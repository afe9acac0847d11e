package io.taskpilot.policy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
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
