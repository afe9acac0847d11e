package io.taskpilot.policy;

import static java.util.concurrent.TimeUnit.SECONDS;

import io.taskpilot.engine.CallContext;
import io.taskpilot.engine.PolicyEngine;
import io.taskpilot.resilience.BlockingIo;
import io.taskpilot.resilience.Deadline;
import io.taskpilot.telemetry.HealthRegistry;
import io.taskpilot.telemetry.Metrics;
import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.http.PoolOptions;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;

/**
 * What one decision costs, with the embedded engine and with an OPA server beside this process, in one run: {@code
 * mvn -q test-compile} and then this class with the test class path. Asserts nothing.
 */
final class PolicyBench {
    private static final Path POLICY = Path.of("conf/policy");
    private static final int WARM = 20_000;
    private static final int MEASURED = 20_000;

    private final Vertx vertx = Vertx.vertx();

    private PolicyBench() {}

    public static void main(String[] args) throws Exception {
        new PolicyBench().run();
    }

    private void run() throws Exception {
        var embedded = WasmPolicyEngine.open(POLICY, new BlockingIo(vertx)).await(60, SECONDS);
        var port = RealOpa.unusedPort();
        var log = Files.createTempFile("opa", ".log");
        var process = RealOpa.installedOrSkip().serve(POLICY, port, log);
        try {
            RealOpa.awaitHealthy(process, port);
            var http = vertx.createHttpClient(new PoolOptions().setHttp1MaxSize(32));
            var server = new OpaServerEngine(
                    vertx,
                    http,
                    URI.create("http://127.0.0.1:" + port),
                    Duration.ofSeconds(5),
                    new HealthRegistry(),
                    new Metrics("1", "bench"));
            print("engine", "in flight", "a second", "p50 us", "p90 us", "p99 us");
            for (var round = 1; round <= 2; round++) {
                measure("embedded", embedded, 1);
                measure("OPA server", server, 1);
                measure("OPA server", server, 4);
            }
        } finally {
            process.destroyForcibly().waitFor();
            Files.delete(log);
            vertx.close().await(10, SECONDS);
        }
    }

    private void measure(String name, PolicyEngine engine, int inFlight) throws Exception {
        ask(engine, inFlight, new long[WARM]);
        var took = new long[MEASURED];
        var began = System.nanoTime();
        ask(engine, inFlight, took);
        var rate = MEASURED * 1e9 / (System.nanoTime() - began);
        Arrays.sort(took);
        print(name, inFlight, Math.round(rate), micros(took, 0.5), micros(took, 0.9), micros(took, 0.99));
    }

    /** Each asker asks again once it was answered, as an agent does; all on one event loop. */
    private void ask(PolicyEngine engine, int inFlight, long[] took) throws Exception {
        var context = vertx.getOrCreateContext();
        var next = new AtomicInteger();
        var askers = IntStream.range(0, inFlight)
                .mapToObj(unused -> Future.<Void>future(
                        done -> context.runOnContext(start -> again(engine, next, took, context, done::complete))))
                .toList();
        Future.all(askers).await(300, SECONDS);
    }

    private void again(PolicyEngine engine, AtomicInteger next, long[] took, Context context, Runnable done) {
        var index = next.getAndIncrement();
        if (index >= took.length) {
            done.run();
            return;
        }
        var call = CallContext.ofRequest("req_1", Deadline.in(Duration.ofSeconds(5)));
        var began = System.nanoTime();
        engine.decide(input(index), call).onComplete((verdict, error) -> {
            if (error != null) {
                throw new IllegalStateException(error);
            }
            took[index] = System.nanoTime() - began;
            context.runOnContext(unused -> again(engine, next, took, context, done));
        });
    }

    /** As the dispatcher asks. */
    private static Map<String, Object> input(int index) {
        var input = new LinkedHashMap<String, Object>();
        input.put("tool_name", "create_task");
        input.put("agent_type", "ExecutorAgent");
        input.put(
                "parameters",
                Map.of("title", "Prepare the board deck " + index, "priority", "high", "description", ""));
        input.put("run_id", "run_01890a5d-ac96-774b-bcce-b302099a8057");
        input.put("request_id", "req_1");
        input.put("tenant", "default");
        input.put("principal", Map.of("id", "local", "roles", List.of("client")));
        input.put("tool", Map.of("idempotent", false));
        input.put("history", Map.of("tool_calls", 0, "denied", 0));
        input.put("approval", null);
        input.put("environment", "production");
        return input;
    }

    private static long micros(long[] sorted, double share) {
        return sorted[(int) (share * (sorted.length - 1))] / 1_000;
    }

    private static void print(Object... cells) {
        var line = new StringBuilder();
        for (var cell : cells) {
            line.append(String.format(Locale.ROOT, "%-12s", cell));
        }
        System.out.println(line);
    }
}
