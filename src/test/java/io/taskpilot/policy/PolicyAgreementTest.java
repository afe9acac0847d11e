package io.taskpilot.policy;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.NullNode;
import io.taskpilot.engine.CallContext;
import io.taskpilot.engine.PolicyEngine;
import io.taskpilot.resilience.BlockingIo;
import io.taskpilot.resilience.Deadline;
import io.taskpilot.resilience.Failure;
import io.taskpilot.run.DecisionResult;
import io.taskpilot.telemetry.HealthRegistry;
import io.taskpilot.telemetry.Metrics;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeoutException;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Builders;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.ShrinkingMode;
import net.jqwik.api.Tuple;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.lifecycle.AddLifecycleHook;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;
import net.jqwik.api.lifecycle.LifecycleContext;
import net.jqwik.api.lifecycle.SkipExecutionHook;
import net.jqwik.api.statistics.Statistics;

/** The compiled policy and the real OPA give the same answer to whatever is asked. */
@AddLifecycleHook(PolicyAgreementTest.NeedsOpa.class)
class PolicyAgreementTest {
    private static final Path POLICY = Path.of("conf/policy");
    private static final String BOTH_ANSWERS = "[{\"decision\": d, \"offered\": o} | some c in input.cases;"
            + " d := data.taskpilot.tool_calls.decision with input as c;"
            + " o := data.taskpilot.tool_calls.offered with input as c]";
    private static final String INGRESS =
            "[d | some c in input.cases; d := data.taskpilot.ingress.decision with input as c]";

    private static final Vertx vertx = Vertx.vertx();

    @SuppressWarnings("NullAway.Init")
    private static RealOpa opa;

    @SuppressWarnings("NullAway.Init")
    private static WasmPolicyEngine wasm;

    @SuppressWarnings("NullAway.Init")
    private static OpaProcess process;

    @SuppressWarnings("NullAway.Init")
    private static OpaServerEngine server;

    static final class NeedsOpa implements SkipExecutionHook {
        @Override
        public SkipResult shouldBeSkipped(LifecycleContext context) {
            return RealOpa.maySkip() ? SkipResult.skip("there is no opa") : SkipResult.doNotSkip();
        }
    }

    @BeforeContainer
    static void open() throws Exception {
        opa = RealOpa.installedOrSkip();
        wasm = WasmPolicyEngine.open(POLICY, new BlockingIo(vertx)).await(30, SECONDS);
        process = OpaProcess.start(POLICY);
        server = new OpaServerEngine(
                vertx,
                vertx.createHttpClient(),
                process.url(),
                Duration.ofSeconds(10),
                new HealthRegistry(),
                new Metrics("1", "test"));
    }

    @AfterContainer
    static void close() throws Exception {
        process.close();
        vertx.close().await(10, SECONDS);
    }

    // Many inputs a try, as each try starts the real opa once.
    @Property(tries = 12, shrinking = ShrinkingMode.BOUNDED, edgeCases = EdgeCasesMode.NONE)
    void bothEnginesAnswerAlike(@ForAll("inputs") @Size(80) List<Map<String, Object>> cases) throws Exception {
        var answers = opa.eval(POLICY, BOTH_ANSWERS, Map.of("cases", cases));

        assertThat(answers).hasSize(cases.size());
        for (var index = 0; index < cases.size(); index++) {
            assertAlike(cases.get(index), answers.get(index));
        }
        // Inputs that are nearly all denied would compare nothing.
        Statistics.coverage(seen -> {
            seen.check(DecisionResult.ALLOW).count(times -> times > 100);
            seen.check(DecisionResult.REQUIRE_APPROVAL).count(times -> times > 5);
        });
    }

    @Property(tries = 8, shrinking = ShrinkingMode.BOUNDED, edgeCases = EdgeCasesMode.NONE)
    void bothEnginesAdmitAlike(@ForAll("calls") @Size(80) List<Map<String, Object>> calls) throws Exception {
        var answers = opa.eval(POLICY, INGRESS, Map.of("cases", calls));

        assertThat(answers).hasSize(calls.size());
        for (var index = 0; index < calls.size(); index++) {
            var input = calls.get(index);
            var verdict = wasm.admit(input, call()).await(10, SECONDS);
            assertThat(verdict).as("admission of %s", input).isEqualTo(PolicyAnswer.admission(answers.get(index)));
            Statistics.collect(verdict.result());
        }
        Statistics.coverage(seen -> {
            seen.check(DecisionResult.ALLOW).count(times -> times > 100);
            seen.check(DecisionResult.DENY).count(times -> times > 100);
        });
    }

    /** Through the engines themselves: what one takes and the other refuses is a difference too. */
    @Property(tries = 6, shrinking = ShrinkingMode.BOUNDED, edgeCases = EdgeCasesMode.NONE)
    void aRealServerAnswersAlike(
            @ForAll("inputs") @Size(60) List<Map<String, Object>> cases,
            @ForAll("oddities") @Size(40) List<Map<String, Object>> oddities) {
        for (var input : cases) {
            assertSame(server, wasm, input);
        }
        for (var input : oddities) {
            assertSame(server, wasm, input);
        }
    }

    @Property(tries = 6, shrinking = ShrinkingMode.BOUNDED, edgeCases = EdgeCasesMode.NONE)
    void aRealServerAdmitsAlike(
            @ForAll("calls") @Size(60) List<Map<String, Object>> calls,
            @ForAll("oddities") @Size(40) List<Map<String, Object>> oddities) {
        for (var input : calls) {
            assertSameAdmission(input);
        }
        for (var input : oddities) {
            assertSameAdmission(input);
        }
    }

    private static CallContext call() {
        return CallContext.ofRequest("req_1", Deadline.in(Duration.ofSeconds(10)));
    }

    static void assertSame(PolicyEngine server, PolicyEngine wasm, Map<String, Object> input) {
        assertThat(outcome(server.decide(input, call())))
                .as("decision on %s", input)
                .isEqualTo(outcome(wasm.decide(input, call())));
        assertThat(outcome(server.offered(input, call())))
                .as("offer on %s", input)
                .isEqualTo(outcome(wasm.offered(input, call())));
    }

    private static void assertSameAdmission(Map<String, Object> input) {
        assertThat(outcome(server.admit(input, call())))
                .as("admission of %s", input)
                .isEqualTo(outcome(wasm.admit(input, call())));
    }

    private static String outcome(Future<?> answer) {
        try {
            return String.valueOf(answer.await(10, SECONDS));
        } catch (Failure failure) {
            return failure.slug();
        } catch (TimeoutException late) {
            return "late";
        }
    }

    /** Inputs nobody sends: fields of any kind, names that are hard to write, values that are deep or long. */
    @Provide
    Arbitrary<List<Map<String, Object>>> oddities() {
        var names = Arbitraries.of(
                "tool_name",
                "agent_type",
                "parameters",
                "principal",
                "method",
                "tools",
                "approval",
                "",
                "\u0000",
                "a\"b",
                "\ud83d\ude80",
                "__proto__");
        Arbitrary<Object> deep = Arbitraries.integers().between(1, 200).map(depth -> {
            Object inner = "deep";
            for (var level = 0; level < depth; level++) {
                inner = level % 2 == 0 ? List.of(inner) : Map.of("parameters", inner);
            }
            return inner;
        });
        Arbitrary<Object> large = Arbitraries.of(
                "x".repeat(100_000),
                Collections.nCopies(2_000, "create_task"),
                new BigDecimal("123456789012345678901234567890.5"),
                new BigInteger("9".repeat(40)),
                -0.0,
                1e-320,
                "\uffff\u2028");
        var values = Arbitraries.oneOf(anyJson(), tools().map(name -> name), deep, large);
        return Arbitraries.maps(names, values).ofMaxSize(6).list();
    }

    private static void assertAlike(Map<String, Object> input, JsonNode expected) throws Exception {
        var verdict = wasm.decide(input, call()).await(10, SECONDS);
        var offered = wasm.offered(input, call()).await(10, SECONDS);

        assertThat(verdict).as("decision on %s", input).isEqualTo(PolicyAnswer.verdict(expected.get("decision")));
        assertThat(offered).as("offered for %s", input).isEqualTo(PolicyAnswer.offered(expected.get("offered")));
        Statistics.collect(verdict.result());
    }

    @Provide
    Arbitrary<List<Map<String, Object>>> inputs() {
        return input().list();
    }

    private static Arbitrary<Map<String, Object>> input() {
        var fields = new HashMap<String, Arbitrary<Object>>();
        fields.put("tool_name", mostly(tools()));
        fields.put("agent_type", mostly(agents()));
        fields.put("parameters", mostly(parameters()));
        fields.put(
                "approval", mostly(Arbitraries.of(Map.of("by", "ada", "roles", List.of("approver"), "digest", "d"))));
        fields.put("tools", mostly(tools().list().ofMaxSize(6)));
        fields.put("history", mostly(Arbitraries.of(Map.of("tool_calls", 3, "denied", 1))));
        return someOf(fields, 0.05);
    }

    @Provide
    Arbitrary<List<Map<String, Object>>> calls() {
        var principal = new HashMap<String, Arbitrary<Object>>();
        principal.put("id", mostly(Arbitraries.of("ann", "local", "\u017f", "a\"b")));
        principal.put(
                "roles", mostly(Arbitraries.of("client", "approver", "*").list().ofMaxSize(3)));
        principal.put(
                "scopes", mostly(Arbitraries.of("runs:read", "admin").list().ofMaxSize(3)));
        var fields = new HashMap<String, Arbitrary<Object>>();
        fields.put("method", mostly(Arbitraries.of("GET", "POST", "WS", "get", "DELETE")));
        fields.put("route", mostly(Arbitraries.of("/v1/runs", "/v1/runs/{id}/cancel", "submit", "\u0000", "/")));
        fields.put("principal", mostly(someOf(principal, 0.02)));
        fields.put("tenant", mostly(Arbitraries.of("default", "acme")));
        fields.put("auth_mode", mostly(Arbitraries.of("keys", "keys", "none", "NONE")));
        fields.put("environment", mostly(Arbitraries.of("production", "test")));
        return someOf(fields, 0.02).list();
    }

    private static Arbitrary<Object> parameters() {
        var fields = new HashMap<String, Arbitrary<Object>>();
        fields.put("title", mostly(text(500)));
        fields.put(
                "priority", mostly(Arbitraries.of("high", "high", "high", "high", "medium", "low", "HIGH", "urgent")));
        fields.put("description", mostly(text(10_000)));
        fields.put("message", mostly(text(40)));
        fields.put("destination", mostly(Arbitraries.of("ops")));
        return someOf(fields, 0.1).map(map -> map);
    }

    private static Arbitrary<String> tools() {
        return Arbitraries.of(
                "create_task",
                "create_task",
                "create_task",
                "update_task",
                "list_tasks",
                "delete_task",
                "notify_external_system",
                "notify_external_system",
                "drop_database");
    }

    private static Arbitrary<String> agents() {
        return Arbitraries.of(
                "ExecutorAgent",
                "ExecutorAgent",
                "ExecutorAgent",
                "ExecutorAgent",
                "PlannerAgent",
                "ReviewerAgent",
                "executoragent");
    }

    /** Words the rules look for, in letters whose case is hard, and lengths around a limit. */
    private static Arbitrary<String> text(int limit) {
        var words = Arbitraries.of(
                        "sensitive",
                        "sensitive",
                        "sensitive",
                        "SENSITIVE",
                        "SensiTive",
                        "SENS\u0130TIVE",
                        "\u017fensitive",
                        "delete",
                        "DELETE",
                        "del",
                        "ete",
                        "Stra\u00dfe",
                        "\u03a3\u03c2",
                        "\u212a",
                        "\ud83d\ude80",
                        "e\u0301",
                        " ",
                        "\"",
                        "\\",
                        "\n",
                        "\u0000",
                        "\u2028",
                        "\uffff",
                        "1e400")
                .list()
                .ofMinSize(1)
                .ofMaxSize(6)
                .map(chosen -> String.join("", chosen));
        var lengths = Arbitraries.of(1, 2, limit - 1, limit, limit + 1);
        var unit = Arbitraries.of("a", "\u00fc", "\ud83d\ude80");
        var limits = lengths.flatMap(length -> unit.map(character -> character.repeat(length)));
        return Arbitraries.frequencyOf(Tuple.of(5, words), Tuple.of(1, limits));
    }

    /** The right thing nearly always, else any JSON value. */
    private static Arbitrary<Object> mostly(Arbitrary<?> right) {
        return Arbitraries.frequencyOf(Tuple.of(30, right.map(value -> value)), Tuple.of(1, anyJson()));
    }

    private static Arbitrary<Object> anyJson() {
        return Arbitraries.of(
                "",
                "text",
                NullNode.getInstance(),
                0,
                -1,
                1.5,
                1e300,
                Long.MAX_VALUE,
                true,
                false,
                List.of(),
                List.of("create_task", 1),
                Map.of(),
                Map.of("title", "sensitive"),
                List.of(List.of(Map.of("a", List.of()))));
    }

    private static Arbitrary<Map<String, Object>> someOf(Map<String, Arbitrary<Object>> fields, double missing) {
        var builder = Builders.withBuilder(HashMap<String, Object>::new);
        for (var field : fields.entrySet()) {
            builder = builder.use(field.getValue().optional(1 - missing)).in((map, value) -> {
                value.ifPresent(present -> map.put(field.getKey(), present));
                return map;
            });
        }
        return builder.build(map -> map);
    }
}
