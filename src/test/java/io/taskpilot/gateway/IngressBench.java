package io.taskpilot.gateway;

import static java.util.concurrent.TimeUnit.SECONDS;

import io.taskpilot.engine.IngressPolicy;
import io.taskpilot.policy.OpaServerEngine;
import io.taskpilot.policy.RealOpa;
import io.taskpilot.policy.WasmPolicyEngine;
import io.taskpilot.resilience.BlockingIo;
import io.taskpilot.telemetry.HealthRegistry;
import io.taskpilot.telemetry.Metrics;
import io.taskpilot.telemetry.Trace;
import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpMethod;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/**
 * What admitting a call costs, asked anew and known from the second before, with both engines in one run: {@code mvn -q
 * test-compile} and then this class with the test class path. Asserts nothing.
 */
final class IngressBench {
    private static final Path POLICY = Path.of("conf/policy");
    private static final int WARM = 20_000;
    private static final int MEASURED = 20_000;
    private static final Operation SUBMIT = Operation.of(HttpMethod.POST, "/v1/runs");

    private final Vertx vertx = Vertx.vertx();
    private final Metrics metrics = new Metrics("1", "bench");

    private IngressBench() {}

    public static void main(String[] args) throws Exception {
        new IngressBench().run();
    }

    private void run() throws Exception {
        var embedded = WasmPolicyEngine.open(POLICY, new BlockingIo(vertx)).await(60, SECONDS);
        var port = RealOpa.unusedPort();
        var log = Files.createTempFile("opa", ".log");
        var process = RealOpa.installedOrSkip().serve(POLICY, port, log);
        try {
            RealOpa.awaitHealthy(process, port);
            var url = URI.create("http://127.0.0.1:" + port);
            var server = new OpaServerEngine(
                    vertx, vertx.createHttpClient(), url, Duration.ofSeconds(5), new HealthRegistry(), metrics);
            print("engine", "callers", "a second", "p50 us", "p90 us", "p99 us");
            for (var round = 1; round <= 2; round++) {
                measure("embedded", embedded, MEASURED);
                measure("embedded", embedded, 20);
                measure("OPA server", server, MEASURED);
                measure("OPA server", server, 20);
            }
        } finally {
            process.destroyForcibly().waitFor();
            Files.delete(log);
            vertx.close().await(10, SECONDS);
        }
    }

    /** @param callers with as many as there are calls, each is asked about; with few, most are known */
    private void measure(String name, IngressPolicy policy, int callers) throws Exception {
        var ingress =
                Ingress.enforce(policy, entry -> Future.succeededFuture(), true, "production", metrics.governance());
        ask(ingress, callers, new long[WARM]);
        var took = new long[MEASURED];
        var began = System.nanoTime();
        ask(ingress, callers, took);
        var rate = MEASURED * 1e9 / (System.nanoTime() - began);
        Arrays.sort(took);
        print(name, callers, Math.round(rate), micros(took, 0.5), micros(took, 0.9), micros(took, 0.99));
    }

    private void ask(Ingress ingress, int callers, long[] took) throws Exception {
        var done = Promise.<Void>promise();
        var context = vertx.getOrCreateContext();
        context.runOnContext(unused -> again(ingress, callers, took, 0, context, done));
        done.future().await(300, SECONDS);
    }

    private void again(Ingress ingress, int callers, long[] took, int index, Context context, Promise<Void> done) {
        if (index == took.length) {
            done.complete();
            return;
        }
        var id = "key-" + took.length + "-" + index % callers;
        var caller = new Caller(id, "default", List.of("client"), Set.of(Scope.RUNS_READ, Scope.RUNS_WRITE), true);
        var began = System.nanoTime();
        ingress.admit(SUBMIT, Scope.RUNS_WRITE, caller, "req-1", Trace.NONE).onComplete((unused, cause) -> {
            took[index] = System.nanoTime() - began;
            if (cause != null) {
                done.fail(cause);
            } else {
                context.runOnContext(next -> again(ingress, callers, took, index + 1, context, done));
            }
        });
    }

    private static String micros(long[] sorted, double share) {
        return String.format(Locale.ROOT, "%.1f", sorted[(int) (share * (sorted.length - 1))] / 1_000.0);
    }

    private static void print(Object... cells) {
        var line = new StringBuilder();
        for (var cell : cells) {
            line.append(String.format(Locale.ROOT, "%-12s", cell));
        }
        System.out.println(line);
    }
}
