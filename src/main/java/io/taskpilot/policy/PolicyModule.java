package io.taskpilot.policy;

import com.dylibso.chicory.compiler.InterpreterFallback;
import com.dylibso.chicory.compiler.MachineFactoryCompiler;
import com.dylibso.chicory.runtime.Instance;
import com.dylibso.chicory.runtime.Machine;
import com.dylibso.chicory.wasm.ChicoryException;
import com.dylibso.chicory.wasm.Parser;
import com.dylibso.chicory.wasm.WasmModule;
import com.dylibso.chicory.wasm.types.UnknownCustomSection;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.taskpilot.resilience.Failure;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeSet;
import java.util.function.Function;

/** The compiled policy of a directory: checked, translated to JVM code, ready to be instantiated. */
final class PolicyModule {
    private static final String FILE = "policy.wasm";
    private static final String SECTION = "taskpilot";
    private static final long ONE_CALL_ABI = 1_002; // 1.2, the first with everything in one call of opa_eval
    private static final long NEXT_ABI = 2_000;
    private static final byte[] NO_DATA = "{}".getBytes(StandardCharsets.UTF_8);
    private static final TypeReference<Map<String, Integer>> NUMBERED = new TypeReference<>() {};
    private static final JsonMapper JSON = JsonMapper.builder()
            .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .build();

    /** What {@code scripts/build-policy} wrote into the module. */
    private record Stamp(String sha256, String revision) {}

    private final Path directory;
    private final WasmModule module;
    private final Function<Instance, Machine> machine;
    private final byte[] data;
    private final int maxPages;
    private final String revision;
    private final Map<String, Integer> entrypoints;

    private PolicyModule(
            Path directory,
            WasmModule module,
            Function<Instance, Machine> machine,
            byte[] data,
            int maxPages,
            String revision) {
        this.directory = directory;
        this.module = module;
        this.machine = machine;
        this.data = data;
        this.maxPages = maxPages;
        this.revision = revision;
        entrypoints = check(directory, instantiate());
    }

    /**
     * Blocks for about a second: reads the files and generates code.
     *
     * @param maxPages of 64 KiB, the bound of each instance's memory
     * @throws Failure {@code policy-unavailable}, with a message that says what is wrong and what mends it
     */
    static PolicyModule load(Path directory, int maxPages) {
        var file = directory.resolve(FILE);
        try {
            var module = Parser.parse(Files.readAllBytes(file));
            var stamp = stamp(directory, module);
            var found = PolicySources.digest(directory);
            if (!found.equals(stamp.sha256())) {
                throw refused(
                        directory,
                        "was built from other sources (sha256 %s, found %s)".formatted(stamp.sha256(), found));
            }
            // Functions too large for a JVM method are interpreted: slower, and right.
            var machine = MachineFactoryCompiler.builder(module)
                    .withInterpreterFallback(InterpreterFallback.SILENT)
                    .compile();
            return new PolicyModule(directory, module, machine, data(directory), maxPages, stamp.revision());
        } catch (IOException e) {
            throw refused(directory, "can't be read: " + e);
        } catch (ChicoryException | PolicyTrap e) {
            throw refused(directory, "is not a module this engine can run: " + e.getMessage());
        }
    }

    /** Where it was loaded from. */
    Path directory() {
        return directory;
    }

    /** Of the sources it was built from. */
    String revision() {
        return revision;
    }

    int entrypoint(String name) {
        var number = entrypoints.get(name);
        if (number == null) {
            throw refused(directory, "has no entry point " + name);
        }
        return number;
    }

    /** For what not every policy has. */
    boolean has(String entrypoint) {
        return entrypoints.containsKey(entrypoint);
    }

    PolicyInstance instantiate() {
        return new PolicyInstance(module, machine, data, maxPages);
    }

    private static Stamp stamp(Path directory, WasmModule module) {
        if (!(module.customSection(SECTION) instanceof UnknownCustomSection section)) {
            throw refused(directory, "does not say which sources it was built from");
        }
        try {
            return JSON.readValue(section.bytes(), Stamp.class);
        } catch (IOException e) {
            throw refused(directory, "has a damaged section '" + SECTION + "'");
        }
    }

    private static byte[] data(Path directory) throws IOException {
        var file = directory.resolve(PolicySources.DATA);
        return Files.exists(file) ? Files.readAllBytes(file) : NO_DATA;
    }

    private static Map<String, Integer> check(Path directory, PolicyInstance instance) {
        if (instance.abi() < ONE_CALL_ABI || instance.abi() >= NEXT_ABI) {
            throw refused(
                    directory,
                    "needs OPA's WebAssembly ABI %d.%d (expected: 1.2 or a later 1.x)"
                            .formatted(instance.abi() / 1000, instance.abi() % 1000));
        }
        var missing = numbered(directory, instance.builtins());
        if (!missing.isEmpty()) {
            throw refused(
                    directory,
                    "needs built-ins that the embedded engine lacks: "
                            + String.join(", ", new TreeSet<>(missing.keySet())));
        }
        return numbered(directory, instance.entrypoints());
    }

    private static Map<String, Integer> numbered(Path directory, String json) {
        try {
            return JSON.readValue(json, NUMBERED);
        } catch (JsonProcessingException e) {
            throw refused(directory, "lists its entry points or built-ins in an unknown form");
        }
    }

    private static Failure refused(Path directory, String what) {
        return Failure.of(
                Failure.Kind.UNAVAILABLE,
                PolicyAnswer.UNAVAILABLE,
                "%s %s; build it again with scripts/build-policy %s"
                        .formatted(directory.resolve(FILE), what, directory));
    }
}
