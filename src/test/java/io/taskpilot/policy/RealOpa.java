package io.taskpilot.policy;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.taskpilot.outside.Tool;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** The real {@code opa}: of $OPA, the PATH, or the cache of {@code .ci/run}. */
public final class RealOpa {
    private static final JsonMapper JSON = new JsonMapper();

    private final Path binary;

    private RealOpa(Path binary) {
        this.binary = binary;
    }

    /** For what can't be skipped once it runs. */
    static boolean maySkip() {
        return Tool.installed("OPA", "opa").isEmpty() && !Tool.areRequired();
    }

    /** Skips the test where there is none, unless TASKPILOT_REQUIRE_TOOLS is true: then it fails. */
    public static RealOpa installedOrSkip() {
        return new RealOpa(Tool.orSkip("OPA", "opa"));
    }

    String binary() {
        return binary.toString();
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

    /** The exit code of a command of it. */
    public int exitCode(List<String> arguments) throws IOException, InterruptedException {
        var command = Stream.concat(Stream.of(binary.toString()), arguments.stream());
        var process = new ProcessBuilder(command.toList())
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start();
        return process.waitFor();
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

    private String run(List<String> command) throws IOException, InterruptedException {
        var builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().put("OPA", binary.toString());
        var process = builder.start();
        process.getOutputStream().close();
        var output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as("%s: %s", command, output).isZero();
        return output;
    }
}
