package io.taskpilot.policy;

import com.dylibso.chicory.runtime.ByteArrayMemory;
import com.dylibso.chicory.runtime.ExportFunction;
import com.dylibso.chicory.runtime.HostFunction;
import com.dylibso.chicory.runtime.ImportMemory;
import com.dylibso.chicory.runtime.ImportValues;
import com.dylibso.chicory.runtime.Instance;
import com.dylibso.chicory.runtime.Machine;
import com.dylibso.chicory.runtime.Memory;
import com.dylibso.chicory.wasm.WasmModule;
import com.dylibso.chicory.wasm.types.FunctionType;
import com.dylibso.chicory.wasm.types.MemoryLimits;
import com.dylibso.chicory.wasm.types.ValType;
import java.util.Collections;
import java.util.List;
import java.util.function.Function;

/**
 * One instance of a compiled policy with memory of its own, by OPA's WebAssembly ABI 1.2
 * (https://www.openpolicyagent.org/docs/wasm). For one thread at a time. After an exception its memory is in no known
 * state: throw it away.
 */
final class PolicyInstance {
    private static final int INITIAL_PAGES = 2; // what modules of OPA import; they grow it by themselves
    private static final int ALIGNMENT = 16;
    private static final int BUILTIN_ARITIES = 5;

    private final Memory memory;
    private final Instance instance;
    private final ExportFunction eval;
    private final int dataAddress;
    private final int heapStart;
    private final int pagesAtStart;

    /**
     * @param data static data of the policy, as JSON
     * @param maxPages of 64 KiB; an evaluation that needs more fails
     */
    PolicyInstance(WasmModule module, Function<Instance, Machine> machine, byte[] data, int maxPages) {
        memory = new ByteArrayMemory(new MemoryLimits(INITIAL_PAGES, maxPages));
        instance = Instance.builder(module)
                .withImportValues(imports())
                .withMachineFactory(machine)
                .build();
        eval = instance.export("opa_eval");
        var text = call("opa_malloc", data.length);
        memory.write(text, data);
        dataAddress = call("opa_json_parse", text, data.length);
        if (dataAddress == 0) {
            throw new PolicyTrap("static data is not JSON");
        }
        heapStart = aligned(call("opa_heap_ptr_get"));
        pagesAtStart = memory.pages();
    }

    /** Of the ABI the module asks for: major times 1000 plus minor. */
    long abi() {
        return version("opa_wasm_abi_version") * 1000 + version("opa_wasm_abi_minor_version");
    }

    /** A JSON object: names of entry points, each with its number. */
    String entrypoints() {
        return memory.readCString(call("opa_json_dump", call("entrypoints")));
    }

    /** A JSON object: names of the built-ins a host would have to provide. */
    String builtins() {
        return memory.readCString(call("opa_json_dump", call("builtins")));
    }

    /** The result set as JSON. Everything of the call before is overwritten: the heap starts where static data ends. */
    String evaluate(int entrypoint, byte[] input) {
        var heap = aligned(heapStart + input.length);
        reserve(heap);
        memory.write(heapStart, input);
        var answer = eval.apply(0, entrypoint, dataAddress, heapStart, input.length, heap, 0)[0];
        return memory.readCString((int) answer);
    }

    /** How many pages of 64 KiB it has grown by since the start; it never gives any back. */
    int grownPages() {
        return memory.pages() - pagesAtStart;
    }

    private void reserve(int end) {
        var missing = end / Memory.PAGE_SIZE + 1 - memory.pages();
        if (missing > 0 && memory.grow(missing) < 0) {
            throw new PolicyTrap("the input does not fit into the memory");
        }
    }

    private int call(String function, long... arguments) {
        return (int) instance.export(function).apply(arguments)[0];
    }

    private long version(String global) {
        return instance.exports().global(global).getValue();
    }

    private static int aligned(int address) {
        return (address + ALIGNMENT - 1) & -ALIGNMENT;
    }

    private ImportValues imports() {
        var imports = ImportValues.builder()
                .addMemory(new ImportMemory("env", "memory", memory))
                .addFunction(ofAddress("opa_abort"), ofAddress("opa_println"));
        for (var arity = 0; arity < BUILTIN_ARITIES; arity++) {
            imports.addFunction(builtin(arity));
        }
        return imports.build();
    }

    /** Both end the evaluation: a policy that prints is not one that was built for production. */
    private HostFunction ofAddress(String name) {
        return new HostFunction("env", name, FunctionType.of(List.of(ValType.I32), List.of()), (unused, arguments) -> {
            throw new PolicyTrap(name + ": " + memory.readCString((int) arguments[0]));
        });
    }

    /** Never called by a module that passed the start check; its parameters are id, context and the arguments. */
    private static HostFunction builtin(int arity) {
        var type = FunctionType.of(Collections.nCopies(arity + 2, ValType.I32), List.of(ValType.I32));
        return new HostFunction("env", "opa_builtin" + arity, type, (unused, arguments) -> {
            throw new PolicyTrap("the module called built-in " + arguments[0] + ", which this engine lacks");
        });
    }
}
