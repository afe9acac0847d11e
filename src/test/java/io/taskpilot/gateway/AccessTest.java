package io.taskpilot.gateway;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.taskpilot.config.Secret;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.TestInstance;

@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class AccessTest {
    private static final Secret SECRET = new Secret("a server's secret");
    private static final String SOME_RUN = "/v1/runs/run_" + MemoryRuns.unknown();

    private final ApiKeys.Made writer = ApiKeys.make(SECRET);
    private final ApiKeys.Made reader = ApiKeys.make(SECRET);
    private final ApiKeys.Made approver = ApiKeys.make(SECRET);
    private final ApiKeys.Made auditor = ApiKeys.make(SECRET);
    private final ApiKeys.Made admin = ApiKeys.make(SECRET);
    private TestGateway closed;
    private TestGateway open;

    @BeforeAll
    void start() throws Exception {
        var file = entry("writer", writer, "runs:write", "client")
                + entry("reader", reader, "runs:read", "client")
                + entry("approver", approver, "approvals:decide, runs:read", "approver")
                + entry("auditor", auditor, "decisions:read, policy:evaluate", "auditor")
                + entry("admin", admin, "admin", "approver");
        closed = new TestGateway(Authentication.keys(ApiKeys.parse(file, SECRET)));
        open = TestGateway.open();
    }

    @AfterAll
    void stop() {
        closed.close();
        open.close();
    }

    private static String entry(String id, ApiKeys.Made key, String scopes, String roles) {
        return "- {id: %s, prefix: %s, hash: %s, scopes: [%s], roles: [%s]}\n"
                .formatted(id, key.prefix(), key.hash(), scopes, roles);
    }

    private Client as(ApiKeys.Made key) {
        return new Client(closed.url(), key.key());
    }

    @TestFactory
    Stream<DynamicTest> aKeyMayDoWhatItsScopesSay() {
        var tests = new ArrayList<DynamicTest>();
        tests.add(allowed("writer submits", writer, "POST", "/v1/runs"));
        tests.add(allowed("writer cancels", writer, "POST", SOME_RUN + "/cancel"));
        tests.add(denied("writer reads", writer, "GET", "/v1/runs"));
        tests.add(denied("writer answers", writer, "POST", "/v1/approvals/apr_1/approve"));
        tests.add(allowed("reader reads runs", reader, "GET", "/v1/runs"));
        tests.add(allowed("reader reads tasks", reader, "GET", "/v1/tasks"));
        tests.add(denied("reader submits", reader, "POST", "/v1/runs"));
        tests.add(denied("reader gives feedback", reader, "POST", SOME_RUN + "/feedback"));
        tests.add(denied("reader reads decisions", reader, "GET", "/v1/decisions"));
        tests.add(allowed("approver answers", approver, "POST", "/v1/approvals/apr_1/reject"));
        tests.add(denied("approver evaluates", approver, "POST", "/v1/policy/evaluate"));
        tests.add(allowed("auditor reads decisions", auditor, "GET", "/v1/decisions"));
        tests.add(allowed("auditor verifies", auditor, "GET", "/v1/decisions/verify"));
        tests.add(allowed("auditor reads costs", auditor, "GET", "/v1/cost-report"));
        tests.add(allowed("auditor evaluates", auditor, "POST", "/v1/policy/evaluate"));
        tests.add(denied("auditor reads runs", auditor, "GET", "/v1/runs"));
        tests.add(allowed("admin submits", admin, "POST", "/v1/runs"));
        tests.add(allowed("admin reads decisions", admin, "GET", "/v1/decisions"));
        return tests.stream();
    }

    private DynamicTest allowed(String name, ApiKeys.Made key, String method, String path) {
        return DynamicTest.dynamicTest(
                name, () -> assertThat(status(key, method, path)).isNotIn(401, 403));
    }

    private DynamicTest denied(String name, ApiKeys.Made key, String method, String path) {
        return DynamicTest.dynamicTest(name, () -> {
            var answer = method.equals("GET") ? as(key).get(path) : as(key).post(path, "{}");
            assertThat(answer.status()).isEqualTo(403);
            assertThat(answer.slug()).isEqualTo("caller-scope-missing");
        });
    }

    private int status(ApiKeys.Made key, String method, String path) throws Exception {
        return (method.equals("GET") ? as(key).get(path) : as(key).post(path, "{}")).status();
    }

    @TestFactory
    Stream<DynamicTest> whoHasNoKeyIsToldToBringOne() {
        var tampered = writer.key().substring(0, writer.key().length() - 1)
                + (writer.key().endsWith("A") ? "B" : "A");
        return Stream.of(
                        "",
                        "Bearer",
                        "Bearer ",
                        "Bearer nonsense",
                        "Basic dXNlcjpwYXNz",
                        writer.key(),
                        "Bearer " + tampered,
                        "Bearer " + ApiKeys.make(SECRET).key(),
                        "Bearer " + ApiKeys.make(new Secret("another")).key(),
                        "Bearer tp_" + writer.prefix() + "_")
                .map(header -> DynamicTest.dynamicTest("\"" + header + "\"", () -> {
                    var client = new Client(closed.url());
                    var answer =
                            header.isEmpty() ? client.get("/v1/runs") : client.get("/v1/runs", "Authorization", header);
                    assertThat(answer.status()).isEqualTo(401);
                    assertThat(answer.slug()).isEqualTo("caller-unauthenticated");
                    assertThat(answer.header("www-authenticate")).startsWith("Bearer");
                    assertThat(answer.body()).doesNotContain(writer.key());
                }));
    }

    @Test
    void aRunIsOfTheTenantThatItsKeyNames() throws Exception {
        var named = ApiKeys.make(SECRET);
        var plain = ApiKeys.make(SECRET);
        var file = entry("named", named, "runs:write", "client").replace("{id", "{tenant: acme, id")
                + entry("plain", plain, "runs:write", "client");
        try (var server = new TestGateway(Authentication.keys(ApiKeys.parse(file, SECRET)))) {
            var acme = new Client(server.url(), named.key()).post("/v1/runs", "{\"input\": \"go\"}");
            var other = new Client(server.url(), plain.key()).post("/v1/runs", "{\"input\": \"go\"}");

            assertThat(acme.body()).contains("\"tenant\":\"acme\"");
            assertThat(other.body()).contains("\"tenant\":\"default\"");
        }
    }

    @Test
    void aRequestWithoutAKeyIsRefusedBeforeItsBodyIsRead() throws Exception {
        var answer = new Client(closed.url()).post("/v1/runs", "x".repeat(2 << 20));

        assertThat(answer.status()).isEqualTo(401);
    }

    @Test
    void probesAndContractsNeedNoKey() throws Exception {
        var client = new Client(closed.url());
        for (var path : List.of("/", "/health/live", "/health/ready", "/metrics", "/openapi.yaml", "/asyncapi.yaml")) {
            assertThat(client.get(path).status()).as(path).isEqualTo(200);
        }
    }

    @Test
    void aSocketNeedsAKeyToo() throws Exception {
        assertThat(Socket.refusal(closed.vertx, closed.url(), null)).isEqualTo(401);
        assertThat(Socket.refusal(closed.vertx, closed.url(), reader.key())).isEqualTo(101);
    }

    @Test
    void eachFrameIsCheckedForItsScope() throws Exception {
        try (var socket = new Socket(closed.vertx, closed.url(), reader.key())) {
            socket.send("{\"op\": \"submit\", \"id\": \"1\", \"input\": \"go\"}");
            assertThat(socket.next().path("problem").path("type").asText()).isEqualTo("/problems/caller-scope-missing");
        }
    }

    @Test
    void nobodyAnswersTheirOwnRequest() throws Exception {
        closed.runs.script = Scripts::toAnApproval;
        var run = as(admin).submit("go");
        var approval = "/v1/approvals/apr_" + Scripts.approval(UUID.fromString(run.substring("run_".length())));

        var own = as(admin).post(approval + "/approve", "");
        assertThat(own.status()).isEqualTo(403);
        assertThat(own.slug()).isEqualTo("caller-own-request");

        var other = as(approver).post(approval + "/approve", "{\"reason\": \"fine\"}");
        assertThat(other.status()).isEqualTo(200);
        assertThat(other.json().path("answered").path("by").asText()).isEqualTo("approver");
        closed.runs.script = request -> List.of();
    }

    @Test
    void aWebPageCannotDriveAServerWithoutAuthentication() throws Exception {
        var port = open.gateway.port();
        assertThat(raw("127.0.0.1:" + port, "")).isEqualTo(200);
        assertThat(raw("localhost:" + port, "")).isEqualTo(200);
        assertThat(raw("[::1]:" + port, "")).isEqualTo(200);
        assertThat(raw("localhost:" + port, "Origin: http://localhost:" + port)).isEqualTo(200);
        assertThat(raw("evil.example:" + port, "")).isEqualTo(403);
        assertThat(raw("127.0.0.1.evil.example", "")).isEqualTo(403);
        assertThat(raw("localhost.evil.example", "")).isEqualTo(403);
        assertThat(raw("localhost:" + port, "Origin: http://evil.example")).isEqualTo(403);
        assertThat(raw("localhost:" + port, "Origin: http://localhost:1")).isEqualTo(403);
        assertThat(raw("localhost:" + port, "Origin: https://localhost:" + port))
                .isEqualTo(403);
        assertThat(raw("localhost:" + port, "Origin: null")).isEqualTo(403);
        assertThat(Socket.refusal(open.vertx, open.url(), null, "Origin", "http://evil.example"))
                .isEqualTo(403);
    }

    private int raw(String host, String header) throws Exception {
        var more = header.isEmpty() ? "" : header + "\r\n";
        return new Client(open.url())
                .raw("GET /v1/runs HTTP/1.1\r\nHost: " + host + "\r\n" + more + "Connection: close\r\n\r\n")
                .status();
    }

    @Test
    void everyMistakeInAKeysFileIsReportedAtOnce() {
        var file = """
                - {id: "a b", prefix: abcdefgh, hash: 12, scopes: [runs:fly], roles: [A B]}
                - {id: x, prefix: abcdefgh, hash: %1$s, scopes: [admin], roles: [a], color: red}
                - {id: x, prefix: abcdefgh, hash: %1$s, scopes: [admin]}
                - word
                """.formatted("ab".repeat(32));

        assertThatThrownBy(() -> ApiKeys.parse(file, SECRET))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("keys[0].id: malformed")
                .hasMessageContaining("keys[0].hash: malformed")
                .hasMessageContaining("keys[0].scopes: runs:fly (expected: runs:write")
                .hasMessageContaining("keys[0].roles: malformed (expected: each 1..64 of letters")
                .hasMessageContaining("keys[1].color: unknown key")
                .hasMessageContaining("keys[2].id: x (expected: not used before)")
                .hasMessageContaining("keys[2].prefix: abcdefgh (expected: not used before)")
                .hasMessageContaining("keys[2].roles: missing")
                .hasMessageContaining("keys[3].id: missing");
        assertThatThrownBy(() -> ApiKeys.parse("# none\n", SECRET))
                .hasMessageStartingWith("empty (expected: a YAML list");
        assertThatThrownBy(() -> ApiKeys.parse("- {id: x\n  tp_secret", SECRET))
                .hasMessageStartingWith("not YAML at line 2 (")
                .message()
                .hasLineCount(1)
                .doesNotContain("tp_secret");
        assertThatThrownBy(() -> ApiKeys.parse("a: b", SECRET)).hasMessageContaining("not a list");
    }
}
