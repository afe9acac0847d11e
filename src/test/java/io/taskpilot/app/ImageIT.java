package io.taskpilot.app;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.taskpilot.LongRunning;
import io.taskpilot.journal.TestPostgres;
import io.taskpilot.outside.OutsideProcess;
import io.taskpilot.outside.Tool;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The steps of {@code docker/Dockerfile} and the promises of the image, without Docker: {@code scripts/rehearse-image}. */
@LongRunning
class ImageIT {
    @TempDir
    Path directory;

    @Test
    @Timeout(value = 20, unit = TimeUnit.MINUTES) // it builds the server
    void theImageStartsFromItsCacheWithoutRightsAndStopsOnSigterm() throws Exception {
        assumeTrue("root".equals(System.getProperty("user.name")), "only root may make a file system of its own");
        try (var jdks = Files.list(Path.of("/usr/lib/jvm"))) {
            var there = System.getenv("JDK25") != null
                    || jdks.anyMatch(jdk -> jdk.getFileName().toString().contains("25"));
            if (!there) {
                Tool.missing("there is no JDK 25: set JDK25 to its home");
            }
        }
        var process = new ProcessBuilder("scripts/rehearse-image", directory.toString()).redirectErrorStream(true);
        process.environment().put("POSTGRES_URL", TestPostgres.database().url().value());
        process.environment().put("PORT", String.valueOf(OutsideProcess.unusedPort()));
        var started = process.start();
        var said = new String(started.getInputStream().readAllBytes(), StandardCharsets.UTF_8);

        assertThat(started.waitFor()).as(said).isZero();
        assertThat(said).containsPattern("healthy after [0-9]+ ms").contains("ended with 143 on SIGTERM");
        try (var layers = Files.list(directory.resolve("app"))) {
            assertThat(layers.map(file -> file.getFileName().toString()))
                    .containsExactlyInAnyOrder("lib", "native", "java.args", "taskpilot.jar", "taskpilot.aot");
        }
    }
}
