package io.taskpilot.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import io.taskpilot.engine.AgentDelta;
import io.taskpilot.run.Agent;
import io.taskpilot.run.AgentAnswer;
import io.taskpilot.run.ApprovalAnswer;
import io.taskpilot.run.ApprovalKind;
import io.taskpilot.run.Attempt;
import io.taskpilot.run.DecisionResult;
import io.taskpilot.run.EventCodec;
import io.taskpilot.run.PolicyVerdict;
import io.taskpilot.run.Problem;
import io.taskpilot.run.RailPhase;
import io.taskpilot.run.ReviewVerdict;
import io.taskpilot.run.RunEvent;
import io.taskpilot.run.RunOutput;
import io.taskpilot.run.RunRequest;
import io.taskpilot.run.RunStatus;
import io.taskpilot.run.TaskChange;
import io.taskpilot.run.TaskProposal;
import io.taskpilot.run.Usage;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.WebSocketFrame;
import io.vertx.core.json.Json;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import io.vertx.json.schema.Draft;
import io.vertx.json.schema.JsonSchema;
import io.vertx.json.schema.JsonSchemaOptions;
import io.vertx.json.schema.OutputFormat;
import io.vertx.json.schema.Validator;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpClient.Version;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The description of events and frames says what the server does, no more and no less. */
final class AsyncApiTest {
    private static final String TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    private static final String SCHEMAS = "#/components/schemas/";
    private static final UUID ID = UUID.fromString("01900000-0000-7000-8000-000000000001");
    private static final List<Attempt> ATTEMPTS = Stream.concat(
                    Stream.of(new Attempt(Instant.EPOCH, 3, 2, 200, null)),
                    Arrays.stream(Attempt.Lack.values()).map(lack -> new Attempt(Instant.EPOCH, 3, 0, null, lack)))
            .toList();
    private static final TaskProposal TASK = new TaskProposal("Prepare the deck", "high", "");

    private final JsonObject file = parse();
    private final Map<String, Validator> refToValidator = new HashMap<>();

    private static JsonObject parse() {
        var yaml = JsonMapper.builder(new YAMLFactory())
                .enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION)
                .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
                .build();
        try {
            return new JsonObject(yaml.readTree(new Documents().asyncApi()).toString());
        } catch (com.fasterxml.jackson.core.JsonProcessingException e) {
            throw new IllegalStateException("not YAML", e);
        }
    }

    private JsonObject at(String ref) {
        Object found = file;
        for (var segment : ref.substring("#/".length()).split("/", -1)) {
            found = found instanceof JsonObject object ? object.getValue(segment) : null;
        }
        if (found instanceof JsonObject object) {
            return object;
        }
        throw new AssertionError("leads nowhere: " + ref);
    }

    private JsonObject resolved(JsonObject node) {
        var target = node;
        while (target.containsKey("$ref")) {
            target = at(target.getString("$ref"));
        }
        return target;
    }

    private String payload(String channel, String message) {
        var found = resolved(at("#/channels/" + channel + "/messages/" + message));
        return found.getJsonObject("payload").getString("$ref");
    }

    /** Names of the events and the schemas of what is streamed for each. */
    private Map<String, String> events() {
        var typeToPayload = new LinkedHashMap<String, String>();
        for (var message : at("#/channels/runEvents/messages").fieldNames()) {
            var name = resolved(at("#/channels/runEvents/messages/" + message)).getString("name");
            assertThat(typeToPayload.put(name, payload("runEvents", message)))
                    .as(name)
                    .isNull();
        }
        return typeToPayload;
    }

    private String event(String type) {
        return Objects.requireNonNull(events().get(type), type);
    }

    /** The schema of an event's data, out of that of the event. */
    private String data(String payload) {
        return at(payload)
                .getJsonArray("allOf")
                .getJsonObject(1)
                .getJsonObject("properties")
                .getJsonObject("data")
                .getString("$ref");
    }

    private List<String> mistakes(String ref, Object value) {
        var validator = refToValidator.computeIfAbsent(ref, this::validator);
        var result = validator.validate(Json.decodeValue(Json.encode(value)));
        return result.getValid()
                ? List.of()
                : result.getErrors().stream()
                        .map(error -> error.getInstanceLocation() + ": " + error.getError())
                        .toList();
    }

    private Validator validator(String ref) {
        var components = new JsonObject().put("schemas", at("#/components/schemas"));
        var schema = new JsonObject().put("$ref", ref).put("components", components);
        var options = new JsonSchemaOptions()
                .setBaseUri("app://taskpilot")
                .setDraft(Draft.DRAFT202012)
                .setOutputFormat(OutputFormat.Basic);
        return Validator.create(JsonSchema.of(schema.copy()), options);
    }

    private static void visit(Object node, List<JsonObject> objects) {
        if (node instanceof JsonObject object) {
            objects.add(object);
            object.fieldNames().forEach(name -> visit(object.getValue(name), objects));
        } else if (node instanceof JsonArray array) {
            for (var i = 0; i < array.size(); i++) {
                visit(array.getValue(i), objects);
            }
        }
    }

    private static List<JsonObject> objects(Object node) {
        var objects = new ArrayList<JsonObject>();
        visit(node, objects);
        return objects;
    }

    // ---- the file itself

    @Test
    void theGreatestAfterIsTheOneOfTheServer() {
        assertThat(at(SCHEMAS + "SubscribeFrame/properties/after").getLong("maximum"))
                .isEqualTo(EventResource.LAST_SEQ);
    }

    @Test
    void everyReferenceLeadsSomewhereAndEverySchemaIsReferred() {
        var refs = new TreeSet<String>();
        for (var node : objects(file)) {
            if (node.getValue("$ref") instanceof String ref) {
                refs.add(ref);
                assertThat(at(ref)).as(ref).isNotNull();
                assertThat(node.fieldNames()).as("beside " + ref).containsExactly("$ref");
            }
        }
        assertThat(at("#/components/schemas").fieldNames())
                .allMatch(name -> refs.contains(SCHEMAS + name), "is referred to");
        assertThat(at("#/components/messages").fieldNames())
                .allMatch(name -> refs.contains("#/components/messages/" + name), "is referred to");
    }

    @Test
    void everyExampleFitsItsSchema() {
        for (var name : at("#/components/messages").fieldNames()) {
            var message = at("#/components/messages/" + name);
            for (var example : objects(message.getJsonArray("examples", new JsonArray()))) {
                if (example.containsKey("payload")) {
                    var ref = message.getJsonObject("payload").getString("$ref");
                    assertThat(mistakes(ref, example.getJsonObject("payload")))
                            .as(name)
                            .isEmpty();
                }
            }
        }
    }

    @Test
    void wordsAreThoseOfTheCode() {
        assertThat(words("Agent"))
                .containsExactlyElementsOf(
                        Stream.of(Agent.values()).map(Agent::title).toList());
        assertThat(words("RunStatus")).containsExactlyElementsOf(lower(RunStatus.values()));
        assertThat(words("ReviewVerdict"))
                .containsExactlyElementsOf(
                        Stream.of(ReviewVerdict.values()).map(Enum::name).toList());
        assertThat(words("TaskChange/properties/kind"))
                .containsExactlyElementsOf(
                        Stream.of(TaskChange.Kind.values()).map(Enum::name).toList());
        assertThat(words("ApprovalDecided/properties/answer"))
                .containsExactlyElementsOf(lower(ApprovalAnswer.values()));
        assertThat(words("ApprovalRequested/properties/kind")).containsExactlyElementsOf(lower(ApprovalKind.values()));
        assertThat(words("GuardrailChecked/properties/phase")).containsExactlyElementsOf(lower(RailPhase.values()));
    }

    private List<String> words(String schema) {
        return at(SCHEMAS + schema).getJsonArray("enum").stream()
                .map(String::valueOf)
                .toList();
    }

    private static List<String> lower(Enum<?>... values) {
        return Stream.of(values)
                .map(value -> value.name().toLowerCase(Locale.ROOT))
                .toList();
    }

    // ---- events

    /** Of every event one with all its fields, and one without those that may be missing. */
    private static List<RunEvent> samples() {
        var call = Scripts.call();
        var request = new RunRequest(
                ID,
                "default",
                "local",
                List.of("approver"),
                "r",
                "go",
                Map.of("a", "b"),
                Duration.ofMinutes(5),
                true,
                TRACEPARENT);
        var untraced =
                new RunRequest(ID, "default", "local", List.of(), "r", "go", Map.of(), Duration.ofMinutes(5), true);
        var verdict = new PolicyVerdict(
                DecisionResult.REQUIRE_APPROVAL,
                "rule",
                List.of("why"),
                "r1",
                List.of("approver"),
                Duration.ofHours(1),
                "4ca636c1",
                new PolicyVerdict.Candidate(DecisionResult.DENY, "rule", "r2"));
        var samples = new ArrayList<RunEvent>(List.of(
                new RunEvent.Accepted(request),
                new RunEvent.Accepted(untraced),
                new RunEvent.Started(),
                new RunEvent.Resumed("node_dead"),
                new RunEvent.Resumed("released"),
                new RunEvent.Resumed("answered"),
                Scripts.checked("fine"),
                new RunEvent.GuardrailChecked(
                        RailPhase.TOOL_RESULT,
                        DecisionResult.ERROR,
                        "rail",
                        "away",
                        Agent.EXECUTOR,
                        "call_1",
                        "text",
                        true,
                        "00",
                        0.25),
                new RunEvent.AgentStarted(Agent.PLANNER, 1),
                new RunEvent.TaskProposed(ID, TASK),
                new RunEvent.PolicyDecided(call, verdict, Map.of("tool_name", "create_task"), "00", 1.5),
                new RunEvent.PolicyDecided(call, PolicyVerdict.error("policy-unavailable", "x"), Map.of(), "00", 0),
                new RunEvent.ApprovalDecided(ID, ApprovalAnswer.EXPIRED, "keeper", List.of(), "expired", null),
                new RunEvent.ApprovalDecided(
                        ID, ApprovalAnswer.MARK_DONE, "k", List.of("approver"), "", Map.of("a", 1)),
                new RunEvent.ApprovalDecided(
                        ID,
                        ApprovalAnswer.EDIT,
                        "k",
                        List.of("approver"),
                        "",
                        null,
                        Map.of("title", "Deck"),
                        TRACEPARENT),
                new RunEvent.ToolStarted("call_1", "create_task", "run:call_1", Instant.EPOCH, false, true),
                new RunEvent.ToolCompleted("call_1", "create_task", false, null, List.of()),
                new RunEvent.ToolCompleted(
                        "call_1",
                        "create_task",
                        true,
                        "refused",
                        List.of(
                                new TaskChange(TaskChange.Kind.CREATE, ID, 0, TASK),
                                new TaskChange(TaskChange.Kind.DELETE, ID, 3, null))),
                new RunEvent.ToolCompleted("call_1", "webhook", false, Map.of("status", 200), List.of(), ATTEMPTS),
                new RunEvent.ToolOutcomeUnknown("call_1", "webhook", "its node stopped"),
                new RunEvent.ToolOutcomeUnknown("call_1", "webhook", "no complete answer", ATTEMPTS)));
        answers()
                .forEach(answer -> samples.add(
                        new RunEvent.AgentCompleted(Agent.EXECUTOR, 2, answer, new Usage(10, 5, 0.001), "p", "m")));
        for (var word : ReviewVerdict.values()) {
            samples.add(new RunEvent.ReviewCompleted(word));
        }
        for (var kind : ApprovalKind.values()) {
            samples.add(new RunEvent.ApprovalRequested(
                    ID, kind, call, "00", "rule", "reason", "r1", List.of("approver"), Instant.EPOCH));
        }
        var output = new RunOutput("done", List.of(ID), List.of("delete_task"));
        for (var status : RunStatus.values()) {
            if (status.isTerminal()) {
                var succeeded = status == RunStatus.SUCCEEDED;
                var problem = new Problem("policy-denied", "no");
                for (var unsettled : List.of(List.<String>of(), List.of("call_1"))) {
                    samples.add(new RunEvent.Ended(
                            status, succeeded ? output : null, succeeded ? null : problem, unsettled));
                }
            }
        }
        return samples;
    }

    private static List<AgentAnswer> answers() {
        return List.of(
                new AgentAnswer.Proposal(TASK),
                new AgentAnswer.Review(ReviewVerdict.APPROVE, "APPROVE"),
                new AgentAnswer.Calls("", List.of(Scripts.call())),
                new AgentAnswer.Text("done"),
                new AgentAnswer.Invalid("{", List.of("not JSON")),
                new AgentAnswer.Withheld("00"));
    }

    @Test
    void samplesLeaveNoEventOfTheCodeOut() {
        assertThat(samples().stream().map(Object::getClass).distinct())
                .containsExactlyInAnyOrder(RunEvent.class.getPermittedSubclasses());
        assertThat(answers().stream().map(Object::getClass))
                .containsExactlyInAnyOrder(AgentAnswer.class.getPermittedSubclasses());
    }

    @Test
    void eventTypesAreThoseOfTheCode() {
        var types = new TreeSet<>(events().keySet());
        types.remove("reconnect"); // about the stream, not about the run
        var journaled = new TreeSet<>(types);
        journaled.remove(RunJson.DELTA);
        var inFrames = at(SCHEMAS + "AnyEvent").getJsonArray("oneOf").stream()
                .map(branch -> ((JsonObject) branch).getString("$ref"))
                .toList();

        assertThat(journaled)
                .isEqualTo(
                        new TreeSet<>(samples().stream().map(EventCodec::type).toList()));
        assertThat(inFrames)
                .containsExactlyElementsOf(
                        types.isEmpty()
                                ? List.of()
                                : events().entrySet().stream()
                                        .filter(entry -> types.contains(entry.getKey()))
                                        .map(Map.Entry::getValue)
                                        .toList());
        events().forEach((type, payload) -> {
            if (types.contains(type)) {
                var narrowed =
                        at(payload).getJsonArray("allOf").getJsonObject(1).getJsonObject("properties");
                assertThat(narrowed.getJsonObject("type").getString("const")).isEqualTo(type);
            }
        });
    }

    @Test
    void liveTextIsAsDescribed() {
        var delta = RunJson.delta(new AgentDelta(ID, 5, Agent.EXECUTOR, 0, "x".repeat(AgentDelta.MOST_CHARS)), 1);
        assertThat(mistakes(event(RunJson.DELTA), delta)).isEmpty();
        assertThat(mistakes(SCHEMAS + "AnyEvent", delta)).isEmpty();

        var data = new LinkedHashMap<>((Map<?, ?>) Objects.requireNonNull(delta.get("data")));
        assertThat(at(data(event(RunJson.DELTA))).getJsonObject("properties").fieldNames())
                .containsExactlyElementsOf(
                        data.keySet().stream().map(String::valueOf).toList());
    }

    @Test
    void theDataOfEachEventFitsItsSchemaAndNothingElseDoes() {
        for (var sample : samples()) {
            var type = EventCodec.type(sample);
            var schema = data(event(type));
            var data = EventCodec.data(sample);

            assertThat(mistakes(schema, data)).as(type).isEmpty();

            var more = new LinkedHashMap<>(data);
            more.put("undocumented", 1);
            assertThat(mistakes(schema, more)).as(type).isNotEmpty();
        }
    }

    /** Documented fields are those that are written; required ones those that always are, in nested objects too. */
    @Test
    void fieldsOfEventsAreThoseThatAreWritten() {
        var schemaToFields = new LinkedHashMap<String, List<Set<String>>>();
        var reached = new HashSet<String>();
        for (var sample : samples()) {
            var schema = data(event(EventCodec.type(sample)));
            reach(schema, reached);
            gather(new JsonObject().put("$ref", schema), wire(EventCodec.data(sample)), "", schemaToFields);
        }

        assertThat(schemaToFields.keySet()).isEqualTo(reached);
        schemaToFields.forEach((name, instances) -> {
            var all = new TreeSet<String>();
            instances.forEach(all::addAll);
            var always = new TreeSet<>(all);
            instances.forEach(always::retainAll);
            var schema = at(name);
            assertThat(schema.getJsonObject("properties", new JsonObject()).fieldNames())
                    .as(name)
                    .containsExactlyInAnyOrderElementsOf(all);
            assertThat(schema.getJsonArray("required", new JsonArray()).stream().map(String::valueOf))
                    .as(name + " required")
                    .containsExactlyInAnyOrderElementsOf(always);
            assertThat(schema.getBoolean("additionalProperties")).as(name).isFalse();
        });
    }

    private static Object wire(Object value) {
        return Json.decodeValue(Json.encode(value));
    }

    /** The closed objects that a schema is made of. */
    private void reach(String ref, Set<String> reached) {
        var schema = at(ref);
        var closed = "object".equals(schema.getString("type"));
        if (closed && !reached.add(ref)) {
            return;
        }
        for (var node : objects(schema)) {
            if (node.getValue("$ref") instanceof String next) {
                reach(next, reached);
            }
        }
    }

    private void gather(JsonObject schema, Object value, String name, Map<String, List<Set<String>>> found) {
        if (schema.getValue("$ref") instanceof String ref) {
            gather(at(ref), value, ref, found);
        } else if (schema.containsKey("oneOf")) {
            for (var branch : schema.getJsonArray("oneOf")) {
                if (mistakes(((JsonObject) branch).getString("$ref"), value).isEmpty()) {
                    gather((JsonObject) branch, value, "", found);
                }
            }
        } else if (value instanceof JsonArray array && schema.containsKey("items")) {
            array.forEach(item -> gather(schema.getJsonObject("items"), item, "", found));
        } else if (value instanceof JsonObject object && !name.isEmpty()) {
            found.computeIfAbsent(name, unused -> new ArrayList<>()).add(new LinkedHashSet<>(object.fieldNames()));
            var properties = schema.getJsonObject("properties", new JsonObject());
            for (var field : object.fieldNames()) {
                gather(properties.getJsonObject(field, new JsonObject()), object.getValue(field), "", found);
            }
        }
    }

    @Test
    void aStreamSendsWhatIsDescribed() throws Exception {
        try (var server = TestGateway.open()) {
            server.runs.script = Scripts::toAnApproval;
            var run = new Client(server.url()).submit("go");
            var request = HttpRequest.newBuilder(URI.create(server.url() + "/v1/runs/" + run + "/events"))
                    .header("Accept", "text/event-stream")
                    .build();
            // of HTTP/1.1: the end of a server that does not wait for anybody may come in the middle of an upgrade
            var client = HttpClient.newBuilder().version(Version.HTTP_1_1).build();
            var stream = client.sendAsync(request, BodyHandlers.ofString());
            server.await("a stream", () -> server.gateway.streams().size() == 1);
            server.gateway.drain(Duration.ZERO).await();

            var names = new ArrayList<String>();
            for (var block : stream.get(30, TimeUnit.SECONDS).body().split("\n\n", -1)) {
                var name = field(block, "event: ");
                if (!name.isEmpty()) {
                    names.add(name);
                    assertThat(events()).containsKey(name);
                    assertThat(mistakes(event(name), Json.decodeValue(field(block, "data: "))))
                            .as(block)
                            .isEmpty();
                }
            }
            assertThat(names).contains("reconnect");
        }
    }

    private static String field(String block, String name) {
        return block.lines()
                .filter(line -> line.startsWith(name))
                .map(line -> line.substring(name.length()))
                .findFirst()
                .orElse("");
    }

    // ---- frames

    /** The ops of the frames that an operation of the file has: {@code receive} for the client's. */
    private Set<String> ops(String action) {
        var ops = new TreeSet<String>();
        for (var name : at("#/operations").fieldNames()) {
            var operation = at("#/operations/" + name);
            if (operation.getJsonObject("channel").getString("$ref").equals("#/channels/socket")) {
                var receives = operation.getString("action").equals("receive");
                var from = action.equals("receive") || !receives ? operation : operation.getJsonObject("reply");
                if (receives || action.equals("send")) {
                    from.getJsonArray("messages").forEach(message -> ops.add(op((JsonObject) message)));
                }
            }
        }
        return ops;
    }

    private String op(JsonObject message) {
        var frame = resolved(resolved(message).getJsonObject("payload"));
        return frame.getJsonObject("properties").getJsonObject("op").getString("const");
    }

    private JsonObject example(String op) {
        return resolved(at("#/channels/socket/messages/" + op))
                .getJsonArray("examples")
                .getJsonObject(0)
                .getJsonObject("payload")
                .copy();
    }

    private void assertDescribed(JsonNode frame, JsonArray messages) {
        var fitting = messages.stream()
                .map(message -> resolved(resolved((JsonObject) message)).getJsonObject("payload"))
                .filter(payload -> mistakes(payload.getString("$ref"), new JsonObject(frame.toString()))
                        .isEmpty())
                .toList();
        assertThat(fitting).as(frame.toString()).hasSize(1);
    }

    private static JsonArray messages(String... names) {
        return new JsonArray(Arrays.stream(names)
                .map(name -> new JsonObject().put("$ref", "#/channels/socket/messages/" + name))
                .toList());
    }

    /** Sends a frame and checks all that comes, up to its answer. */
    private JsonNode answered(Socket socket, JsonObject frame, Set<String> seen) throws Exception {
        var replies = at("#/operations/" + frame.getString("op"))
                .getJsonObject("reply")
                .getJsonArray("messages");
        socket.send(frame.encode());
        while (true) {
            var came = socket.next();
            seen.add(came.path("op").asText());
            if (!came.path("op").asText().equals("event")) {
                assertDescribed(came, replies);
                assertThat(came.path("id").asText()).isEqualTo(frame.getString("id"));
                return came;
            }
            assertDescribed(came, messages("event"));
        }
    }

    @Test
    void theFileNamesTheOperationsOfTheCode() {
        assertThat(ops("receive")).containsExactlyInAnyOrderElementsOf(SocketOperations.OPS);
    }

    @Test
    void everyFrameIsUnderstoodAndAnsweredAsDescribed() throws Exception {
        try (var server = TestGateway.open();
                var socket = new Socket(server.vertx, server.url(), null)) {
            server.runs.script = Scripts::toAnApproval;
            var run = new Client(server.url()).submit("go");
            var approval = "apr_" + Scripts.approval(UUID.fromString(run.substring("run_".length())));
            var seen = new TreeSet<String>();
            var sent = new TreeSet<String>();
            for (var op : List.of("ping", "submit", "subscribe", "unsubscribe", "answer", "cancel")) {
                var frame = example(op);
                frame.fieldNames().stream().filter("run_id"::equals).findFirst().ifPresent(f -> frame.put(f, run));
                frame.fieldNames().stream()
                        .filter("approval_id"::equals)
                        .findFirst()
                        .ifPresent(f -> frame.put(f, approval));
                assertThat(answered(socket, frame, seen).path("op").asText())
                        .as(op)
                        .isEqualTo(op.equals("ping") ? "pong" : "ack");
                sent.add(op);
                // the second time most are refused, and that is described too
                answered(socket, frame, seen);
            }
            for (var op : List.of("drop", "pong", "ack", "event", "error", "reconnect", "SUBMIT", "")) {
                socket.send(new JsonObject().put("op", op).put("id", "x").encode());
                var error = refused(socket, seen);
                assertThat(error.path("problem").path("errors").findValuesAsText("pointer"))
                        .as(op)
                        .containsExactly("/op");
            }
            socket.send("nonsense");
            assertThat(refused(socket, seen).path("id").isNull()).isTrue();
            server.gateway.drain(Duration.ZERO).await();
            for (var last = ""; !last.equals("reconnect"); ) {
                var came = socket.next();
                last = came.path("op").asText();
                seen.add(last);
                assertDescribed(came, messages(last));
            }

            assertThat(sent).isEqualTo(ops("receive"));
            assertThat(seen).isEqualTo(ops("send"));
            assertClose(socket, 1012);
        }
    }

    private JsonNode refused(Socket socket, Set<String> seen) throws Exception {
        var came = socket.next();
        while (came.path("op").asText().equals("event")) {
            assertDescribed(came, messages("event"));
            came = socket.next();
        }
        seen.add(came.path("op").asText());
        assertDescribed(came, messages("error"));
        return came;
    }

    @Test
    void socketsAreClosedWithTheCodesOfTheFile() throws Exception {
        var frames = Map.of(
                1003, WebSocketFrame.binaryFrame(Buffer.buffer("{}"), true),
                1009, WebSocketFrame.textFrame("x".repeat(300_000), true));
        try (var server = TestGateway.open()) {
            for (var frame : frames.entrySet()) {
                try (var socket = new Socket(server.vertx, server.url(), null)) {
                    socket.send(frame.getValue());
                    assertClose(socket, frame.getKey());
                }
            }
        }
    }

    private void assertClose(Socket socket, int code) throws Exception {
        assertThat(socket.closeCode()).isEqualTo(code);
        var channel = at("#/channels/socket");
        assertThat(channel.getJsonArray("x-close-codes").contains(code)).isTrue();
        channel.getJsonArray("x-close-codes")
                .forEach(each -> assertThat(channel.getString("description")).contains("- " + each + ": "));
    }
}
