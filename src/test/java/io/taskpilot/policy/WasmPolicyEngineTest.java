package io.taskpilot.policy;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.type;

import io.taskpilot.engine.CallContext;
import io.taskpilot.resilience.BlockingIo;
import io.taskpilot.resilience.Deadline;
import io.taskpilot.resilience.Failure;
import io.taskpilot.run.DecisionResult;
import io.taskpilot.run.PolicyVerdict;
import io.vertx.core.Deployable;
import io.vertx.core.DeploymentOptions;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WasmPolicyEngineTest {
    private static final Path SHIPPED = Path.of("conf/policy");
    private static final Map<String, Object> TASK = Map.of("title", "Prepare the board deck", "priority", "high");
    private static final Map<String, Object> SENSITIVE = Map.of("title", "A Sensitive matter", "priority", "high");

    private static final Vertx vertx = Vertx.vertx(new VertxOptions().setEventLoopPoolSize(4));
    private static final BlockingIo blocking = new BlockingIo(vertx);

    @SuppressWarnings("NullAway.Init") // opened once for all tests: it generates code
    private static WasmPolicyEngine engine;

    @BeforeAll
    static void openShipped() throws Exception {
        engine = open(1024);
    }

    @AfterAll
    static void close() throws Exception {
        vertx.close().await(10, SECONDS);
    }

    @Test
    void theShippedPolicyDecides() throws Exception {
        assertThat(decide("create_task", "ExecutorAgent", TASK).result()).isEqualTo(DecisionResult.ALLOW);
        assertThat(decide("delete_task", "ExecutorAgent", Map.of()).result()).isEqualTo(DecisionResult.DENY);
        assertThat(decide("create_task", "PlannerAgent", SENSITIVE))
                .isEqualTo(new PolicyVerdict(
                        DecisionResult.REQUIRE_APPROVAL,
                        "create_task_sensitive",
                        List.of("a high priority task about something sensitive needs an approval"),
                        engine.revision(),
                        List.of("approver"),
                        Duration.ofHours(1)));
    }

    @Test
    void theExecutorIsOfferedEveryToolButDeletion() throws Exception {
        assertThat(offered(Map.of("agent_type", "ExecutorAgent")))
                .containsExactly("create_task", "list_tasks", "notify_external_system", "update_task");
        assertThat(offered(Map.of("agent_type", "ExecutorAgent", "tools", List.of("list_tasks", "delete_task"))))
                .containsExactly("list_tasks");
        assertThat(offered(Map.of("agent_type", "Unknown"))).isEmpty();
    }

    @Test
    void aPolicyThatSaysNothingOfIngressLetsNobodyIn(@TempDir Path directory) throws Exception {
        assertThat(engine.withIngress()
                        .admit(Map.of(), call())
                        .await(10, SECONDS)
                        .rule())
                .isEqualTo("no_rule_allows");

        Files.copy(SHIPPED.resolve("tool_calls.rego"), directory.resolve("tool_calls.rego"));
        RealOpa.installedOrSkip().build(directory);
        var without = WasmPolicyEngine.open(directory, blocking).await(30, SECONDS);

        assertThatThrownBy(without::withIngress)
                .isInstanceOf(Failure.class)
                .hasMessageContaining("ingress.rego")
                .hasMessageContaining("scripts/build-policy " + directory)
                .hasMessageContaining("policy.ingress");
        assertUnavailable(() -> without.admit(Map.of(), call()).await(10, SECONDS));
    }

    @Test
    void aCallLeavesNothingBehindForTheNext() throws Exception {
        var first = decide("create_task", "ExecutorAgent", TASK);

        for (var round = 0; round < 2_000; round++) {
            decide("create_task", "ExecutorAgent", Map.of("title", "x".repeat(round), "priority", List.of(round)));
        }

        assertThat(decide("create_task", "ExecutorAgent", TASK)).isEqualTo(first);
    }

    @Test
    void largeInputsAreDecidedOffTheEventLoopAndAnsweredOnIt() throws Exception {
        var large = Map.<String, Object>of("title", "t", "priority", "low", "description", "d".repeat(200_000));

        var answeredOn = onEventLoops(
                1,
                () -> ask(engine, "create_task", "ExecutorAgent", large)
                        .map(verdict ->
                                Map.entry(verdict.rule(), Thread.currentThread().getName())));

        assertThat(answeredOn).singleElement().satisfies(answer -> {
            assertThat(answer.getKey()).isEqualTo("create_task_description");
            assertThat(answer.getValue()).contains("eventloop");
        });
    }

    @Test
    void eventLoopsDecideSideBySide() throws Exception {
        var wrong = onEventLoops(4, () -> {
            var rounds = Future.<Void>succeededFuture();
            for (var round = 0; round < 300; round++) {
                rounds = rounds.compose(unused -> yieldTurn()).compose(unused -> allAnswersAreRight());
            }
            return rounds.map(Thread.currentThread().getName());
        });

        assertThat(wrong).hasSize(4);
    }

    @Test
    void whatDoesNotFitIntoTheMemoryIsNoVerdictAndSpoilsNoLaterOne() throws Exception {
        var small = open(4); // the module alone takes three pages
        var lists = Map.<String, Object>of("title", Collections.nCopies(3_000, List.of()), "priority", "low");

        for (var round = 0; round < 20; round++) {
            assertUnavailable(
                    () -> ask(small, "create_task", "ExecutorAgent", lists).await(10, SECONDS));
            assertThat(ask(small, "create_task", "ExecutorAgent", TASK)
                            .await(10, SECONDS)
                            .result())
                    .isEqualTo(DecisionResult.ALLOW);
        }
    }

    @Test
    void whatIsNotJsonIsNoVerdict() {
        assertUnavailable(() -> decide("create_task", "ExecutorAgent", Map.of("title", "\ud800", "priority", "low")));
        assertUnavailable(() -> decide("create_task", "ExecutorAgent", Map.of("title", new Object())));
        assertUnavailable(() -> decide("create_task", "ExecutorAgent", Map.of("title", nested(2_000))));
    }

    @Test
    void deepInputsAreDecided() throws Exception {
        assertThat(decide("create_task", "ExecutorAgent", Map.of("title", nested(500), "priority", "low"))
                        .rule())
                .isEqualTo("create_task_title");
    }

    private static Future<Void> allAnswersAreRight() {
        return Future.all(List.of(
                        answers("create_task", TASK, "create_task"),
                        answers("create_task", SENSITIVE, "create_task_sensitive"),
                        answers("delete_task", Map.of("task_id", "task_1"), "delete_task"),
                        answers("notify_external_system", Map.of("message", "DELETE it"), "notify_asks_to_delete")))
                .mapEmpty();
    }

    private static Future<Void> answers(String tool, Map<String, Object> parameters, String rule) {
        return ask(engine, tool, "ExecutorAgent", parameters).map(verdict -> {
            assertThat(verdict.rule()).isEqualTo(rule);
            return null;
        });
    }

    /** Lets the other event loops and tasks go first. */
    private static Future<Void> yieldTurn() {
        return Future.future(turn -> Vertx.currentContext().runOnContext(turn::complete));
    }

    private static <T> Set<T> onEventLoops(int loops, Supplier<Future<T>> work) throws Exception {
        var answers = ConcurrentHashMap.<T>newKeySet();
        Supplier<Deployable> each = () -> context -> work.get().onSuccess(answers::add);
        vertx.deployVerticle(each, new DeploymentOptions().setInstances(loops)).await(60, SECONDS);
        return answers;
    }

    private static Object nested(int depth) {
        Object inner = "deep";
        for (var level = 0; level < depth; level++) {
            inner = List.of(inner);
        }
        return inner;
    }

    private static PolicyVerdict decide(String tool, String agent, Map<String, Object> parameters) throws Exception {
        return ask(engine, tool, agent, parameters).await(10, SECONDS);
    }

    private static List<String> offered(Map<String, Object> input) throws Exception {
        return engine.offered(input, call()).await(10, SECONDS);
    }

    private static Future<PolicyVerdict> ask(
            WasmPolicyEngine engine, String tool, String agent, Map<String, Object> parameters) {
        var input = new HashMap<String, Object>();
        input.put("tool_name", tool);
        input.put("agent_type", agent);
        input.put("parameters", parameters);
        input.put("principal", Map.of("id", "local", "roles", List.of("client")));
        input.put("approval", null);
        return engine.decide(input, call());
    }

    private static CallContext call() {
        return CallContext.ofRequest("req_1", Deadline.in(Duration.ofSeconds(10)));
    }

    private static WasmPolicyEngine open(int maxPages) throws Exception {
        return WasmPolicyEngine.open(SHIPPED, blocking, maxPages).await(30, SECONDS);
    }

    private static void assertUnavailable(ThrowingCallable call) {
        assertThatThrownBy(call)
                .asInstanceOf(type(Failure.class))
                .extracting(Failure::slug)
                .isEqualTo("policy-unavailable");
    }
}
