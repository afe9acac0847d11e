package io.taskpilot.stack;

import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.outside.Tool;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the image says of itself; what its steps do is seen by {@code ImageIT}. */
class DockerfileTest {
    private List<String> instructions;

    @BeforeEach
    void read() throws Exception {
        instructions = Files.readString(Path.of("docker/Dockerfile"))
                .replaceAll("(?m)^#.*\n", "")
                .replaceAll("\\\\\n\\s*", "")
                .lines()
                .filter(line -> !line.isBlank())
                .toList();
    }

    @ParameterizedTest
    @ValueSource(strings = {"docker/Dockerfile", "docker/guardrails/Dockerfile"})
    void hadolintHasNothingToSay(String file) throws Exception {
        var process = new ProcessBuilder(Tool.orSkip("HADOLINT", "hadolint").toString(), "--no-color", file);
        var started = process.redirectErrorStream(true).start();
        assertThat(new String(started.getInputStream().readAllBytes(), StandardCharsets.UTF_8))
                .isEmpty();
        assertThat(started.waitFor()).isZero();
    }

    @Test
    void theServerIsNotRootAndIsToldToStop() {
        assertThat(instructions)
                .containsSubsequence(
                        "USER 65532:65532",
                        "EXPOSE 8000 8081",
                        "ENTRYPOINT [\"/usr/bin/java\", \"@/app/java.args\", \"io.taskpilot.app.Main\"]",
                        "CMD [\"serve\"]");
    }

    @Test
    void itsHealthCheckAsksWhetherItLives() {
        assertThat(instructions)
                .filteredOn(line -> line.startsWith("HEALTHCHECK"))
                .singleElement()
                .asString()
                .contains("--start-period=30s --interval=10s --timeout=3s", "\"io.taskpilot.app.Healthcheck\"");
    }

    /** Whoever may reach it needs a key: an image without settings does not start. */
    @Test
    void itDoesNotComeUpOpen() {
        assertThat(instructions)
                .filteredOn(line -> line.startsWith("ENV"))
                .singleElement()
                .asString()
                .contains("TASKPILOT_HTTP_HOST=0.0.0.0", "TASKPILOT_AUTH_MODE=keys");
    }

    @Test
    void itSaysWhatItIs() {
        assertThat(instructions)
                .filteredOn(line -> line.startsWith("LABEL"))
                .singleElement()
                .asString()
                .contains("image.title=", "image.version=", "image.revision=", "image.licenses=", "image.created=");
    }

    @Test
    void nothingComesFromAFloatingTagButByDigest() {
        assertThat(instructions)
                .filteredOn(line -> line.startsWith("FROM"))
                .allMatch(line -> line.matches("FROM ([$][{](BUILD|RUNTIME)_IMAGE[}]|build)( AS \\w+)?"));
    }

    /** The context is a list of what may be seen, so nothing is in it by oversight. */
    @Test
    void theContextHasWhatIsNamedAndNothingElse() throws Exception {
        var lines = Files.readAllLines(Path.of(".dockerignore")).stream()
                .filter(line -> !line.startsWith("#"))
                .toList();
        assertThat(lines).first().isEqualTo("*");
        assertThat(lines.subList(1, lines.size()))
                .allMatch(line -> line.startsWith("!") && Files.exists(Path.of(line.substring(1))));
    }
}
