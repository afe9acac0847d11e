package io.taskpilot.policy;

import com.fasterxml.jackson.databind.JsonNode;
import io.taskpilot.engine.CallContext;
import io.taskpilot.engine.IngressPolicy;
import io.taskpilot.engine.PolicyEngine;
import io.taskpilot.resilience.BlockingIo;
import io.taskpilot.resilience.Failure;
import io.taskpilot.run.PolicyVerdict;
import io.taskpilot.telemetry.Spans;
import io.vertx.core.Future;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The policy of a directory, compiled to WebAssembly and evaluated in this process. Usable from any context. Inputs up
 * to 16 KiB of JSON are evaluated at once on the caller's thread (tens of microseconds), larger ones on the blocking
 * door. What is not a complete verdict (an undefined rule, an unknown value, a trap, memory used up) is a failed future
 * with {@code policy-unavailable}.
 */
public final class WasmPolicyEngine implements PolicyEngine, IngressPolicy {
    private static final Logger log = LoggerFactory.getLogger(WasmPolicyEngine.class);
    private static final String DECISION = "taskpilot/tool_calls/decision";
    private static final String OFFERED = "taskpilot/tool_calls/offered";
    private static final String INGRESS = "taskpilot/ingress/decision";
    private static final byte[] NOTHING = "{}".getBytes(StandardCharsets.UTF_8);
    private static final int ON_LOOP_BYTES = 16 * 1024;
    private static final int MAX_PAGES = 1024; // of 64 KiB
    private static final int KEPT_PAGES = 64; // an instance that grew by more is not worth its memory

    private final PolicyModule module;
    private final BlockingIo blocking;
    private final int onLoopBytes;
    private final int decision;
    private final int offered;

    // As many as ever evaluated at the same moment: one per event loop, and those of the blocking door.
    private final Deque<PolicyInstance> idle = new ConcurrentLinkedDeque<>();

    private WasmPolicyEngine(PolicyModule module, BlockingIo blocking, int onLoopBytes) {
        this.module = module;
        this.blocking = blocking;
        this.onLoopBytes = onLoopBytes;
        decision = module.entrypoint(DECISION);
        offered = module.entrypoint(OFFERED);
        idle.push(module.instantiate());
        warmUp();
    }

    /** So that the first run does not pay for what is loaded at the first evaluation. */
    private void warmUp() {
        try {
            evaluateHere(decision, NOTHING);
        } catch (RuntimeException e) {
            log.warn("policy gave no verdict at start cause={}", e.toString()); // and each run's call says so again
        }
    }

    /**
     * Loads {@code policy.wasm} of the directory and checks it against the Rego beside it. Fails, with a message that
     * says what mends it, when the module is missing, stale, lacks an entry point, or needs built-ins.
     */
    public static Future<WasmPolicyEngine> open(Path directory, BlockingIo blocking) {
        return open(directory, blocking, MAX_PAGES);
    }

    static Future<WasmPolicyEngine> open(Path directory, BlockingIo blocking, int maxPages) {
        return blocking.run(
                () -> new WasmPolicyEngine(PolicyModule.load(directory, maxPages), blocking, ON_LOOP_BYTES));
    }

    /** For a policy nobody has reason to trust yet: everything is evaluated on the blocking door. */
    static Future<WasmPolicyEngine> openOffLoop(Path directory, BlockingIo blocking) {
        return blocking.run(() -> new WasmPolicyEngine(PolicyModule.load(directory, MAX_PAGES), blocking, 0));
    }

    /** Fails, with a message that says what mends it, when the module has no policy for {@link #admit}. */
    public WasmPolicyEngine withIngress() {
        if (!module.has(INGRESS)) {
            throw Failure.of(
                    Failure.Kind.UNAVAILABLE,
                    PolicyAnswer.UNAVAILABLE,
                    "%s/policy.wasm has no entry point %s; add ingress.rego and build it again with"
                                    .formatted(module.directory(), INGRESS)
                            + " scripts/build-policy %s, or set policy.ingress to none".formatted(module.directory()));
        }
        return this;
    }

    /** The revision the module was built with. */
    public String revision() {
        return module.revision();
    }

    @Override
    public Future<PolicyVerdict> decide(Map<String, Object> input, CallContext call) {
        return ask(DECISION, decision, input, call, PolicyAnswer::verdict);
    }

    @Override
    public Future<List<String>> offered(Map<String, Object> input, CallContext call) {
        return ask(OFFERED, offered, input, call, PolicyAnswer::offered);
    }

    @Override
    public Future<PolicyVerdict> admit(Map<String, Object> input, CallContext call) {
        return module.has(INGRESS)
                ? ask(INGRESS, module.entrypoint(INGRESS), input, call, PolicyAnswer::admission)
                : Future.failedFuture(PolicyAnswer.unreadable("the module has no entry point " + INGRESS));
    }

    private <T> Future<T> ask(
            String name, int entrypoint, Map<String, Object> input, CallContext call, Function<JsonNode, T> read) {
        return PolicySpans.around(Spans.policy(name), call, here -> ask(entrypoint, input, read));
    }

    private <T> Future<T> ask(int entrypoint, Map<String, Object> input, Function<JsonNode, T> read) {
        return Future.<Void>succeededFuture()
                .map(unused -> PolicyAnswer.json(input))
                .compose(json -> evaluate(entrypoint, json))
                .map(PolicyAnswer::ofModule)
                .map(read)
                .recover(PolicyAnswer::none);
    }

    private Future<String> evaluate(int entrypoint, byte[] input) {
        return input.length > onLoopBytes
                ? blocking.run(() -> evaluateHere(entrypoint, input))
                : Future.succeededFuture(evaluateHere(entrypoint, input));
    }

    private String evaluateHere(int entrypoint, byte[] input) {
        var pooled = idle.poll();
        var instance = pooled == null ? module.instantiate() : pooled;
        // An exception leaves the instance out of the pool: its memory may be half written.
        var answer = instance.evaluate(entrypoint, input);
        if (instance.grownPages() <= KEPT_PAGES) {
            idle.push(instance);
        }
        return answer;
    }
}
