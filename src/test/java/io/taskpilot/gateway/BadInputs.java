package io.taskpilot.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.run.Ids;
import java.net.http.HttpRequest.BodyPublishers;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.function.Executable;

/**
 * What callers get wrong over HTTP, and how they are told. Needs nothing but a server's address, and a server without
 * authentication; it submits two runs.
 */
public final class BadInputs {
    /** Of this moment: an old one would be one that has expired. */
    private static final UUID UNKNOWN = Ids.at(System.currentTimeMillis(), new Random());

    private static final String RUN = "/v1/runs";

    private final Client client;
    private final List<DynamicTest> tests = new ArrayList<>();
    private final String live;

    private BadInputs(String url) throws Exception {
        client = new Client(url);
        var held = client.post(RUN, "{\"input\": \"Create a low priority task\", \"require_approval\": true}");
        assertThat(held.status()).isEqualTo(202);
        live = held.json().path("id").asText();
        var first = client.post(RUN, "{\"input\": \"Create a low priority task\"}", "Idempotency-Key", "bad-inputs");
        assertThat(first.status()).isIn(202, 422); // 422 when this server was asked before
    }

    /** A test for each case, against the server at {@code url}. */
    public static Stream<DynamicTest> of(String url) throws Exception {
        var inputs = new BadInputs(url);
        inputs.bodies();
        inputs.fields();
        inputs.headers();
        inputs.parameters();
        inputs.paths();
        return inputs.tests.stream();
    }

    private void bodies() {
        post("an empty body", "", 400, "caller-bad-json", null);
        post("a blank body", "  \n ", 400, "caller-bad-json", null);
        post("not JSON", "{input: go}", 400, "caller-bad-json", null);
        post("JSON that was cut", "{\"input\": \"go", 400, "caller-bad-json", null);
        post("two values", "{\"input\": \"go\"} {}", 400, "caller-bad-json", null);
        post("a key twice", "{\"input\": \"go\", \"input\": \"stop\"}", 400, "caller-bad-json", null);
        post("deep JSON", "{\"input\": " + "[".repeat(40) + "]".repeat(40) + "}", 400, "caller-invalid", "");
        post("very deep JSON", "[".repeat(400_000), 400, "caller-invalid", "");
        post("a number without end", "{\"timeout_s\": " + "1".repeat(5_000) + "}", 400, "caller-invalid", "");
        post("a number out of range", "{\"input\": \"go\", \"timeout_s\": 1e999}", 400, "caller-invalid", "/timeout_s");
        post("NaN", "{\"input\": \"go\", \"timeout_s\": NaN}", 400, "caller-bad-json", null);
        post("an array", "[]", 400, "caller-invalid", "");
        post("a text", "\"go\"", 400, "caller-invalid", "");
        post("null", "null", 400, "caller-invalid", "");
        post("a huge body", "{\"input\": \"" + "x".repeat(1 << 20) + "\"}", 413, "caller-too-large", null);
        bytes("bad UTF-8", new byte[] {'{', '"', 'i', '"', ':', '"', (byte) 0xC3, '(', '"', '}'});
        bytes("an overlong encoding", new byte[] {'{', '"', 'i', '"', ':', '"', (byte) 0xC0, (byte) 0x80, '"', '}'});
        bytes("UTF-16", "{\"input\": \"go\"}".getBytes(StandardCharsets.UTF_16LE));
    }

    private void fields() {
        invalid("no input", "{}", "/input");
        invalid("an empty input", "{\"input\": \"\"}", "/input");
        invalid("a blank input", "{\"input\": \" \\t\\n\"}", "/input");
        invalid("an input that is a number", "{\"input\": 7}", "/input");
        invalid("an input that is null", "{\"input\": null}", "/input");
        invalid("an input over 32,000 characters", "{\"input\": \"" + "x".repeat(32_001) + "\"}", "/input");
        invalid("an unknown field", "{\"input\": \"go\", \"prompt\": \"x\"}", "/prompt");
        invalid("a field whose name needs escaping", "{\"input\": \"go\", \"a/b~c\": 1}", "/a~1b~0c");
        invalid("a time-out of nothing", "{\"input\": \"go\", \"timeout_s\": 0}", "/timeout_s");
        invalid("a time-out over a day", "{\"input\": \"go\", \"timeout_s\": 86401}", "/timeout_s");
        invalid("half a second", "{\"input\": \"go\", \"timeout_s\": 0.5}", "/timeout_s");
        invalid("a time-out that is a text", "{\"input\": \"go\", \"timeout_s\": \"60\"}", "/timeout_s");
        invalid("a flag that is a text", "{\"input\": \"go\", \"require_approval\": \"yes\"}", "/require_approval");
        invalid("metadata that is a list", "{\"input\": \"go\", \"metadata\": []}", "/metadata");
        invalid("metadata that is nested", "{\"input\": \"go\", \"metadata\": {\"a\": {}}}", "/metadata/a");
        invalid("metadata without a key", "{\"input\": \"go\", \"metadata\": {\"\": \"x\"}}", "/metadata/");
        invalid("too much metadata", "{\"input\": \"go\", \"metadata\": " + pairs(17) + "}", "/metadata");
        add("all mistakes at once", () -> {
            var answer = client.post(RUN, "{\"input\": 1, \"timeout_s\": 0, \"x\": 1}");
            check(answer, 400, "caller-invalid", "/input");
            assertThat(answer.json().path("errors")).hasSize(3);
        });
        var answer = "/v1/approvals/apr_" + UNKNOWN + "/answer";
        post("an answer of nobody's", answer, "{\"answer\": \"maybe\"}", 400, "caller-invalid", "/answer");
        post("an edit without arguments", answer, "{\"answer\": \"edit\"}", 400, "caller-invalid", "/arguments");
        post(
                "an edit into nothing",
                answer,
                "{\"answer\": \"edit\", \"arguments\": []}",
                400,
                "caller-invalid",
                "/arguments");
        post(
                "arguments that change nothing",
                answer,
                "{\"answer\": \"approve\", \"arguments\": {}}",
                400,
                "caller-invalid",
                "/arguments");
        post("an expiry by hand", answer, "{\"answer\": \"expired\"}", 400, "caller-invalid", "/answer");
        post(
                "a result of an approval",
                answer,
                "{\"answer\": \"approve\", \"result\": 1}",
                400,
                "caller-invalid",
                "/result");
        post("no policy input", "/v1/policy/evaluate", "{}", 400, "caller-invalid", "/input");
        post(
                "a policy input that is a text",
                "/v1/policy/evaluate",
                "{\"input\": \"x\"}",
                400,
                "caller-invalid",
                "/input");
        post("no verdict in feedback", RUN + "/" + live + "/feedback", "{}", 400, "caller-invalid", "/correct");
    }

    private void headers() {
        var good = "{\"input\": \"go\"}";
        typed("a form", "application/x-www-form-urlencoded", good);
        typed("plain text", "text/plain", good);
        typed("another charset", "application/json; charset=latin1", good);
        typed("no content type", "", good);
        add(
                "a reused Idempotency-Key",
                () -> check(
                        client.post(RUN, "{\"input\": \"something else\"}", "Idempotency-Key", "bad-inputs"),
                        422,
                        "caller-idempotency-key-reused",
                        null));
        add(
                "an Idempotency-Key with a space",
                () -> check(
                        client.post(RUN, good, "Idempotency-Key", "a b"), 400, "caller-invalid", "#Idempotency-Key"));
        add(
                "an Idempotency-Key that is too long",
                () -> check(
                        client.post(RUN, good, "Idempotency-Key", "k".repeat(256)),
                        400,
                        "caller-invalid",
                        "#Idempotency-Key"));
        add(
                "a form that is not offered",
                () -> check(client.get(RUN, "Accept", "application/xml"), 406, "caller-not-acceptable", null));
        add("a Last-Event-ID that is a word", () -> stream("Last-Event-ID", "abc", "caller-invalid", "#Last-Event-ID"));
        add("a negative Last-Event-ID", () -> stream("Last-Event-ID", "-1", "caller-invalid", "#Last-Event-ID"));
        add("a Last-Event-ID beyond the end", () -> stream("Last-Event-ID", "999999", "caller-bad-cursor", null));
        add(
                "headers over 16 KiB",
                () -> check(client.get(RUN, "X-Padding", "x".repeat(20_000)), 431, "caller-headers-too-large", null));
        add(
                "a request line over 8 KiB",
                () -> check(client.get(RUN + "?x=" + "x".repeat(10_000)), 414, "caller-uri-too-long", null));
        add("a request id that forges a log line", () -> {
            var answer = client.get(RUN, "X-Request-Id", "a b=c");
            assertThat(answer.status()).isEqualTo(200);
            assertThat(answer.header("x-request-id")).matches("[\\w-]{36}");
        });
    }

    private void parameters() {
        get("a status of no run", RUN + "?status=done", "#status");
        get("a limit of nothing", RUN + "?limit=0", "#limit");
        get("a limit over 200", RUN + "?limit=201", "#limit");
        get("a limit that is a word", RUN + "?limit=many", "#limit");
        get("a time that is a word", RUN + "?since=yesterday", "#since");
        get("a time without a zone", RUN + "?since=2026-11-23T09:00:00", "#since");
        get("a time far off", RUN + "?since=%2B999999999-01-01T00:00:00Z", "#since");
        get("an unknown parameter", RUN + "?statu=failed", "#statu");
        get("a parameter twice", RUN + "?limit=1&limit=2", "#limit");
        get("a cursor of another kind", RUN + "?cursor=%00%01", "#cursor");
        get("a run id of another kind", "/v1/tasks?run_id=task_" + UNKNOWN, "#run_id");
        get("a priority of no task", "/v1/tasks?priority=urgent", "#priority");
        get("an approval status of none", "/v1/approvals?status=open", "#status");
        get("a decision type of none", "/v1/decisions?decision_type=guess", "#decision_type");
        get("a decision result of none", "/v1/decisions?result=maybe", "#result");
        get("costs by something else", "/v1/cost-report?by=mood", "#by");
        get("a negative cursor of events", RUN + "/" + live + "/events?after=-1", "#after");
        get("a cursor of nobody's", RUN + "?cursor=nobodys", "#cursor");
    }

    private void paths() {
        lost("an unknown path", "/v2/runs");
        lost("an unknown run", RUN + "/run_" + UNKNOWN);
        lost("an id of another kind", RUN + "/task_" + UNKNOWN);
        lost("an id that is none", RUN + "/42");
        lost("events of an unknown run", RUN + "/run_" + UNKNOWN + "/events");
        lost("the trace of an unknown run", RUN + "/run_" + UNKNOWN + "/trace");
        lost("an unknown approval", "/v1/approvals/apr_" + UNKNOWN);
        lost("an unknown task", "/v1/tasks/task_" + UNKNOWN);
        lost("an unknown problem", "/problems/nothing");
        post("cancelling an unknown run", RUN + "/run_" + UNKNOWN + "/cancel", "", 404, "caller-not-found", null);
        post("approving nothing", "/v1/approvals/apr_" + UNKNOWN + "/approve", "", 404, "caller-not-found", null);
        add("a path that can't be decoded", () -> check(rawGet(RUN + "/%zz"), 400, "caller-bad-request", null));
        add("a path that is not UTF-8", () -> check(rawGet(RUN + "/%ff%fe"), 404, "caller-not-found", null));
        add("a path with a NUL", () -> check(rawGet(RUN + "/%00"), 404, "caller-not-found", null));
        add("a query that can't be decoded", () -> check(rawGet(RUN + "?limit=%zz"), 400, null, null));
        add("what is not HTTP", () -> check(client.raw("HELLO\r\n\r\n"), 400, "caller-bad-request", null));
        add("another method", () -> {
            var answer = client.send(client.request(RUN).DELETE());
            check(answer, 405, "caller-method-not-allowed", null);
            assertThat(answer.header("allow")).isEqualTo("GET, POST");
        });
        add("a socket without an upgrade", () -> check(client.get("/v1/ws"), 400, "caller-invalid", "#Upgrade"));
    }

    /** The JDK's client refuses such a path, so this one writes by hand. */
    private Client.Answer rawGet(String path) throws Exception {
        return client.raw("GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    }

    private static String pairs(int count) {
        var pairs = new StringBuilder("{");
        for (var i = 0; i < count; i++) {
            pairs.append(i == 0 ? "" : ", ").append("\"k").append(i).append("\": \"v\"");
        }
        return pairs.append("}").toString();
    }

    private void add(String name, Executable test) {
        tests.add(DynamicTest.dynamicTest(name, () -> {
            test.execute();
            assertThat(client.get("/health/live").status()).isEqualTo(200);
        }));
    }

    private void post(String name, String body, int status, String slug, @Nullable String pointer) {
        post(name, RUN, body, status, slug, pointer);
    }

    private void post(String name, String path, String body, int status, String slug, @Nullable String pointer) {
        add(name, () -> check(client.post(path, body), status, slug, pointer));
    }

    private void invalid(String name, String body, String pointer) {
        post(name, body, 400, "caller-invalid", pointer);
    }

    private void bytes(String name, byte[] body) {
        add(name, () -> {
            var request = client.request(RUN, "Content-Type", "application/json");
            check(client.send(request.POST(BodyPublishers.ofByteArray(body))), 400, "caller-bad-json", null);
        });
    }

    private void typed(String name, String type, String body) {
        add(name, () -> {
            var request = client.request(RUN).POST(BodyPublishers.ofString(body));
            check(
                    client.send(type.isEmpty() ? request : request.setHeader("Content-Type", type)),
                    415,
                    "caller-unsupported-type",
                    null);
        });
    }

    private void get(String name, String path, String pointer) {
        add(name, () -> check(client.get(path), 400, "caller-invalid", pointer));
    }

    private void lost(String name, String path) {
        add(name, () -> check(client.get(path), 404, "caller-not-found", null));
    }

    private void stream(String header, String value, String slug, @Nullable String pointer) throws Exception {
        var answer = client.get(RUN + "/" + live + "/events", "Accept", "text/event-stream", header, value);
        check(answer, 400, slug, pointer);
    }

    private static void check(Client.Answer answer, int status, @Nullable String slug, @Nullable String pointer)
            throws Exception {
        assertThat(answer.status()).as(answer.body()).isEqualTo(status);
        assertThat(answer.header("content-type")).isEqualTo("application/problem+json");
        var problem = answer.json();
        assertThat(problem.path("type").asText())
                .startsWith("/problems/caller-")
                .endsWith(slug == null ? "" : slug);
        assertThat(problem.path("status").asInt()).isEqualTo(status);
        assertThat(problem.path("title").asText()).isNotBlank();
        assertThat(problem.path("request_id").asText()).isEqualTo(answer.header("x-request-id"));
        assertThat(answer.body()).doesNotContain("Exception").hasSizeLessThan(4_000);
        if (pointer != null) {
            assertThat(problem.path("errors").findValuesAsText("pointer")).contains(pointer);
        }
    }
}
