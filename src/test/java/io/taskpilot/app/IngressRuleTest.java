package io.taskpilot.app;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import io.taskpilot.config.ConfigException;
import io.taskpilot.config.Secret;
import io.taskpilot.gateway.ApiKeys;
import io.taskpilot.policy.OpaProcess;
import io.taskpilot.policy.RealOpa;
import io.taskpilot.telemetry.Scrape;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** An operator's rule about the API, with both engines; the log has everybody it kept out. */
class IngressRuleTest {
    private static final Secret SECRET = new Secret("a secret of thirty-two characters");

    @TempDir
    Path directory;

    private final ApiKeys.Made operator = ApiKeys.make(SECRET);
    private final ApiKeys.Made client = ApiKeys.make(SECRET);
    private @Nullable OpaProcess process;

    @BeforeEach
    void reserveSubmitting() throws IOException {
        Files.writeString(
                directory.resolve("keys.yaml"), entry("op", operator, "operator") + entry("ann", client, "client"));
        copy(Path.of("conf"), directory.resolve("conf"));
        var rego = directory.resolve("conf/policy/ingress.rego");
        var shipped = Files.readString(rego);
        assertThat(shipped).contains("reserved := {}");
        Files.writeString(
                rego,
                shipped.replace(
                        "reserved := {}",
                        "reserved := {\"POST /v1/runs\": {\"operator\"}, \"WS submit\": {\"operator\"}}"));
    }

    @AfterEach
    void stop() throws Exception {
        if (process != null) {
            process.close();
        }
    }

    private static String entry(String id, ApiKeys.Made key, String role) {
        return "- {id: %s, prefix: %s, hash: %s, scopes: [admin], roles: [%s]}\n"
                .formatted(id, key.prefix(), key.hash(), role);
    }

    private static void copy(Path from, Path to) throws IOException {
        try (var files = Files.walk(from)) {
            for (var file : files.toList()) {
                Files.copy(file, to.resolve(from.relativize(file)));
            }
        }
    }

    @Test
    void theEmbeddedEngineKeepsOutWhomTheRuleNames() throws Exception {
        RealOpa.installedOrSkip().build(directory.resolve("conf/policy"));

        keepsOut(Map.of());
    }

    @Test
    void anOpaServerKeepsOutWhomTheRuleNames() throws Exception {
        keepsOut(serve(directory.resolve("conf/policy")));
    }

    @Test
    void aServerThatOnlyTakesCallsRecordsWhomItDenies() throws Exception {
        var reader = ApiKeys.make(SECRET);
        var entry = "- {id: bob, prefix: %s, hash: %s, roles: [], scopes: [\"decisions:read\"]}\n";
        Files.writeString(directory.resolve("keys.yaml"), entry.formatted(reader.prefix(), reader.hash()));
        var settings = settings(Path.of("conf"));
        settings.put("TASKPILOT_ROLES", "gateway");
        try (var server = TestServer.start(settings)) {
            var user = server.user();
            var denied = user.send("POST", "/v1/runs", "{\"input\": \"go\"}", headers(reader));
            assertThat(denied.statusCode()).as(denied.body()).isEqualTo(403);
            assertThat(denied.body()).contains("/problems/caller-scope-missing");

            var items = get(user, "/v1/decisions?decision_type=ingress", reader).path("items");
            assertThat(items).hasSize(1);
            assertThat(items.path(0).path("rule").asText()).isEqualTo("scope_missing");
            assertThat(items.path(0).path("principal").asText()).isEqualTo("bob");
            var metrics = new ApiUser(URI.create(server.managementUrl()))
                    .send("GET", "/metrics", null, headers(reader))
                    .body();
            assertThat(Scrape.parse(metrics)
                            .sum("taskpilot_decision_logs_total", "decision_type", "ingress", "result", "deny"))
                    .isEqualTo(1);
            var verified = get(user, "/v1/decisions/verify", reader);
            assertThat(verified.path("intact").asBoolean())
                    .as(verified.toString())
                    .isTrue();
        }
    }

    @Test
    void anOpaServerWithoutTheRuleKeepsTheServerFromStarting() throws Exception {
        var policy = directory.resolve("conf/policy");
        Files.delete(policy.resolve("ingress.rego"));
        Files.delete(policy.resolve("ingress_test.rego"));
        var engine = serve(policy);
        var settings = settings(Path.of("conf"));
        settings.putAll(engine);

        assertThatThrownBy(() -> TestServer.start(settings))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("opa.url: the server's policy has no taskpilot/ingress/decision")
                .hasMessageContaining("set policy.ingress to none");

        settings.put("TASKPILOT_POLICY_INGRESS", "none");
        try (var server = TestServer.start(settings)) {
            assertThat(submit(server.user(), client)).isEqualTo(202);
        }
    }

    /** As long as {@code policy.timeout} says, where a start would else be content with no answer. */
    @Test
    void anOpaServerWithoutTheRuleIsFoundOutThoughItIsSlow() throws Exception {
        var policy = directory.resolve("conf/policy");
        Files.delete(policy.resolve("ingress.rego"));
        Files.delete(policy.resolve("ingress_test.rego"));
        serve(policy);
        try (var wire = Wire.to(Objects.requireNonNull(process).port())) {
            wire.delays(Duration.ofMillis(1_200)); // each way
            var settings = settings(Path.of("conf"));
            settings.put("TASKPILOT_OPA_URL", "http://127.0.0.1:" + wire.port());
            settings.put("TASKPILOT_POLICY_TIMEOUT", "10s");

            assertThatThrownBy(() -> TestServer.start(settings))
                    .isInstanceOf(ConfigException.class)
                    .hasMessageContaining("opa.url: the server's policy has no taskpilot/ingress/decision");
        }
    }

    private Map<String, String> serve(Path policy) throws Exception {
        var started = OpaProcess.start(policy);
        process = started;
        return Map.of("TASKPILOT_OPA_URL", started.url().toString(), "TASKPILOT_POLICY_TIMEOUT", "10s");
    }

    private Map<String, String> settings(Path conf) {
        var settings = new HashMap<String, String>();
        settings.put("TASKPILOT_CONF_DIR", conf.toAbsolutePath().toString());
        settings.put("TASKPILOT_AUTH_MODE", "keys");
        settings.put("TASKPILOT_AUTH_SECRET", SECRET.value());
        settings.put("TASKPILOT_AUTH_KEYS_FILE", directory.resolve("keys.yaml").toString());
        settings.put("TASKPILOT_DECISIONS_CHAIN_KEY", "k".repeat(32));
        return settings;
    }

    private void keepsOut(Map<String, String> engine) throws Exception {
        var settings = settings(directory.resolve("conf"));
        settings.putAll(engine);
        try (var server = TestServer.start(settings)) {
            var user = server.user();
            assertThat(submit(user, operator)).isEqualTo(202);
            for (var i = 0; i < 3; i++) {
                var denied = user.send("POST", "/v1/runs", "{\"input\": \"go\"}", headers(client));
                assertThat(denied.statusCode()).isEqualTo(403);
                assertThat(denied.body()).contains("/problems/policy-denied", "rule role_missing");
            }

            var log = get(user, "/v1/decisions?decision_type=ingress");
            assertThat(log.path("items")).hasSize(3).allSatisfy(item -> {
                assertThat(item.path("result").asText()).isEqualTo("deny");
                assertThat(item.path("rule").asText()).isEqualTo("role_missing");
                assertThat(item.path("principal").asText()).isEqualTo("ann");
                assertThat(item.path("run_id").isNull()).isTrue();
                assertThat(item.path("context").asText()).startsWith("POST /v1/runs");
            });
            var verified = get(user, "/v1/decisions/verify");
            assertThat(verified.path("intact").asBoolean())
                    .as(verified.toString())
                    .isTrue();
            assertThat(get(user, "/v1/runs").path("items")).hasSize(1);
        }
    }

    private static int submit(ApiUser user, ApiKeys.Made key) throws Exception {
        return user.send("POST", "/v1/runs", "{\"input\": \"go\"}", headers(key))
                .statusCode();
    }

    private JsonNode get(ApiUser user, String path) throws Exception {
        return get(user, path, client);
    }

    private static JsonNode get(ApiUser user, String path, ApiKeys.Made key) throws Exception {
        return ApiUser.JSON.readTree(Objects.requireNonNull(
                user.send("GET", path, null, headers(key)).body()));
    }

    private static String[] headers(ApiKeys.Made key) {
        return new String[] {"Authorization", "Bearer " + key.key()};
    }
}
