package io.taskpilot.stack;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.sun.net.httpserver.HttpServer;
import io.taskpilot.policy.RealOpa;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What {@code docker/compose.yaml} promises, as far as it can be seen without an engine. */
class ComposeTest {
    private static final Set<String> PROFILES = Set.of("obs", "logs", "tempo", "objects", "demo", "load");
    private static final Set<String> OURS = Set.of("taskpilot", "keys", "guardrails");

    /** One binary that cannot ask itself, and one that ends when it is refused. */
    private static final Set<String> WITHOUT_HEALTHCHECK = Set.of("otel-collector", "demo");

    private Compose compose;

    @BeforeEach
    void read() throws Exception {
        compose = Compose.read();
    }

    @Test
    void theDefaultIsTheGovernedServer() {
        assertThat(compose.model().path("name").asText()).isEqualTo("taskpilot");
        var byDefault = compose.services().entrySet().stream()
                .filter(service -> !service.getValue().has("profiles"))
                .map(Map.Entry::getKey);
        assertThat(byDefault)
                .containsExactlyInAnyOrder(
                        "prepare", "keys", "nginx", "taskpilot", "postgres", "redis", "opa", "guardrails");
        var profiles = compose.services().values().stream()
                .flatMap(service -> Compose.texts(service.path("profiles")).stream());
        assertThat(profiles.collect(Collectors.toSet())).isEqualTo(PROFILES);
    }

    @Test
    void everyImageHasAVersion() throws Exception {
        var images = compose.services().values().stream()
                .map(service -> service.path("image").asText());
        var bases = Files.readString(Path.of("docker/Dockerfile"))
                .lines()
                .filter(line -> line.matches("ARG \\w+_IMAGE=.*"))
                .map(line -> line.replaceAll(".*=", ""));
        assertThat(Stream.concat(images, bases))
                .isNotEmpty()
                .noneMatch(image -> image.endsWith(":latest"))
                // distroless has no versions: its tag names the Java and the Debian, the digest is an argument
                .allMatch(
                        image -> image.matches(".+:v?[0-9]+[.][0-9.]+(-[a-z0-9.-]+)?") || image.contains("distroless"));
    }

    /** {@code ${NAME:-image:version}}: so that one file of variables replaces each tag by a digest. */
    @Test
    void everyImageCanBeReplaced() throws Exception {
        assertThat(Files.readString(Path.of("docker/compose.yaml")).lines().map(String::strip))
                .filteredOn(line -> line.startsWith("image:"))
                .hasSizeGreaterThan(20)
                .allMatch(line -> line.matches("image: [$][{][A-Z]+_IMAGE:-[^}]+}"));
    }

    /** Compose asks the registry that a name has before it builds: an image of ours has a name that nobody can publish. */
    @Test
    void whatIsBuiltHereComesFromNoRegistry() {
        compose.services().forEach((name, service) -> {
            assertThat(service.has("build")).as(name).isEqualTo(OURS.contains(name));
            assertThat(service.path("image").asText().startsWith("localhost/"))
                    .as(name)
                    .isEqualTo(OURS.contains(name));
        });
    }

    @Test
    void onlyTheGatewayIsPublishedOffLoopback() {
        compose.services()
                .forEach((name, service) -> service.path("ports").forEach(port -> {
                    if (!name.equals("nginx")) {
                        assertThat(port.path("host_ip").asText()).as(name).isEqualTo("127.0.0.1");
                    }
                }));
        assertThat(published())
                .containsAllEntriesOf(Map.of(
                        "nginx", "8000",
                        "prometheus", "9090",
                        "grafana", "3000",
                        "jaeger", "16686",
                        "kibana", "5601"));
        assertThat(published().keySet())
                .doesNotContain("taskpilot", "postgres", "redis", "opa", "guardrails", "objects");
    }

    private Map<String, String> published() {
        var published = new TreeMap<String, String>();
        compose.services()
                .forEach((name, service) -> service.path("ports")
                        .forEach(port ->
                                published.put(name, port.path("published").asText())));
        return published;
    }

    @Test
    void everyFileThatIsMountedIsThere() {
        var here = Path.of("").toAbsolutePath();
        compose.services()
                .forEach((name, service) -> service.path("volumes").forEach(volume -> {
                    var source = Path.of(volume.path("source").asText());
                    if (volume.path("type").asText().equals("bind") && source.startsWith(here)) {
                        assertThat(source).as(name).exists();
                        assertThat(volume.path("read_only").asBoolean())
                                .as(name + ": " + source)
                                .isTrue();
                    }
                }));
    }

    @Test
    void everyVariableOfTheServerIsASetting() throws Exception {
        var settings = settings();
        compose.services()
                .forEach((name, service) -> service.path("environment")
                        .fieldNames()
                        .forEachRemaining(variable -> {
                            if (variable.startsWith("TASKPILOT_")) {
                                assertThat(settings).as(name).contains(variable);
                            }
                        }));
    }

    /** From the page: {@code policy.onError} is {@code TASKPILOT_POLICY_ON_ERROR}. */
    private static Set<String> settings() throws Exception {
        var row = Pattern.compile("(?m)^[|] `([a-zA-Z0-9.]+)` [|]");
        var settings = new TreeSet<String>();
        var rows = row.matcher(Files.readString(Path.of("docs/settings.md")));
        while (rows.find()) {
            settings.add("TASKPILOT_"
                    + rows.group(1)
                            .replaceAll("([a-z0-9])([A-Z])", "$1_$2")
                            .replace('.', '_')
                            .toUpperCase(Locale.ROOT));
        }
        return settings;
    }

    @Test
    void noPasswordIsGiven() throws Exception {
        var secretive = Pattern.compile("(?i)password|secret|token|api_?key");
        compose.services()
                .forEach((name, service) -> service.path("environment")
                        .properties()
                        .forEach(variable -> {
                            if (secretive.matcher(variable.getKey()).find()) {
                                assertThat(variable.getKey()).as(name).endsWith("_FILE");
                                assertThat(variable.getValue().asText())
                                        .as(name)
                                        .startsWith("/run/");
                            }
                        }));
        assertThat(Files.readString(Path.of("docker/.env.example")).lines())
                .filteredOn(line -> !line.isBlank() && !line.startsWith("# "))
                .allMatch(line -> line.startsWith("#"), "nothing has to be set")
                .noneMatch(line ->
                        secretive.matcher(line.replaceAll("_FILE=.*", "")).find() && !line.contains("_FILE="));
    }

    /** A model on the machine itself: what the example names resolves on Docker Engine too, which has no such name by itself. */
    @Test
    void theServerReachesTheMachineByTheNameOfTheExample() throws Exception {
        assertThat(Files.readString(Path.of("docker/.env.example")))
                .contains("#OPENAI_BASE_URL=http://host.docker.internal:");
        assertThat(Compose.texts(compose.service("taskpilot").path("extra_hosts")))
                .containsExactly("host.docker.internal=host-gateway");
    }

    /** An engine without root may not raise it, and a service that asks for it does not start there. */
    @Test
    void nobodyAsksToLockMemory() {
        compose.services()
                .forEach((name, service) -> assertThat(service.path("ulimits").has("memlock"))
                        .as(name)
                        .isFalse());
    }

    /** Whoever is on the machine reads the command lines of all its processes. */
    @Test
    void noSecretIsReadIntoACommandLine() {
        for (var name : compose.services().keySet()) {
            for (var argument : compose.arguments(name)) {
                // What a shell exports stays in the environment of what it starts.
                assertThat(argument.replaceAll("export \\w+=\"[^\"]*\"", ""))
                        .as(name)
                        .doesNotContain("$(", "`");
            }
        }
    }

    @Test
    void nobodySeesTheSecretsOfOthers() {
        compose.services()
                .forEach((name, service) -> service.path("volumes").forEach(volume -> {
                    if (volume.path("source").asText().equals("secrets") && !name.equals("prepare")) {
                        assertThat(volume.path("volume").path("subpath").asText())
                                .as(name)
                                .isNotEmpty();
                    }
                }));
    }

    @Test
    void everyServiceIsConfined() {
        compose.services().forEach((name, service) -> {
            assertThat(service.has("container_name")).as(name).isFalse();
            assertThat(service.has("privileged")).as(name).isFalse();
            assertThat(Compose.texts(service.path("cap_drop"))).as(name).containsExactly("ALL");
            assertThat(Compose.texts(service.path("security_opt"))).as(name).contains("no-new-privileges:true");
            assertThat(service.path("mem_limit").asText()).as(name).matches("[1-9][0-9]+");
            assertThat(service.path("logging").path("options").has("max-size"))
                    .as(name)
                    .isTrue();
            if (!isStep(service)) {
                assertThat(service.path("restart").asText()).as(name).isEqualTo("unless-stopped");
                assertThat(service.path("cpus").asDouble()).as(name).isPositive();
                assertThat(service.path("healthcheck").path("disable").asBoolean())
                        .as(name)
                        .isEqualTo(WITHOUT_HEALTHCHECK.contains(name));
                assertThat(service.has("healthcheck")).as(name).isTrue();
            }
        });
        for (var name : Set.of("taskpilot", "nginx", "opa", "guardrails", "postgres", "redis")) {
            assertThat(compose.service(name).path("read_only").asBoolean())
                    .as(name)
                    .isTrue();
        }
    }

    /** It counts as nobody's request, and only the container itself reaches it. */
    @Test
    void theGatewayIsAskedOnAPortOfItsOwn() throws Exception {
        var check = Compose.texts(compose.service("nginx").at("/healthcheck/test"));
        assertThat(check).last().isEqualTo("http://127.0.0.1:8001/");
        assertThat(Files.readString(Path.of("docker/nginx/nginx.conf"))).contains("listen 127.0.0.1:8001;");
        assertThat(compose.service("nginx").path("ports"))
                .hasSize(1)
                .first()
                .satisfies(port -> assertThat(port.path("target").asInt()).isEqualTo(8000));
    }

    /** Its image has no other program: an expression asks, and OPA's exit code has to say what came. */
    @Test
    void opaIsHealthyWhenItAnswersSoAndNotElse() throws Exception {
        var opa = RealOpa.installedOrSkip();
        var code = new AtomicInteger(200);
        var server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/health", exchange -> {
            exchange.sendResponseHeaders(code.get(), -1);
            exchange.close();
        });
        server.start();
        try {
            var check = Compose.texts(compose.service("opa").at("/healthcheck/test"));
            assertThat(check).startsWith("CMD", "/opa");
            var arguments = check.stream()
                    .skip(2)
                    .map(argument -> argument.replace(
                            ":8181/health", ":" + server.getAddress().getPort() + "/health"))
                    .toList();
            assertThat(opa.exitCode(arguments)).isZero();
            code.set(500);
            assertThat(opa.exitCode(arguments)).isNotZero();
        } finally {
            server.stop(0);
        }
    }

    private static boolean isStep(JsonNode service) {
        return service.path("restart").asText().equals("no");
    }

    /** {@code up --wait} waits for ever for a container that ended, unless another wants it ended. */
    @Test
    void everyStepIsWaitedForByName() {
        var awaited = new TreeSet<String>();
        compose.services()
                .values()
                .forEach(service -> service.path("depends_on").properties().forEach(on -> {
                    if (on.getValue().path("condition").asText().equals("service_completed_successfully")) {
                        awaited.add(on.getKey());
                    }
                }));
        var steps = compose.services().entrySet().stream()
                .filter(service ->
                        isStep(service.getValue()) && !service.getKey().equals("load"))
                .map(Map.Entry::getKey);
        assertThat(awaited).containsExactlyInAnyOrderElementsOf(steps.toList());
    }

    /** Telemetry is fire and forget; a dependency that is away is the server's own business. */
    @Test
    void theServerWaitsForItsDatabaseOnly() {
        var conditions = new TreeMap<String, String>();
        compose.service("taskpilot").path("depends_on").properties().forEach(on -> {
            if (!isStep(compose.service(on.getKey()))) {
                conditions.put(on.getKey(), on.getValue().path("condition").asText());
            }
        });
        assertThat(conditions).containsExactly(Map.entry("postgres", "service_healthy"));
    }

    @Test
    void whatIsStoredHasNoWayOut() {
        assertThat(compose.model().at("/networks/data/internal").asBoolean()).isTrue();
        assertThat(compose.model().path("networks").fieldNames())
                .toIterable()
                .containsExactlyInAnyOrder("edge", "app", "data", "obs");
        for (var store : Set.of("postgres", "redis", "objects")) {
            assertThat(compose.service(store).path("networks").fieldNames())
                    .toIterable()
                    .as(store)
                    .containsExactly("data");
        }
        assertThat(compose.services().keySet()).containsAll(OURS);
    }
}
