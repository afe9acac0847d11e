package io.taskpilot.app;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.taskpilot.config.ConfigException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Each file that a server reads is configuration: one that is wrong is a {@link ConfigException}, so exit code 2. */
class WrongFilesTest {
    @TempDir
    Path directory;

    private final Map<String, String> settings = new HashMap<>();

    @BeforeEach
    void copyConf() throws IOException {
        var conf = directory.resolve("conf");
        try (var files = Files.walk(Path.of("conf"))) {
            for (var file : files.toList()) {
                Files.copy(file, conf.resolve(Path.of("conf").relativize(file)));
            }
        }
        settings.put("TASKPILOT_CONF_DIR", conf.toString());
    }

    private void assertRefused(String what) {
        assertThatThrownBy(() -> TestServer.start(settings).close())
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining(what);
    }

    @ParameterizedTest
    @CsvSource({
        "agents/planner.yaml, planner.yaml",
        "models.yaml, models.yaml",
        "policy/policy.wasm, is not a module",
        "policy/tool_calls.rego, was built from other sources",
        "guardrails/taskpilot/config.yml, config.yml",
    })
    void aFileOfTheConfigurationDirectoryThatIsWrong(String file, String what) throws IOException {
        Files.writeString(directory.resolve("conf").resolve(file), "{");

        assertRefused(what);
    }

    @ParameterizedTest
    @CsvSource({"agents/planner.yaml", "policy/policy.wasm", "guardrails/taskpilot/config.yml"})
    void aFileOfTheConfigurationDirectoryThatIsMissing(String file) throws IOException {
        Files.delete(directory.resolve("conf").resolve(file));

        assertRefused(Path.of(file).getFileName().toString());
    }

    @Test
    void aKeysFileThatIsWrong() throws IOException {
        settings.put("TASKPILOT_AUTH_MODE", "keys");
        settings.put("TASKPILOT_AUTH_SECRET", "a secret of thirty-two characters");
        var keys = Files.writeString(directory.resolve("keys.yaml"), "- id: ann\n");
        settings.put("TASKPILOT_AUTH_KEYS_FILE", keys.toString());

        assertRefused("keys[0].prefix");
    }

    @Test
    void aPolicyOnTrialThatIsWrong() throws IOException {
        var next = Files.createDirectory(directory.resolve("next"));
        settings.put("TASKPILOT_POLICY_MODE", "shadow");
        settings.put("TASKPILOT_POLICY_CANDIDATE", next.toString());

        assertRefused("can't be read");
    }
}
