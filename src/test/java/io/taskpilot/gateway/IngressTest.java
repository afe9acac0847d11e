package io.taskpilot.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.taskpilot.config.Secret;
import io.taskpilot.engine.IngressLog;
import io.taskpilot.resilience.Failure;
import io.taskpilot.run.Decision;
import io.taskpilot.run.DecisionResult;
import io.taskpilot.run.DecisionType;
import io.taskpilot.run.PolicyVerdict;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import java.net.http.HttpRequest.BodyPublishers;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Queue;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What scopes allow, policy may still deny; who is denied is on record before being told. */
final class IngressTest {
    private static final Secret SECRET = new Secret("a server's secret");
    private static final PolicyVerdict ALLOW = verdict(DecisionResult.ALLOW, "scopes");
    private static final PolicyVerdict DENY = verdict(DecisionResult.DENY, "closed", "nobody may");
    private static final String GO = "{\"input\": \"go\"}";

    private final ApiKeys.Made key = ApiKeys.make(SECRET);
    private final ApiKeys.Made reader = ApiKeys.make(SECRET);
    private final Queue<Map<String, Object>> asked = new ConcurrentLinkedQueue<>();
    private final Queue<IngressLog.Entry> recorded = new ConcurrentLinkedQueue<>();
    private volatile Policy policy = (method, route) -> Future.succeededFuture(ALLOW);
    private volatile IngressLog log = entry -> Future.succeededFuture();
    private TestGateway gateway;

    private interface Policy {
        Future<PolicyVerdict> on(String method, String route);
    }

    private static PolicyVerdict verdict(DecisionResult result, String rule, String... reasons) {
        return new PolicyVerdict(result, rule, List.of(reasons), "r7", List.of(), Duration.ZERO);
    }

    private static Policy denying(String denied) {
        return (method, route) -> Future.succeededFuture(denied.equals(method + " " + route) ? DENY : ALLOW);
    }

    /** Like an OPA server: the answer comes later, on another turn of the loop. */
    private Policy late(Policy other) {
        return (method, route) ->
                gateway.vertx.timer(20, TimeUnit.MILLISECONDS).compose(tick -> other.on(method, route));
    }

    @BeforeEach
    void open() throws Exception {
        var keys = entry("ann", key, "admin, runs:write") + entry("bob", reader, "runs:read");
        gateway = new TestGateway(
                Authentication.keys(ApiKeys.parse(keys, SECRET)),
                ingress -> Ingress.enforce(
                        (input, call) -> {
                            asked.add(input);
                            return policy.on(text(input, "method"), text(input, "route"));
                        },
                        entry -> {
                            recorded.add(entry);
                            return log.record(entry);
                        },
                        true,
                        "staging",
                        ingress.metrics.governance()));
    }

    @AfterEach
    void close() {
        gateway.close();
    }

    private static String entry(String id, ApiKeys.Made key, String scopes) {
        return "- {id: %s, tenant: acme, prefix: %s, hash: %s, scopes: [%s], roles: [client]}\n"
                .formatted(id, key.prefix(), key.hash(), scopes);
    }

    private static String text(Map<String, Object> input, String field) {
        return String.valueOf(input.get(field));
    }

    private Client ann() {
        return new Client(gateway.url(), key.key());
    }

    private Decision onlyDecision() {
        assertThat(recorded).hasSize(1);
        return Objects.requireNonNull(recorded.peek()).decision();
    }

    @Test
    void policyIsToldWhoCallsWhatAndNothingElse() throws Exception {
        ann().get("/v1/runs/run_" + MemoryRuns.unknown() + "/events?after=7", "X-Request-Id", "req-1");

        assertThat(asked)
                .containsExactly(Map.of(
                        "method", "GET",
                        "route", "/v1/runs/{id}/events",
                        "principal",
                                Map.of(
                                        "id",
                                        "ann",
                                        "roles",
                                        List.of("client"),
                                        "scopes",
                                        List.of("admin", "runs:write")),
                        "tenant", "acme",
                        "auth_mode", "keys",
                        "environment", "staging"));
        assertThat(recorded).isEmpty(); // what is let in is on record elsewhere
    }

    @Test
    void everyOperationOfTheContractIsAskedAndNoProbeIs() throws Exception {
        var contract = new ObjectMapper()
                .valueToTree(new YAMLMapper().readTree(IngressTest.class.getResourceAsStream("/openapi.yaml")));
        var expected = new TreeSet<String>();
        var open = new TreeSet<String>();
        for (var path : contract.path("paths").properties()) {
            for (var operation : path.getValue().properties()) {
                if (!operation.getKey().matches("get|post")) {
                    continue;
                }
                var method = operation.getKey().toUpperCase(Locale.ROOT);
                var guarded =
                        operation.getValue().has("x-scope") || path.getKey().equals("/v1/ws");
                (guarded ? expected : open).add(method + " " + path.getKey());
                var url = path.getKey().replaceAll("\\{\\w+}", "1");
                var request = ann().request(url).method(method, BodyPublishers.noBody());
                ann().open(request).close();
            }
        }

        var seen = new TreeSet<String>();
        asked.forEach(input -> seen.add(text(input, "method") + " " + text(input, "route")));
        assertThat(expected).hasSizeGreaterThan(15);
        assertThat(open).contains("GET /health/live", "GET /metrics");
        assertThat(seen).isEqualTo(expected);
    }

    @Test
    void aDenialNamesItsRuleAndIsRecordedWithWhatWasAsked() throws Exception {
        policy = denying("POST /v1/runs");

        var answer = ann().post("/v1/runs", GO, "X-Request-Id", "req-1");

        assertThat(answer.status()).isEqualTo(403);
        assertThat(answer.slug()).isEqualTo("policy-denied");
        assertThat(answer.json().path("detail").asText()).isEqualTo("rule closed: nobody may");
        assertThat(ann().get("/v1/runs").json().path("items")).isEmpty();
        var decision = onlyDecision();
        assertThat(decision.type()).isEqualTo(DecisionType.INGRESS);
        assertThat(decision.result()).isEqualTo(DecisionResult.DENY);
        assertThat(decision.rule()).isEqualTo("closed");
        assertThat(decision.reason()).isEqualTo("nobody may");
        assertThat(decision.context()).isEqualTo("POST /v1/runs");
        assertThat(decision.policyRevision()).isEqualTo("r7");
        assertThat(decision.inputSha256()).matches("[0-9a-f]{64}");
        var entry = Objects.requireNonNull(recorded.peek());
        assertThat(entry).extracting("requestId", "tenant", "principal").containsExactly("req-1", "acme", "ann");
    }

    @Test
    void nobodyIsToldOfADenialThatIsNotRecordedYet() throws Exception {
        var committed = Promise.<Void>promise();
        log = entry -> committed.future();
        policy = denying("GET /v1/tasks");

        var answer = CompletableFuture.supplyAsync(() -> {
            try {
                return ann().get("/v1/tasks").status();
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
        });
        gateway.await("a denial on its way", () -> !recorded.isEmpty());
        assertThat(answer).isNotDone();
        committed.complete();

        assertThat(answer.get(10, TimeUnit.SECONDS)).isEqualTo(403);
    }

    @Test
    void aDenialThatCannotBeRecordedIsARefusalAllTheSame() throws Exception {
        log = entry ->
                Future.failedFuture(Failure.overloaded("overload-decisions", "too many wait", Duration.ofSeconds(1)));
        policy = denying("GET /v1/tasks");

        var answer = ann().get("/v1/tasks");

        assertThat(answer.status()).isEqualTo(503);
        assertThat(answer.slug()).isEqualTo("overload-decisions");
        assertThat(answer.header("retry-after")).isEqualTo("1");
    }

    @Test
    void aMissingScopeIsADecisionTooAndPolicyIsNotAsked() throws Exception {
        var answer = new Client(gateway.url(), reader.key()).post("/v1/runs", GO);

        assertThat(answer.slug()).isEqualTo("caller-scope-missing");
        assertThat(asked).isEmpty();
        assertThat(onlyDecision())
                .extracting(Decision::rule, Decision::result, Decision::policyRevision)
                .containsExactly("scope_missing", DecisionResult.DENY, "");
    }

    @Test
    void withoutAVerdictNothingIsLetIn() throws Exception {
        policy = (method, route) -> Future.failedFuture(
                Failure.unavailable("policy-unavailable", "policy gave no verdict", new IllegalStateException("down")));

        var ann = ann();
        var refused = 0;
        while (refused < 30 || gateway.metric("taskpilot_ingress_unrecorded_total") == 0) { // ten a second are recorded
            var answer = ann.post("/v1/runs", GO);
            assertThat(answer.status()).isEqualTo(503);
            assertThat(answer.slug()).isEqualTo("policy-unavailable");
            refused++;
        }

        assertThat(recorded)
                .isNotEmpty()
                .allSatisfy(entry -> assertThat(entry.decision().result()).isEqualTo(DecisionResult.ERROR));
        assertThat(recorded.size() + gateway.metric("taskpilot_ingress_unrecorded_total"))
                .isEqualTo(refused);
        policy = denying("");
        assertThat(ann.get("/v1/runs").json().path("items")).isEmpty();
    }

    @Test
    void whileALatePolicyIsAskedTheBodyWaits() throws Exception {
        policy = late(denying("POST /v1/runs/{id}/cancel"));
        var large = "{\"input\": \"%s\"}".formatted("x".repeat(31_000));

        assertThat(ann().post("/v1/runs", large).status()).isEqualTo(202);
        var denied = ann().post("/v1/runs/run_1/cancel", "x".repeat(2 << 20));

        assertThat(denied.status()).isEqualTo(403); // and not 413: nobody has read it
        assertThat(ann().get("/v1/runs").json().path("items")).hasSize(1);
    }

    @Test
    void aSocketOpensBehindALatePolicyToo() throws Exception {
        policy = late(denying("GET /v1/nothing"));

        try (var socket = new Socket(gateway.vertx, gateway.url(), key.key())) {
            socket.send("{\"op\": \"ping\", \"id\": \"1\"}");
            assertThat(socket.next().path("op").asText()).isEqualTo("pong");
        }
        policy = denying("GET /v1/ws");
        gateway.await("the verdict is forgotten", () -> refused());
    }

    private boolean refused() {
        try {
            return Socket.refusal(gateway.vertx, gateway.url(), key.key()) == 403;
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void eachOperationOfASocketIsAskedAbout() throws Exception {
        policy = denying("WS submit");

        try (var socket = new Socket(gateway.vertx, gateway.url(), key.key())) {
            socket.send("{\"op\": \"submit\", \"id\": \"1\", \"input\": \"go\"}");
            var denied = socket.next();
            assertThat(denied.path("id").asText()).isEqualTo("1");
            assertThat(denied.path("problem").path("type").asText()).isEqualTo("/problems/policy-denied");
            assertThat(denied.path("problem").path("detail").asText()).isEqualTo("rule closed: nobody may");
            assertThat(onlyDecision().context()).isEqualTo("WS submit");
            for (var op : List.of("subscribe", "unsubscribe", "cancel", "answer", "ping")) {
                socket.send("{\"op\": \"%s\", \"id\": \"2\"}".formatted(op));
                socket.next();
                assertThat(asked.stream().map(input -> text(input, "route"))).contains(op);
            }
        }
        assertThat(ann().get("/v1/runs").json().path("items")).isEmpty();
    }

    @Test
    void operationsBeginInTheOrderOfTheirFramesWhicheverIsAdmittedFirst() throws Exception {
        var run = ann().submit("go");
        var slow = Promise.<PolicyVerdict>promise();
        policy = (method, route) -> route.equals("subscribe") ? slow.future() : Future.succeededFuture(ALLOW);

        try (var socket = new Socket(gateway.vertx, gateway.url(), key.key())) {
            socket.send("{\"op\": \"subscribe\", \"id\": \"1\", \"run_id\": \"%s\"}".formatted(run));
            socket.send("{\"op\": \"unsubscribe\", \"id\": \"2\", \"run_id\": \"%s\"}".formatted(run));
            gateway.await(
                    "both are asked about",
                    () -> asked.stream().anyMatch(input -> text(input, "route").equals("unsubscribe")));
            slow.complete(ALLOW);

            var frames = new ArrayList<>(List.of(socket.next()));
            while (!frames.get(frames.size() - 1).path("id").asText().equals("2")) {
                frames.add(socket.next()); // the run's events come between the two
            }
            assertThat(frames.get(0).path("op").asText()).isEqualTo("ack");
            // the other way round, there would be no subscription to end
            assertThat(frames.get(frames.size() - 1).path("op").asText()).isEqualTo("ack");
        }
    }

    @Test
    void theSameCallIsNotAskedAboutTwiceInASecond() throws Exception {
        for (var i = 0; i < 5; i++) {
            assertThat(ann().get("/v1/tasks").status()).isEqualTo(200);
        }

        assertThat(asked.size()).isLessThan(5); // a busy machine may take more than a second for them
        assertThat(gateway.metric("taskpilot_cache_requests_total{cache=\"ingress\",result=\"hit\"}"))
                .isPositive();
    }

    @Test
    void strangersAreCountedAndOnNoRecord() throws Exception {
        var stranger = new Client(gateway.url());
        for (var i = 0; i < 3; i++) {
            assertThat(stranger.get("/v1/runs").status()).isEqualTo(401);
        }

        assertThat(asked).isEmpty();
        assertThat(recorded).isEmpty();
        assertThat(gateway.metric("taskpilot_ingress_unauthenticated_total{problem=\"caller-unauthenticated\"}"))
                .isEqualTo(3);
    }
}
