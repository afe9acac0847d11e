package io.taskpilot.app;

import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.gateway.BadInputs;
import io.taskpilot.journal.TestPostgres;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** With the engines that are built in, and files as the archive. */
class GovernedRunTest extends GovernedRunContract {
    @TempDir
    private static Path directory;

    @Override
    Map<String, String> engines() {
        return Map.of("TASKPILOT_DATA_DIR", directory.toString());
    }

    @Override
    void stopEngines() {}

    @Override
    Optional<byte[]> stored(String key) throws IOException {
        var file = directory.resolve("objects").resolve(key);
        return Files.exists(file) ? Optional.of(Files.readAllBytes(file)) : Optional.empty();
    }

    @Test
    void decisionsThatWereHashedWithAKeyVerifyWithThatKeyOnly() throws Exception {
        var database = TestPostgres.database().url().value();
        var key = "0123456789abcdef0123456789abcdef";
        for (var run : List.of("hashed", "verified", "hashed with another key")) {
            var settings = Map.of(
                    "TASKPILOT_POSTGRES_URL",
                    database,
                    "TASKPILOT_DECISIONS_CHAIN_KEY",
                    run.contains("another") ? key + "x" : key);
            try (var keyed = TestServer.start(settings)) {
                if (run.equals("hashed")) {
                    keyed.user().finish("Create a low priority task");
                }
                var broken = keyed.user().get("/v1/decisions/verify").path("broken");
                assertThat(broken.isEmpty()).as(run).isEqualTo(!run.contains("another"));
            }
        }
    }

    @TestFactory
    Stream<DynamicTest> badInputIsToldWhatIsWrong() throws Exception {
        return BadInputs.of(server().url());
    }
}
