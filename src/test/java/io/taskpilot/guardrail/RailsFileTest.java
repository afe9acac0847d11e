package io.taskpilot.guardrail;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RailsFileTest {
    private static final String VALID = """
            colang_version: "1.0"
            models: []
            rails:
              input:
                flows: [regex check input]
              output:
                flows: [regex check output]
              config:
                regex_detection:
                  input:
                    case_insensitive: true
                    patterns: ['secret']
                  output:
                    patterns: ['Secret']
                  retrieval:
                    patterns: ['(?i)not used here']
            """;

    @TempDir
    Path directory;

    @Test
    void eachDirectionHasItsOwnPatternsAndFlag() throws Exception {
        var rails = read(VALID);

        assertThat(rails.input().caseInsensitive()).isTrue();
        assertThat(rails.input().patterns()).hasSize(1);
        assertThat(rails.output().caseInsensitive()).isFalse();
        assertThat(rails.output().flow()).isEqualTo("regex check output");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "flows: [regex check input]|flows: [self check input]|needs a NeMo Guardrails server",
                "flows: [regex check input]|flows: [regex check input, jailbreak detection model]|needs a NeMo",
                "flows: [regex check input]|flows: []|rails.input.flows",
                "flows: [regex check output]|flows: [regex check input]|rails.output.flows",
                "flows: [regex check output]|flows: regex check output|rails.output.flows",
                "models: []|models: [{type: main}]|models:",
                "models: []|passthrough: true|models:",
                "models: []|models: []\\ninstructions: []|instructions: not understood",
                "'  config:'|'  dialog: {}\\n  config:'|rails.dialog: not understood",
                "'  config:'|'  retrieval: {flows: [regex check retrieval]}\\n  config:'|rails.retrieval: not understood",
                "'    regex_detection:'|'    sensitive_data_detection: {}\\n    regex_detection:'|sensitive_data_detection",
                "case_insensitive: true|case_insensitive: 1|case_insensitive: 1 (expected: true or false)",
                "case_insensitive: true|case_sensitive: true|case_sensitive: not understood",
                "patterns: ['secret']|patterns: []|input.patterns",
                "patterns: ['secret']|patterns: secret|input.patterns",
                "patterns: ['secret']|patterns: [1]|pattern 1: 1 (expected: a string)",
                "patterns: ['secret']|patterns: ['a', '[0-9']|pattern 2: a [ without its ]",
                "patterns: ['Secret']|patterns: ['(?i)secret']|output.patterns: pattern 1: a group",
                "colang_version: \"1.0\"|colang_version: \"2.x\"|colang_version",
                "models: []|models: []\\nmodels: []|line",
                "models: []|models: [|line"
            })
    void whatWouldNotRunIsRefused(String from, String to, String message) {
        assertThat(VALID).contains(from);

        assertThatThrownBy(() -> read(VALID.replace(from, to.replace("\\n", "\n"))))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("config.yml")
                .hasMessageContaining(message);
    }

    @Test
    void everyMistakeIsReportedAtOnce() {
        var file = VALID.replace("'secret'", "'\\d', '\\w'").replace("models: []", "models: 1");

        assertThatThrownBy(() -> read(file))
                .hasMessageContaining("models:")
                .hasMessageContaining("pattern 1: \\d")
                .hasMessageContaining("pattern 2: \\w");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "[]", "text"})
    void fileWithoutRailsIsRefused(String content) {
        assertThatThrownBy(() -> read(content)).isInstanceOf(IllegalArgumentException.class);
    }

    @ParameterizedTest
    @ValueSource(strings = {"rails.co", "actions.py", "prompts.yml", "kb/more.yaml"})
    void fileThatNemoWouldLoadBesideItIsRefused(String name) throws Exception {
        Files.createDirectories(directory.resolve(name).getParent());
        Files.writeString(directory.resolve(name), "");

        assertThatThrownBy(() -> read(VALID))
                .hasMessageContaining(name + ": not understood")
                .hasMessageContaining("needs a NeMo Guardrails server");
    }

    @Test
    void missingFileIsNamed() {
        assertThatThrownBy(() -> RailsFile.read(directory))
                .isInstanceOf(NoSuchFileException.class)
                .hasMessageContaining("config.yml");
    }

    @Test
    void secretsOfTheOutputAreThoseOfTheInput() throws Exception {
        var shipped = Files.readString(EmbeddedGuardrailsTest.SHIPPED.resolve("config.yml"));
        var output = shipped.substring(shipped.indexOf("      output:\n        case_insensitive"));

        var patterns =
                output.lines().filter(line -> line.startsWith("          - ")).toList();

        assertThat(patterns).hasSizeGreaterThan(5);
        assertThat(shipped.substring(0, shipped.length() - output.length()).lines())
                .containsAll(patterns);
    }

    private RailsFile.Rails read(String content) throws IOException {
        Files.writeString(directory.resolve("config.yml"), content);
        return RailsFile.read(directory);
    }
}
