package io.taskpilot.app;

import static java.util.concurrent.TimeUnit.SECONDS;

import io.taskpilot.engine.CallContext;
import io.taskpilot.engine.Guardrails.Verdict;
import io.taskpilot.guardrail.EmbeddedGuardrails;
import io.taskpilot.guardrail.NemoGuardrails;
import io.taskpilot.guardrail.RealNemo;
import io.taskpilot.journal.TestPostgres;
import io.taskpilot.policy.OpaProcess;
import io.taskpilot.policy.OpaServerEngine;
import io.taskpilot.policy.WasmPolicyEngine;
import io.taskpilot.resilience.BlockingIo;
import io.taskpilot.resilience.Deadline;
import io.taskpilot.run.RailPhase;
import io.taskpilot.telemetry.HealthRegistry;
import io.taskpilot.telemetry.Metrics;
import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.http.PoolOptions;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.function.IntFunction;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;

/**
 * What each control point costs with the engine in the process and with the real one beside it, in one run and in turn;
 * at the end, what a whole governed run takes with either. Prints the tables of {@code docs/performance.md}, which has
 * the command. Asserts nothing.
 */
final class ControlPointBench {
    private static final int ROUNDS = 3;
    private static final int RUNS = 40;
    /** Of the open loop: a question every so often, whether the last one was answered or not. */
    private static final long EVERY_MILLIS = 4;

    private static final Path POLICY = Path.of("conf/policy");
    private static final Path RAILS = Path.of("conf/guardrails");
    private static final String SENTENCE = "Please prepare the board deck, print 4 copies & show the result. ";
    private static final Map<String, Object> PRINCIPAL =
            Map.of("id", "local", "roles", List.of("client"), "scopes", List.of("runs:read", "runs:write"));

    private final Vertx vertx = Vertx.vertx();
    private final Context loop = vertx.getOrCreateContext();

    /** @param sample how many questions are measured in a round; half as many go before them */
    private record Point(String name, String engine, int sample, IntFunction<Future<?>> ask) {}

    /** Of a round, in microseconds. */
    private record Times(double p50, double p99) {
        static Times of(long[] nanos) {
            Arrays.sort(nanos);
            return new Times(nanos[nanos.length / 2] / 1e3, nanos[nanos.length * 99 / 100] / 1e3);
        }
    }

    private ControlPointBench() {}

    public static void main(String[] args) throws Exception {
        var bench = new ControlPointBench();
        try (var opa = OpaProcess.start();
                var bare = BareHop.to(opa.url(), toolCall(0));
                var nemo = RealNemo.start(RAILS)) {
            bench.points(opa, bare, nemo);
            bench.runs(Map.of(
                    "TASKPILOT_OPA_URL", opa.url().toString(),
                    "TASKPILOT_GUARDRAILS_URL", nemo.url().toString(),
                    "TASKPILOT_GUARDRAILS_TIMEOUT", "5s"));
        } finally {
            bench.vertx.close().await(10, SECONDS);
        }
        System.exit(0); // the shared PostgreSQL ends with the process
    }

    private void points(OpaProcess opa, BareHop bare, RealNemo nemo) throws Exception {
        var metrics = new Metrics("1", "bench");
        var health = new HealthRegistry();
        var blocking = new BlockingIo(vertx);
        var patience = Duration.ofSeconds(30);
        var wasm = WasmPolicyEngine.open(POLICY, blocking).await(60, SECONDS);
        var http = vertx.createHttpClient(new PoolOptions().setHttp1MaxSize(32));
        var server = new OpaServerEngine(vertx, http, opa.url(), patience, health, metrics);
        var hop = new OpaServerEngine(vertx, http, bare.url(), patience, health, new Metrics("1", "bench"));
        var embedded = EmbeddedGuardrails.load(RAILS.resolve("taskpilot"), blocking);
        var rails = new NemoGuardrails(vertx, nemo.url(), patience, false, health, metrics);
        var kept = new NemoGuardrails(vertx, nemo.url(), patience, true, health, new Metrics("1", "bench"));

        var points = new ArrayList<Point>();
        points.add(new Point("ingress", "embedded", 10_000, i -> wasm.admit(ingress(i), call())));
        points.add(new Point("ingress", "OPA server", 4_000, i -> server.admit(ingress(i), call())));
        points.add(new Point("tools offered", "embedded", 10_000, i -> wasm.offered(offered(), call())));
        points.add(new Point("tools offered", "OPA server", 4_000, i -> server.offered(offered(), call())));
        points.add(new Point("tool call", "embedded", 10_000, i -> wasm.decide(toolCall(i), call())));
        points.add(new Point("tool call", "OPA server", 4_000, i -> server.decide(toolCall(i), call())));
        points.add(new Point("tool call", "nginx, a fixed verdict", 4_000, i -> hop.decide(toolCall(i), call())));
        for (var phase : RailPhase.values()) {
            for (var length : phase == RailPhase.INPUT ? List.of(65, 2_000, 16_000) : List.of(2_000)) {
                var name = "rails, %s, %,d characters".formatted(phase.word().replace('_', ' '), length);
                var text = SENTENCE.repeat(length / SENTENCE.length() + 1).substring(0, length);
                points.add(new Point(name, "embedded", 1_000, i -> embedded.check(phase, i + text, call())));
                points.add(new Point(name, "NeMo server", 300, i -> rails.check(phase, i + text, call())));
            }
        }
        points.add(new Point(
                "rails, the same text again",
                "NeMo server",
                1_000,
                i -> kept.check(RailPhase.INPUT, SENTENCE, call())));

        System.out.println("| control point | engine | p50 | p99 | p99, least to most |\n|---|---|---|---|---|");
        print(points, this::closed);
        System.out.printf("%n%d a second:%n%n", 1_000 / EVERY_MILLIS);
        System.out.println("| control point | engine | p50 | p99 | p99, least to most |\n|---|---|---|---|---|");
        var before = BareHop.handled(opa.url());
        print(points.stream().filter(point -> point.name().equals("tool call")).toList(), this::open);
        System.out.println("\nof OPA's own answers in that time, by what it says itself:");
        BareHop.handled(opa.url())
                .forEach((bound, count) ->
                        System.out.printf("at most %s s: %.0f%n", bound, count - before.getOrDefault(bound, 0.0)));
    }

    private interface Measure {
        Times of(Point point) throws Exception;
    }

    /** Rounds over all points, so that what disturbs the machine for a while disturbs each of them; medians of them. */
    private static void print(List<Point> points, Measure measure) throws Exception {
        var rounds = new LinkedHashMap<Point, List<Times>>();
        points.forEach(point -> rounds.put(point, new ArrayList<>()));
        for (var round = 0; round < ROUNDS; round++) {
            for (var point : points) {
                Objects.requireNonNull(rounds.get(point)).add(measure.of(point));
            }
        }
        rounds.forEach((point, times) -> System.out.printf(
                "| %s | %s | %s | %s | %s to %s |%n",
                point.name(),
                point.engine(),
                shown(each(times, Times::p50)[ROUNDS / 2]),
                shown(each(times, Times::p99)[ROUNDS / 2]),
                shown(each(times, Times::p99)[0]),
                shown(each(times, Times::p99)[ROUNDS - 1])));
    }

    /** From least to most. */
    private static double[] each(List<Times> rounds, ToDoubleFunction<Times> share) {
        return rounds.stream().mapToDouble(share).sorted().toArray();
    }

    private static String shown(double micros) {
        return micros < 1_000
                ? String.format(Locale.ROOT, "%.0f us", micros)
                : String.format(Locale.ROOT, "%.1f ms", micros / 1_000);
    }

    /** One question after the other, on one event loop. */
    private Times closed(Point point) throws Exception {
        var took = new long[point.sample()];
        var done = Promise.<Void>promise();
        loop.runOnContext(unused -> next(point, -took.length / 2, took, done));
        done.future().await(300, SECONDS);
        return Times.of(took);
    }

    private void next(Point point, int index, long[] took, Promise<Void> done) {
        if (index == took.length) {
            done.complete();
            return;
        }
        var began = System.nanoTime();
        point.ask().apply(index).onComplete((answer, cause) -> {
            if (index >= 0) {
                took[index] = System.nanoTime() - began;
            }
            if (cause != null || answer instanceof Verdict.Blocked) {
                done.fail(cause == null ? new AssertionError(answer) : cause);
            } else {
                loop.runOnContext(unused -> next(point, index + 1, took, done));
            }
        });
    }

    private Times open(Point point) throws Exception {
        var took = new long[2_500];
        var asked = new ArrayList<Future<?>>();
        var done = Promise.<Void>promise();
        loop.runOnContext(unused -> vertx.setPeriodic(EVERY_MILLIS, timer -> {
            var index = asked.size();
            var began = System.nanoTime();
            asked.add(point.ask().apply(index).onSuccess(answer -> took[index] = System.nanoTime() - began));
            if (asked.size() == took.length) {
                vertx.cancelTimer(timer);
                Future.all(asked).<Void>mapEmpty().onComplete(done);
            }
        }));
        done.future().await(300, SECONDS);
        return Times.of(took);
    }

    /** Whole servers on one PostgreSQL, a model that answers at once, one run after the other. */
    private void runs(Map<String, String> real) throws Exception {
        var took = new LinkedHashMap<String, List<Times>>();
        try (var embedded = server(Map.of());
                var beside = server(real)) {
            var servers = new LinkedHashMap<String, TestServer>();
            servers.put("embedded", embedded);
            servers.put("OPA and NeMo servers", beside);
            for (var round = -2; round < ROUNDS; round++) { // two to warm up
                for (var server : servers.entrySet()) {
                    var times = runs(server.getValue());
                    if (round >= 0) {
                        took.computeIfAbsent(server.getKey(), name -> new ArrayList<>())
                                .add(times);
                    }
                }
            }
        }
        System.out.println("\n| a whole run with | p50 | p99 |\n|---|---|---|");
        took.forEach((name, times) -> System.out.printf(
                "| %s | %s | %s |%n",
                name, shown(each(times, Times::p50)[ROUNDS / 2]), shown(each(times, Times::p99)[ROUNDS / 2])));
    }

    private static TestServer server(Map<String, String> engines) throws Exception {
        var settings = new LinkedHashMap<>(engines);
        settings.put("TASKPILOT_POSTGRES_URL", TestPostgres.database().url().value());
        settings.put("TASKPILOT_LLM_OFFLINE_LATENCY", "0ms");
        return TestServer.start(settings);
    }

    private static Times runs(TestServer server) throws Exception {
        var user = server.user();
        var took = new long[RUNS];
        for (var i = 0; i < RUNS; i++) {
            var began = System.nanoTime();
            var run = user.finish("Create a low priority task to prepare the board deck " + i);
            took[i] = System.nanoTime() - began;
            if (!run.path("status").asText().equals("succeeded")) {
                throw new AssertionError(run);
            }
        }
        return Times.of(took);
    }

    private static CallContext call() {
        return CallContext.ofRequest("req_1", Deadline.in(Duration.ofSeconds(30)));
    }

    private static Map<String, Object> ingress(int index) {
        var input = new LinkedHashMap<String, Object>();
        input.put("method", "POST");
        input.put("route", "/v1/runs");
        input.put("principal", PRINCIPAL);
        input.put("tenant", "tenant-" + index);
        input.put("auth_mode", "keys");
        input.put("environment", "production");
        return input;
    }

    private static Map<String, Object> offered() {
        return Map.of(
                "agent_type", "ExecutorAgent",
                "principal", PRINCIPAL,
                "tenant", "default",
                "tools", IntStream.range(0, 8).mapToObj(i -> "tool_" + i).toList(),
                "environment", "production");
    }

    private static Map<String, Object> toolCall(int index) {
        var input = new LinkedHashMap<String, Object>();
        input.put("tool_name", "create_task");
        input.put("agent_type", "ExecutorAgent");
        input.put(
                "parameters",
                Map.of("title", "Prepare the board deck " + index, "priority", "high", "description", ""));
        input.put("run_id", "run_01890a5d-ac96-774b-bcce-b302099a8057");
        input.put("request_id", "req_1");
        input.put("tenant", "default");
        input.put("principal", PRINCIPAL);
        input.put("tool", Map.of("idempotent", false));
        input.put("history", Map.of("tool_calls", 0, "denied", 0));
        input.put("approval", null);
        input.put("environment", "production");
        return input;
    }
}
