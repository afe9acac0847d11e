package io.taskpilot.app;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import io.taskpilot.LongRunning;
import io.taskpilot.config.Secret;
import io.taskpilot.gateway.ApiKeys;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The job of the chart that makes keys, against a Kubernetes API that keeps Secrets by its rules. */
@LongRunning
class ProvisionTest {
    @TempDir
    private Path dir;

    private final ConcurrentMap<String, ObjectNode> stored = new ConcurrentHashMap<>();
    private HttpsServer api;
    private CommandRun command;

    @BeforeEach
    void start() throws Exception {
        command = new CommandRun(dir);
        Files.writeString(dir.resolve("token"), "the-token\n");
        Files.writeString(dir.resolve("namespace"), "demo");
        api = HttpsServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        api.setHttpsConfigurator(new HttpsConfigurator(certified()));
        api.createContext("/api/v1/namespaces/demo/secrets", this::answer);
        api.start();
    }

    /** A certificate of its own, as a cluster has it; its authority is in ca.crt. */
    private SSLContext certified() throws Exception {
        keytool(
                "-genkeypair",
                "-keyalg",
                "EC",
                "-dname",
                "CN=kubernetes",
                "-ext",
                "san=ip:127.0.0.1",
                "-storetype",
                "PKCS12");
        keytool("-exportcert", "-rfc", "-file", dir.resolve("ca.crt").toString());
        var store = KeyStore.getInstance("PKCS12");
        try (var in = Files.newInputStream(dir.resolve("keys.p12"))) {
            store.load(in, "password".toCharArray());
        }
        var keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        keys.init(store, "password".toCharArray());
        var context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), null, null);
        return context;
    }

    private void keytool(String... arguments) throws Exception {
        var command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
                "-alias",
                "server",
                "-keystore",
                dir.resolve("keys.p12").toString(),
                "-storepass",
                "password"));
        command.addAll(1, List.of(arguments[0]));
        command.addAll(List.of(arguments).subList(1, arguments.length));
        var process = new ProcessBuilder(command).redirectErrorStream(true).start();
        var said = new String(process.getInputStream().readAllBytes(), UTF_8);
        assertThat(process.waitFor()).as(said).isZero();
    }

    @AfterEach
    void stop() {
        api.stop(0);
    }

    @Test
    void makesASecretThatTheServerTakes() {
        var end = provision("--random", "db-password", "--text", "db-url=postgresql://me:{db-password}@db:5432/x");

        assertThat(end.code()).as(end.err()).isZero();
        var secret = new Secret(value("auth-secret"));
        assertThat(ApiKeys.parse(value("keys.yaml"), secret).size()).isEqualTo(1);
        assertThat(value("keys.yaml")).contains("\"hash\":\"" + ApiKeys.hash(secret, value("api-key")));
        assertThat(value("db-password")).matches("[0-9a-f]{64}");
        assertThat(value("db-url")).isEqualTo("postgresql://me:" + value("db-password") + "@db:5432/x");
        assertThat(end.out() + end.err())
                .isEqualTo("made-here: made auth-secret, keys.yaml, api-key, db-password, db-url\n")
                .doesNotContain(value("auth-secret"), value("api-key"), value("db-password"));
    }

    @Test
    void whatIsThereStays() {
        provision("--random", "one");
        var before = stored("made-here").deepCopy();

        assertThat(provision("--random", "one").out()).isEqualTo("made-here has everything\n");
        assertThat(stored("made-here")).isEqualTo(before);

        assertThat(provision("--random", "one", "--random", "two").out()).isEqualTo("made-here: made two\n");
        assertThat(value("api-key")).isEqualTo(text(before, "api-key"));
        assertThat(value("one")).isEqualTo(text(before, "one"));
    }

    /** The keys of before are gone with their hashes: the one that can be read must be the one that opens. */
    @Test
    void withoutTheListOfKeysThereIsAnotherKey() {
        provision();
        var before = stored("made-here").deepCopy();
        remove("keys.yaml");

        assertThat(provision().out()).isEqualTo("made-here: made api-key, keys.yaml\n");

        assertThat(value("auth-secret")).isEqualTo(text(before, "auth-secret"));
        assertThat(value("api-key")).isNotEqualTo(text(before, "api-key"));
        assertThat(opens(value("api-key"))).isTrue();
    }

    @Test
    void withoutTheKeyAnotherIsAddedToTheList() {
        provision();
        var before = value("api-key");
        remove("api-key");

        assertThat(provision().out()).contains("keys.yaml", "api-key");

        assertThat(value("api-key")).isNotEqualTo(before);
        assertThat(opens(value("api-key"))).isTrue();
        assertThat(opens(before)).as("who has it keeps it").isTrue();
        assertThat(ApiKeys.parse(value("keys.yaml"), new Secret(value("auth-secret")))
                        .ids())
                .containsExactlyInAnyOrder("admin", "admin-2");
    }

    @Test
    void aListThatIsNoneIsLeftAlone() {
        provision();
        remove("api-key");
        put("keys.yaml", "{a: b}");
        var before = stored("made-here").deepCopy();

        var end = provision();

        assertThat(end.code()).isEqualTo(ExitCode.FAILURE);
        assertThat(end.err())
                .contains(
                        "made-here: no entry can be added to its keys.yaml (expected: lines as keys hash prints them)");
        assertThat(stored("made-here")).isEqualTo(before);
    }

    @Test
    void aRefusalOfTheApiIsToldInItsWords() {
        var end = command.run(
                "keys", "provision", "--secret", "forbidden", "--credentials", dir.toString(), "--api", url());

        assertThat(end.code()).isEqualTo(ExitCode.FAILURE);
        assertThat(end.err())
                .contains("the Kubernetes API answers 403: secrets is forbidden")
                .doesNotContain("the-token");
    }

    @Test
    void aTextOfAnUnknownKeyIsAMistake() {
        var end = provision("--text", "url=x{nothing}");

        assertThat(end.code()).isEqualTo(ExitCode.USAGE);
        assertThat(end.err()).contains("--text: {nothing} (expected: a key that is there, or made)");
        assertThat(stored).isEmpty();
    }

    @Test
    void anApiThatIsNotTheClustersIsNotBelieved() throws Exception {
        Files.writeString(dir.resolve("ca.crt"), "");

        var end = provision();

        assertThat(end.code()).isEqualTo(ExitCode.FAILURE);
        assertThat(end.err()).contains("the Kubernetes API does not answer (SSLHandshakeException)");
        assertThat(stored).isEmpty();
    }

    @Test
    void outsideOfAPodItSaysSo() {
        var end = command.run("keys", "provision", "--secret", "x", "--credentials", dir.toString());

        assertThat(end.code()).isEqualTo(ExitCode.USAGE);
        assertThat(end.err()).contains("KUBERNETES_SERVICE_HOST: missing");
    }

    private CommandRun.End provision(String... more) {
        var fixed = new String[] {
            "keys", "provision", "--secret", "made-here", "--credentials", dir.toString(), "--api", url()
        };
        var all = Arrays.copyOf(fixed, fixed.length + more.length);
        System.arraycopy(more, 0, all, fixed.length, more.length);
        return command.run(all);
    }

    private String url() {
        return "https://127.0.0.1:" + api.getAddress().getPort();
    }

    private void remove(String key) {
        ((ObjectNode) stored("made-here").path("data")).remove(key);
    }

    private void put(String key, String text) {
        ((ObjectNode) stored("made-here").path("data"))
                .put(key, Base64.getEncoder().encodeToString(text.getBytes(UTF_8)));
    }

    /** Whether the list of keys has its hash. */
    private boolean opens(String key) {
        return value("keys.yaml").contains(ApiKeys.hash(new Secret(value("auth-secret")), key));
    }

    private String value(String key) {
        return text(stored("made-here"), key);
    }

    private ObjectNode stored(String name) {
        var secret = stored.get(name);
        if (secret == null) {
            throw new AssertionError("there is no Secret " + name);
        }
        return secret;
    }

    private static String text(JsonNode secret, String key) {
        return new String(
                Base64.getDecoder().decode(secret.path("data").path(key).asText()), UTF_8);
    }

    private void answer(HttpExchange exchange) throws IOException {
        assertThat(exchange.getRequestHeaders().getFirst("Authorization")).isEqualTo("Bearer the-token");
        var path = exchange.getRequestURI().getPath();
        var name = path.substring(path.lastIndexOf('/') + 1);
        var body = exchange.getRequestBody().readAllBytes();
        switch (exchange.getRequestMethod()) {
            case "GET" -> {
                if (name.equals("forbidden")) {
                    reply(exchange, 403, status("secrets is forbidden"));
                } else if (stored.containsKey(name)) {
                    reply(exchange, 200, stored(name));
                } else {
                    reply(exchange, 404, status("not found"));
                }
            }
            case "POST" -> {
                var made = (ObjectNode) ApiClient.JSON.readTree(body);
                ((ObjectNode) made.path("metadata")).put("resourceVersion", "1");
                stored.put(made.path("metadata").path("name").asText(), made);
                reply(exchange, 201, made);
            }
            default -> {
                var patch = ApiClient.JSON.readTree(body);
                var now = stored(name).path("metadata");
                if (!patch.path("metadata").path("resourceVersion").equals(now.path("resourceVersion"))) {
                    reply(exchange, 409, status("the object has been modified"));
                    return;
                }
                ((ObjectNode) now)
                        .put(
                                "resourceVersion",
                                String.valueOf(now.path("resourceVersion").asInt() + 1));
                ((ObjectNode) stored(name).path("data")).setAll((ObjectNode) patch.path("data"));
                reply(exchange, 200, stored(name));
            }
        }
    }

    private static JsonNode status(String message) {
        return ApiClient.JSON.createObjectNode().put("kind", "Status").put("message", message);
    }

    private static void reply(HttpExchange exchange, int status, JsonNode body) throws IOException {
        var bytes = body.toString().getBytes(UTF_8);
        exchange.sendResponseHeaders(status, bytes.length);
        try (var out = exchange.getResponseBody()) {
            out.write(bytes);
        }
    }
}
