package io.taskpilot.policy;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.taskpilot.resilience.Failure;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PolicyModuleTest {
    private static final Path SHIPPED = Path.of("conf/policy");
    private static final int PAGES = 64;

    @TempDir
    Path directory;

    @BeforeEach
    void copyTheShippedPolicy() throws IOException {
        for (var name : List.of("tool_calls.rego", "ingress.rego", "policy.wasm")) {
            Files.copy(SHIPPED.resolve(name), directory.resolve(name));
        }
    }

    @Test
    void theShippedModuleBelongsToTheShippedRego() throws IOException {
        var revision = PolicyModule.load(SHIPPED, PAGES).revision();

        assertThat(Files.readString(SHIPPED.resolve("tool_calls.rego"))).contains("\"" + revision + "\"");
    }

    @Test
    void changedRegoIsRefusedWithWhatMendsIt() throws IOException {
        Files.writeString(directory.resolve("tool_calls.rego"), "# more\n", StandardOpenOption.APPEND);

        assertRefused(
                directory.resolve("policy.wasm") + " was built from other sources",
                "scripts/build-policy " + directory);
    }

    @Test
    void addedRemovedAndRenamedSourcesAreRefused() throws IOException {
        Files.createDirectory(directory.resolve("more"));
        var added = Files.writeString(directory.resolve("more/other.rego"), "package other\n");
        assertRefused("was built from other sources");

        Files.delete(added);
        var data = Files.writeString(directory.resolve("data.json"), "{}");
        assertRefused("was built from other sources");

        Files.delete(data);
        Files.move(directory.resolve("tool_calls.rego"), directory.resolve("renamed.rego"));
        assertRefused("was built from other sources");
    }

    @Test
    void testsAndDotFilesAreNoSources() throws IOException {
        Files.writeString(directory.resolve("other_test.rego"), "package other_test\n");
        Files.writeString(directory.resolve("README.md"), "");
        var hidden = Files.createDirectory(directory.resolve("..2026_11_23"));
        Files.copy(SHIPPED.resolve("tool_calls.rego"), hidden.resolve("tool_calls.rego"));

        assertThat(PolicyModule.load(directory, PAGES).entrypoint("taskpilot/tool_calls/decision"))
                .isNotNegative();
    }

    @Test
    void aMissingModuleIsRefused() throws IOException {
        Files.delete(directory.resolve("policy.wasm"));

        assertRefused("can't be read", "scripts/build-policy " + directory);
    }

    @Test
    void whatIsNoModuleIsRefused() throws IOException {
        var module = Files.readAllBytes(directory.resolve("policy.wasm"));

        replaceModule("package taskpilot".getBytes(ISO_8859_1));
        assertRefused("is not a module this engine can run");

        replaceModule(new byte[0]);
        assertRefused("is not a module this engine can run");

        replaceModule(Arrays.copyOf(module, module.length / 2));
        assertRefused("is not a module this engine can run");
    }

    @Test
    void aModuleThatOurScriptDidNotBuildIsRefused() throws IOException {
        var module = Files.readAllBytes(directory.resolve("policy.wasm"));
        // The last section: one byte of id, two of size, one of the name's length, the name.
        var section = new String(module, ISO_8859_1).lastIndexOf("taskpilot{") - 4;

        replaceModule(Arrays.copyOf(module, section));
        assertRefused("does not say which sources it was built from");
    }

    @Test
    void aModuleThatNeedsMoreMemoryThanItMayHaveIsRefused() {
        assertThatThrownBy(() -> PolicyModule.load(directory, 2)).isInstanceOf(Failure.class);
    }

    @Test
    void builtinsTheEngineLacksAreRefusedByName() throws Exception {
        build("""
                decision := http.send({"method": "get", "url": input.url})
                offered := [sprintf("%d", [rand.intn("seed", 9)])]
                """);

        assertRefused("needs built-ins that the embedded engine lacks: http.send, rand.intn, sprintf");
    }

    @Test
    void staticDataIsThereInEveryCall() throws Exception {
        Files.writeString(directory.resolve("data.json"), "{\"names\": [\"a\", \"b\"]}");
        build("""
                decision := input.x
                offered := data.names
                """);
        var module = PolicyModule.load(directory, PAGES);
        var instance = module.instantiate();

        for (var round = 0; round < 3; round++) {
            assertThat(instance.evaluate(module.entrypoint("taskpilot/tool_calls/offered"), "{}".getBytes(ISO_8859_1)))
                    .isEqualTo("[{\"result\":[\"a\",\"b\"]}]");
        }
    }

    @Test
    void aPolicyWithoutIngressIsForServersThatDoNotAskIt() throws Exception {
        build("""
                decision := {}
                offered := []
                """);
        var module = PolicyModule.load(directory, PAGES);

        assertThat(module.has("taskpilot/ingress/decision")).isFalse();
        assertThat(PolicyModule.load(SHIPPED, PAGES).has("taskpilot/ingress/decision"))
                .isTrue();
    }

    @Test
    void anUndefinedRuleAnswersNothing() throws Exception {
        build("""
                decision := input.x
                offered := input.y
                """);
        var module = PolicyModule.load(directory, PAGES);

        assertThat(module.instantiate()
                        .evaluate(module.entrypoint("taskpilot/tool_calls/decision"), "{}".getBytes(ISO_8859_1)))
                .isEqualTo("[]");
    }

    private void build(String rules) throws Exception {
        Files.deleteIfExists(directory.resolve("ingress.rego"));
        Files.writeString(
                directory.resolve("tool_calls.rego"), "package taskpilot.tool_calls\n\nrevision := \"1\"\n\n" + rules);
        RealOpa.installedOrSkip().build(directory);
    }

    private void replaceModule(byte[] content) throws IOException {
        Files.write(directory.resolve("policy.wasm"), content);
    }

    private void assertRefused(String... parts) {
        assertThatThrownBy(() -> PolicyModule.load(directory, PAGES))
                .isInstanceOf(Failure.class)
                .hasMessageContainingAll(parts);
    }
}
