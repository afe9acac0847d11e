package io.taskpilot.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import io.taskpilot.config.Secret;
import io.taskpilot.gateway.Client.Answer;
import io.taskpilot.run.ApprovalKind;
import io.taskpilot.run.DecisionResult;
import io.taskpilot.run.DecisionType;
import io.taskpilot.run.RunEvent;
import io.taskpilot.run.RunRequest;
import io.taskpilot.run.RunStatus;
import io.taskpilot.run.TaskStatus;
import io.vertx.core.json.JsonObject;
import io.vertx.ext.web.Router;
import io.vertx.json.schema.Draft;
import io.vertx.json.schema.JsonSchema;
import io.vertx.json.schema.JsonSchemaOptions;
import io.vertx.json.schema.OutputFormat;
import io.vertx.json.schema.Validator;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.function.Function;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The contract and the server, each held against the other. */
final class OpenApiTest {
    private static final JsonNode API = read();
    /** On the management port alone, and no part of the API. */
    private static final List<String> FOR_OPERATORS = List.of("GET /log-level", "PUT /log-level");

    private static final Secret SECRET = new Secret("a server's secret");

    private TestGateway server;
    private Client client;

    private static JsonNode read() {
        var yaml = JsonMapper.builder(new YAMLFactory())
                .enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION)
                .build();
        try {
            return yaml.readTree(new Documents().openApi());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @BeforeEach
    void start() throws Exception {
        server = TestGateway.open();
        client = new Client(server.url());
    }

    @AfterEach
    void stop() {
        server.close();
    }

    /** One method of one path of the contract. */
    private record Operation(String method, String path, JsonNode node) {
        boolean isOpen() {
            return node.has("security") && node.get("security").isEmpty();
        }

        @Override
        public String toString() {
            return method + " " + path;
        }
    }

    private static List<Operation> operations() {
        var operations = new ArrayList<Operation>();
        API.get("paths")
                .properties()
                .forEach(path -> path.getValue().properties().stream()
                        .filter(member -> !member.getKey().equals("parameters"))
                        .map(member -> new Operation(
                                member.getKey().toUpperCase(Locale.ROOT), path.getKey(), member.getValue()))
                        .forEach(operations::add));
        return operations;
    }

    private static Operation operation(String operationId) {
        return operations().stream()
                .filter(operation ->
                        operation.node().path("operationId").asText().equals(operationId))
                .findFirst()
                .orElseThrow();
    }

    private static Set<String> mounted(Router router) {
        var mounted = new TreeSet<String>();
        for (var route : router.getRoutes()) {
            if (route.getPath() != null) {
                var path = route.getPath().replaceAll(":([a-z]+)", "{$1}");
                route.methods().forEach(method -> mounted.add(method + " " + path));
            }
        }
        return mounted;
    }

    @Test
    void whatIsDescribedIsWhatIsMounted() {
        var routes = new Routes(server.gateway);
        var described = operations().stream().map(Operation::toString).toList();

        assertThat(mounted(routes.api(server.vertx))).containsExactlyInAnyOrderElementsOf(described);
    }

    /** An integer that a client in JavaScript can send. */
    @Test
    void theGreatestAfterIsTheOneOfTheServer() throws Exception {
        var run =
                client.post("/v1/runs", "{\"input\": \"go\"}").json().path("id").asText();
        for (var name : List.of("after", "cursor")) {
            var most = operation("getRunEvents")
                    .node()
                    .get("parameters")
                    .valueStream()
                    .filter(parameter -> parameter.path("name").asText().equals(name))
                    .map(parameter -> parameter.at("/schema/maximum").asLong())
                    .findFirst()
                    .orElseThrow();

            var path = "/v1/runs/" + run + "/events?" + name + "=";
            assertThat(client.get(path + most).status()).isEqualTo(200);
            assertThat(client.get(path + (most + 1)).body()).contains("(expected: an integer, 0.." + most + ")");
            assertThat(most).isEqualTo((1L << 53) - 1);
        }
    }

    @Test
    void whatIsTaggedManagementIsWhatTheManagementPortHas() {
        var routes = new Routes(server.gateway);
        var described = new ArrayList<>(FOR_OPERATORS);
        operations().stream()
                .filter(operation -> operation.node().at("/tags/0").asText().equals("management"))
                .map(Operation::toString)
                .forEach(described::add);

        assertThat(mounted(routes.management(server.vertx))).containsExactlyInAnyOrderElementsOf(described);
    }

    @Test
    void whatIsServedIsTheContract() throws Exception {
        assertThat(client.get("/openapi.yaml").body()).isEqualTo(new Documents().openApi());
    }

    @Test
    void everyReferenceLeadsSomewhereAndEveryComponentIsReferredTo() {
        var references = API.findValuesAsText("$ref");

        assertThat(references)
                .allSatisfy(
                        reference -> assertThat(API.at(reference.substring(1)).isObject())
                                .as(reference)
                                .isTrue());
        API.get("components").properties().forEach(kind -> {
            if (!kind.getKey().equals("securitySchemes")) {
                kind.getValue()
                        .fieldNames()
                        .forEachRemaining(
                                name -> assertThat(references).contains("#/components/" + kind.getKey() + "/" + name));
            }
        });
    }

    @Test
    void everyOperationHasANameOfItsOwnAndAnAnswerForWhatGoesWrong() {
        assertThat(operations())
                .extracting(operation -> operation.node().path("operationId").asText())
                .doesNotContain("")
                .doesNotHaveDuplicates();
        assertThat(operations()).allSatisfy(operation -> {
            assertThat(operation.node().path("summary").asText()).isNotEmpty();
            assertThat(operation.node().path("responses").has("default")).isTrue();
        });
    }

    @Test
    void everyPathParameterIsDescribed() {
        API.get("paths").properties().forEach(path -> {
            var names = new TreeSet<String>();
            path.getValue().path("parameters").forEach(parameter -> {
                var described = resolved(parameter);
                if (described.path("in").asText().equals("path")) {
                    names.add("{" + described.path("name").asText() + "}");
                }
            });
            assertThat(String.join("", names)).isEqualTo(path.getKey().replaceAll("[^{}]*(\\{[a-z]+})?", "$1"));
        });
    }

    @Test
    void wordsAreThoseOfTheCode() {
        assertThat(words("RunStatus")).isEqualTo(words(RunStatus.values(), RunStatus::word));
        assertThat(words("TaskStatus")).isEqualTo(words(TaskStatus.values(), TaskStatus::word));
        assertThat(words("DecisionType")).isEqualTo(words(DecisionType.values(), DecisionType::word));
        assertThat(words("DecisionResult")).isEqualTo(words(DecisionResult.values(), DecisionResult::word));
        assertThat(words("ApprovalKind")).isEqualTo(words(ApprovalKind.values(), ApprovalKind::word));

        var ends =
                Arrays.stream(RunStatus.values()).filter(RunStatus::isTerminal).map(status -> "run." + status.word());
        var types = texts(schema("Event").at("/properties/type/enum"));
        assertThat(types).containsAll(ends.toList()).doesNotHaveDuplicates();
        assertThat(types).hasSize(RunEvent.class.getPermittedSubclasses().length - 1 + 6);
    }

    private static List<String> words(String schema) {
        return texts(schema(schema).get("enum"));
    }

    private static <T> List<String> words(T[] values, Function<T, String> word) {
        return Arrays.stream(values).map(word).toList();
    }

    private static List<String> texts(JsonNode list) {
        var texts = new ArrayList<String>();
        list.forEach(item -> texts.add(item.asText()));
        return texts;
    }

    @Test
    void anOperationAsksForTheScopeThatIsDescribed() throws Exception {
        var scopes =
                Scope.words().stream().filter(scope -> !scope.equals("admin")).toList();
        var only = new HashMap<String, String>();
        var without = new HashMap<String, String>();
        var file = new StringBuilder();
        for (var scope : scopes) {
            var one = ApiKeys.make(SECRET);
            var rest = ApiKeys.make(SECRET);
            only.put(scope, one.key());
            without.put(scope, rest.key());
            var name = scope.replace(':', '-');
            file.append(entry("only-" + name, one, List.of(scope)));
            var others = scopes.stream().filter(other -> !other.equals(scope)).toList();
            file.append(entry("not-" + name, rest, others));
        }
        try (var closed = new TestGateway(Authentication.keys(ApiKeys.parse(file.toString(), SECRET)))) {
            for (var operation : operations()) {
                var keyless = ask(new Client(closed.url()), operation);
                assertThat(keyless.status() != 401).as(operation.toString()).isEqualTo(operation.isOpen());
                var scope = operation.node().path("x-scope").asText();
                if (!scope.isEmpty()) {
                    var lacking = ask(new Client(closed.url(), without.get(scope)), operation);
                    assertThat(lacking.status()).as(operation.toString()).isEqualTo(403);
                    assertThat(lacking.slug()).isEqualTo("caller-scope-missing");
                    var having = ask(new Client(closed.url(), only.get(scope)), operation);
                    assertThat(having.status()).as(operation.toString()).isNotIn(401, 403);
                }
                assertThat(scope.isEmpty())
                        .isEqualTo(operation.isOpen() || operation.path().equals("/v1/ws"));
            }
        }
    }

    private static String entry(String id, ApiKeys.Made key, List<String> scopes) {
        return "- {id: %s, prefix: %s, hash: %s, scopes: [%s], roles: []}\n"
                .formatted(id, key.prefix(), key.hash(), String.join(", ", scopes));
    }

    private static Answer ask(Client client, Operation operation) throws Exception {
        var path = operation.path().replaceAll("\\{[a-z]+}", "none");
        return operation.method().equals("POST") ? client.post(path, "") : client.get(path);
    }

    /** Ends badly and says why, or waits for a person, as the input asks. */
    private static List<RunEvent> script(RunRequest request) {
        return switch (request.input()) {
            case "fail" -> List.of(new RunEvent.Started(), Scripts.failed("policy-unavailable"));
            case "ask" -> Scripts.toAnApproval(request);
            default -> Scripts.toTheEnd(request);
        };
    }

    @Test
    void runsAndTheirEventsAreAsDescribed() throws Exception {
        server.runs.script = OpenApiTest::script;
        var wait = new String[] {"Prefer", "wait=9"};

        check("submitRun", 200, submit("go", wait));
        var run = check("submitRun", 202, submit("ask", "Idempotency-Key", "k1"));
        check("submitRun", 202, submit("ask", "Idempotency-Key", "k1"));
        check("submitRun", 422, submit("go", "Idempotency-Key", "k1"));
        check("submitRun", 503, submit("fail", wait));
        check("submitRun", 400, client.post("/v1/runs", "{\"input\": 1, \"other\": 2}"));
        check("submitRun", 400, client.post("/v1/runs", "{"));
        check("submitRun", 406, submit("go", "Accept", "image/png"));
        check("submitRun", 200, submit("go", "Accept", "text/event-stream"));

        var path = "/v1/runs/" + run.path("id").asText();
        check("getRun", 200, client.get(path));
        check("getRun", 404, client.get("/v1/runs/run_" + MemoryRuns.unknown()));
        check("listRuns", 200, client.get("/v1/runs?limit=2"));
        check("listRuns", 400, client.get("/v1/runs?status=odd"));
        check("getRunEvents", 200, client.get(path + "/events?limit=2"));
        check("getRunEvents", 200, client.get(path + "/events"));
        check("getRunTrace", 200, client.get(path + "/trace"));
        var last = check("cancelRun", 202, client.post(path + "/cancel", ""))
                .path("last_seq")
                .asLong();
        check("getRunEvents", 204, client.get(path + "/events?after=" + last, "Accept", "text/event-stream"));
        check("giveFeedback", 204, client.post(path + "/feedback", "{\"correct\": true}"));
        check("openSocket", 400, client.get("/v1/ws"));
    }

    private Answer submit(String input, String... headers) throws Exception {
        return client.post("/v1/runs", "{\"input\": \"" + input + "\"}", headers);
    }

    @Test
    void approvalsTasksAndDecisionsAreAsDescribed() throws Exception {
        server.runs.script = OpenApiTest::script;
        var run = client.submit("ask");
        var path = "/v1/approvals/apr_" + Scripts.approval(UUID.fromString(run.substring("run_".length())));

        check("listApprovals", 200, client.get("/v1/approvals?run_id=" + run));
        check("getApproval", 200, client.get(path));
        check("answerApproval", 400, client.post(path + "/answer", "{\"answer\": \"retry\"}"));
        check("answerApproval", 200, client.post(path + "/answer", "{\"answer\": \"approve\"}"));
        check("getApproval", 200, client.get(path));
        check("reject", 409, client.post(path + "/reject", "{\"reason\": \"no\"}"));
        check("listTasks", 200, client.get("/v1/tasks"));
        check("getTask", 200, client.get("/v1/tasks/task_" + MemoryRuns.TASK));
        check("listDecisions", 200, client.get("/v1/decisions"));
        check("listDecisions", 200, client.get("/v1/decisions", "Accept", "text/csv"));
        check("listDecisions", 200, client.get("/v1/decisions", "Accept", "application/x-ndjson"));
        check("verifyDecisions", 200, client.get("/v1/decisions/verify"));
        check("verifyDecisions", 200, client.get("/v1/decisions/verify", "Accept", "application/x-ndjson"));
        check("evaluatePolicy", 200, client.post("/v1/policy/evaluate", "{\"input\": {}}"));
    }

    @Test
    void theExampleOfAPolicyQuestionIsTaken() throws Exception {
        var question = JsonNodeFactory.instance.objectNode();
        question.set("input", schema("PolicyInput").get("example"));
        var said = operation("evaluatePolicy").node().at("/responses/200/content/application~1json");

        check("evaluatePolicy", 200, client.post("/v1/policy/evaluate", question.toString()));
        assertThat(mistakes(schema("PolicyQuestion"), question)).isEmpty();
        assertThat(mistakes(said.get("schema"), said.get("example"))).isEmpty();
    }

    @Test
    void reportsPagesAndHealthAreAsDescribed() throws Exception {
        server.health.up("postgres", "embedded");
        server.health.setting("postgres", "synchronous_standby_names", "ANY 1 (b, c)");

        check("getCostReport", 200, client.get("/v1/cost-report"));
        check("getCostReport", 200, client.get("/v1/cost-report", "Accept", "text/csv"));
        check("getCostReport", 200, client.get("/v1/cost-report", "Accept", "text/plain"));
        check("getGoldenSignals", 200, client.get("/v1/golden-signals"));
        check("getIndex", 200, client.get("/"));
        check("getOpenApi", 200, client.get("/openapi.yaml"));
        check("getAsyncApi", 200, client.get("/asyncapi.yaml"));
        check("getProblemType", 200, client.get("/problems/caller-invalid"));
        check("getProblemType", 404, client.get("/problems/none"));
        check("getHealth", 200, client.get("/health"));
        check("getHealth", 200, new Client(server.managementUrl()).get("/health"));
        check("getLiveness", 200, client.get("/health/live"));
        check("getReadiness", 200, client.get("/health/ready"));
        check("getStart", 200, client.get("/health/started"));
        check("getMetrics", 200, client.get("/metrics"));
        server.health.down("postgres", "connection refused");
        check("getHealth", 503, client.get("/health"));
    }

    @Test
    void aMemberThatIsNotDescribedIsNoticed() throws Exception {
        var index = (ObjectNode) client.get("/").json();
        var schema = schema("Index");

        assertThat(mistakes(schema, index)).isEmpty();
        assertThat(mistakes(schema, index.deepCopy().put("other", 1))).isNotEmpty();
        assertThat(mistakes(schema, index.deepCopy().without("version"))).isNotEmpty();
    }

    /** The status, the type, the headers that must be there, and every member of the body. */
    private static JsonNode check(String operationId, int status, Answer answer) throws IOException {
        var responses = operation(operationId).node().get("responses");
        assertThat(answer.status()).as(answer.body()).isEqualTo(status);
        assertThat(responses.has(String.valueOf(status)))
                .as(operationId + " " + status)
                .isTrue();
        var response = resolved(responses.get(String.valueOf(status)));
        response.path("headers").properties().forEach(header -> {
            if (resolved(header.getValue()).path("required").asBoolean()) {
                assertThat(answer.header(header.getKey())).as(header.getKey()).isNotEmpty();
            }
        });
        var type = answer.header("content-type").replaceAll(";.*", "");
        assertThat(response.path("content").has(type))
                .as(operationId + " " + type)
                .isEqualTo(!type.isEmpty());
        if (!type.endsWith("json") || type.endsWith("x-ndjson")) {
            return API;
        }
        var body = answer.json();
        assertThat(mistakes(response.at("/content/" + type.replace("/", "~1") + "/schema"), body))
                .as(operationId + " " + body)
                .isEmpty();
        return body;
    }

    private static JsonNode resolved(JsonNode node) {
        return node.has("$ref") ? API.at(node.get("$ref").asText().substring(1)) : node;
    }

    private static JsonNode schema(String name) {
        return API.at("/components/schemas/" + name);
    }

    private static List<String> mistakes(JsonNode schema, JsonNode value) {
        var whole = ((ObjectNode) schema).deepCopy();
        whole.set("$defs", API.at("/components/schemas"));
        var text = whole.toString().replace("#/components/schemas/", "#/$defs/");
        var options = new JsonSchemaOptions()
                .setBaseUri("https://taskpilot.test/")
                .setDraft(Draft.DRAFT202012)
                .setOutputFormat(OutputFormat.Basic);
        var result = Validator.create(JsonSchema.of(new JsonObject(text)), options)
                .validate(new JsonObject(value.toString()));
        return Boolean.TRUE.equals(result.getValid())
                ? List.of()
                : result.getErrors().stream()
                        .map(error -> error.getInstanceLocation() + " " + error.getError())
                        .toList();
    }
}
