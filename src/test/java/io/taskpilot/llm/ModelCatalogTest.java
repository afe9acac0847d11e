package io.taskpilot.llm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.taskpilot.run.Usage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ModelCatalogTest {
    @TempDir
    private Path directory;

    private final List<String> problems = new ArrayList<>();

    private ModelCatalog load(String content) throws IOException {
        return ModelCatalog.load(Files.writeString(directory.resolve("models.yaml"), content), problems);
    }

    @Test
    void shippedFileIsValidAndTheOfflineModelFree() {
        var catalog = ModelCatalog.load(Path.of("conf/models.yaml"), problems);

        assertThat(problems).isEmpty();
        assertThat(catalog.usage("offline", "offline", 1_000_000, 1_000_000).costUsd())
                .isZero();
        assertThat(catalog.usage("openai", "gpt-4.1-mini", 1_000_000, 0).costUsd())
                .isPositive();
        assertThat(catalog.model("openai", "gpt-5").reasoning()).isTrue();
    }

    @Test
    void costIsPerMillionTokensAndDefaultsHoldForTheRest() throws IOException {
        var catalog = load("defaults: {input: 1, output: 2}\nmodels:\n  a/b/c: {input: 3, output: 15}\n");

        assertThat(problems).isEmpty();
        assertThat(catalog.usage("a", "b/c", 1000, 100).costUsd()).isCloseTo(0.0045, within(1e-12));
        assertThat(catalog.usage("a", "other", 500_000, 500_000)).isEqualTo(new Usage(500_000, 500_000, 1.5));
    }

    @Test
    void everyProblemIsReportedAtOnceWithItsPath() throws IOException {
        load("""
                defaults: {input: -1}
                models:
                  gpt: {input: 1, output: 1}
                  a/b: {input: x, output: 1, cache: 2}
                  a/c: 5
                  a/d: {input: 1, output: 1, reasoning: maybe}
                currency: EUR
                """);

        assertThat(problems)
                .map(problem -> problem.substring(problem.indexOf("models.yaml: ") + "models.yaml: ".length()))
                .containsExactlyInAnyOrder(
                        "defaults.input: -1 (expected: a number, 0..100000)",
                        "defaults.output: missing (expected: a number, 0..100000)",
                        "models.gpt: 'gpt' (expected: provider/model as the key)",
                        "models.a/b.input: 'x' (expected: a number, 0..100000)",
                        "models.a/b.cache: unknown key",
                        "models.a/c: 5 (expected: a mapping)",
                        "models.a/d.reasoning: 'maybe' (expected: true or false)",
                        "currency: unknown key");
    }

    @Test
    void missingFileIsAProblem() {
        ModelCatalog.load(directory.resolve("models.yaml"), problems);

        assertThat(problems).singleElement().asString().endsWith("models.yaml: missing");
    }
}
