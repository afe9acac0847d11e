package io.taskpilot.agent;

import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.run.Agent;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AgentDefinitionTest {
    private static final Set<String> TOOLS =
            Set.of("create_task", "list_tasks", "update_task", "delete_task", "notify_external_system");
    private static final String PLANNER = "instructions: plan\nmodel: small\ntemperature: 0.5\nmaxTokens: 100\n";

    @TempDir
    private Path directory;

    private final List<String> problems = new ArrayList<>();

    @BeforeEach
    void goodFiles() throws IOException {
        Files.writeString(directory.resolve("planner.yaml"), PLANNER);
        Files.writeString(directory.resolve("reviewer.yaml"), PLANNER);
        Files.writeString(directory.resolve("executor.yaml"), PLANNER + "tools: [create_task]\n");
    }

    @Test
    void shippedFilesAreValid() {
        var definitions = AgentDefinition.load(Path.of("conf/agents"), TOOLS, problems);

        assertThat(problems).isEmpty();
        assertThat(definitions).containsOnlyKeys(Agent.values());
        assertThat(Objects.requireNonNull(definitions.get(Agent.EXECUTOR)).tools())
                .contains("create_task")
                .doesNotContain("delete_task");
    }

    @Test
    void fileIsReadAsWritten() {
        var planner = AgentDefinition.load(directory, TOOLS, problems).get(Agent.PLANNER);

        assertThat(problems).isEmpty();
        assertThat(planner).isEqualTo(new AgentDefinition(Agent.PLANNER, "plan", "small", 0.5, 100, List.of()));
    }

    @Test
    void everyProblemOfEveryFileIsReportedAtOnce() throws IOException {
        Files.writeString(directory.resolve("planner.yaml"), "instructions: ' '\nmodell: x\ntemperature: warm\n");
        Files.delete(directory.resolve("reviewer.yaml"));
        Files.writeString(
                directory.resolve("executor.yaml"), PLANNER + "tools: [create_task, create_tsk, create_task, 7]\n");

        AgentDefinition.load(directory, TOOLS, problems);

        assertThat(problems)
                .map(problem -> problem.replace(directory + "/", ""))
                .containsExactlyInAnyOrder(
                        "planner.yaml: instructions: ' ' (expected: a text of 1..20000 characters)",
                        "planner.yaml: model: missing (expected: a text of 1..200 characters)",
                        "planner.yaml: temperature: 'warm' (expected: a number, 0..2)",
                        "planner.yaml: maxTokens: missing (expected: a whole number, 1..200000)",
                        "planner.yaml: modell: unknown key",
                        "reviewer.yaml: missing",
                        "executor.yaml: tools[2]: 'create_task' (expected: a text that is not in the list before)",
                        "executor.yaml: tools[3]: 7 (expected: a text that is not in the list before)",
                        "executor.yaml: tools[1]: 'create_tsk' (expected: one of create_task, delete_task, list_tasks,"
                                + " notify_external_system, update_task)");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "temperature: 0.5 | temperature: 2.1   | temperature: 2.1 (expected: a number, 0..2)",
                "temperature: 0.5 | temperature: -1    | temperature: -1 (expected: a number, 0..2)",
                "temperature: 0.5 | temperature: .nan  | line 3: Malformed numeric value",
                "maxTokens: 100   | maxTokens: 0       | maxTokens: 0 (expected: a whole number, 1..200000)",
                "maxTokens: 100   | maxTokens: 1.5     | maxTokens: 1.5 (expected: a whole number, 1..200000)",
                "maxTokens: 100   | maxTokens: 200001  | maxTokens: 200001 (expected: a whole number, 1..200000)",
                "model: small     | model: [small]     | model: [small] (expected: a text of 1..200 characters)",
                "model: small     | model:             | model: null (expected: a text of 1..200 characters)",
                "model: small     | tools: [x]         | tools: unknown key",
                "model: small     | max_tokens: 5      | max_tokens: unknown key",
                "model: small     | 'model: {'         | line",
                "model: small     | temperature: 1     | Duplicate field 'temperature'",
            })
    void mistakeIsNamedWithItsPath(String good, String bad, String problem) throws IOException {
        Files.writeString(directory.resolve("planner.yaml"), PLANNER.replace(good, bad));

        AgentDefinition.load(directory, TOOLS, problems);

        assertThat(problems)
                .anySatisfy(
                        found -> assertThat(found).contains("planner.yaml: ").contains(problem));
    }

    @ParameterizedTest
    @CsvSource({"'',No content to map", "'- a',expected a mapping", "text,expected a mapping"})
    void fileThatIsNoMappingIsAProblem(String content, String problem) throws IOException {
        Files.writeString(directory.resolve("planner.yaml"), content);

        AgentDefinition.load(directory, TOOLS, problems);

        assertThat(problems).singleElement().asString().contains(problem);
    }
}
