package io.taskpilot.stack;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import com.sun.net.httpserver.HttpServer;
import io.taskpilot.LongRunning;
import io.taskpilot.outside.Tool;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The steps that set up stores: what they ask for, and what they do when they are refused. */
@LongRunning
class StepsTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    /** What a step asked an API for. */
    private record Asked(String what, String authorization, String body) {}

    @TempDir
    Path directory;

    private final List<Asked> asked = new CopyOnWriteArrayList<>();
    private volatile String refused = "nothing";
    private volatile String refusal = "";
    private final AtomicInteger notYet = new AtomicInteger();
    private HttpServer api;
    private Path secrets;

    @BeforeEach
    void listen() throws Exception {
        secrets = Files.createDirectory(directory.resolve("secrets"));
        for (var user : List.of("elastic", "kibana_system", "taskpilot_writer", "taskpilot_reader")) {
            Files.writeString(secrets.resolve(user), "the-password-of-" + user);
        }
        api = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        api.createContext("/", exchange -> {
            var what = exchange.getRequestMethod() + " " + exchange.getRequestURI();
            var body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
            asked.add(new Asked(what, exchange.getRequestHeaders().getFirst("Authorization"), body));
            var early = notYet.getAndUpdate(left -> Math.max(0, left - 1)) > 0;
            var answer = (what.equals(refused) ? refusal : "{\"success\":true}").getBytes(StandardCharsets.UTF_8);
            exchange.sendResponseHeaders(early ? 401 : what.equals(refused) ? 400 : 200, answer.length);
            exchange.getResponseBody().write(answer);
            exchange.close();
        });
        api.start();
    }

    @AfterEach
    void stop() {
        api.stop(0);
    }

    @Test
    void elasticsearchGetsUsersATemplateAndAStream() throws Exception {
        assertThat(elasticsearch()).isZero();

        assertThat(asked)
                .extracting(Asked::what)
                .containsExactly(
                        "POST /_security/user/kibana_system/_password",
                        "PUT /_security/role/taskpilot_writer",
                        "PUT /_security/user/taskpilot_writer",
                        "PUT /_security/role/taskpilot_reader",
                        "PUT /_security/user/taskpilot_reader",
                        "PUT /_index_template/logs-taskpilot",
                        "PUT /_data_stream/logs-taskpilot-default",
                        "PUT /_data_stream/logs-taskpilot-default/_lifecycle");
        var basic = "Basic "
                + Base64.getEncoder()
                        .encodeToString("elastic:the-password-of-elastic".getBytes(StandardCharsets.UTF_8));
        assertThat(asked).extracting(Asked::authorization).containsOnly(basic);
        for (var each : asked) {
            if (!each.body.isEmpty()) {
                assertThat(JSON.readTree(each.body).isObject()).as(each.what).isTrue();
            }
        }
        var writer = JSON.readTree(asked.get(2).body);
        assertThat(writer.path("password").asText()).isEqualTo("the-password-of-taskpilot_writer");
        assertThat(writer.at("/roles/0").asText()).isEqualTo("taskpilot_writer");
    }

    @Test
    void aStreamThatIsThereIsLeftThere() throws Exception {
        refused = "PUT /_data_stream/logs-taskpilot-default";
        refusal = "{\"error\":{\"type\":\"resource_already_exists_exception\"}}";

        assertThat(elasticsearch()).isZero();
        assertThat(asked).hasSize(8);
    }

    /** It answers, with 401 to everybody, before it knows its users. */
    @Test
    void whatElasticsearchCannotDoYetIsAskedAgain() throws Exception {
        notYet.set(2);

        assertThat(elasticsearch()).isZero();
        assertThat(asked).hasSize(8 + 2);
        assertThat(asked.subList(0, 3))
                .extracting(Asked::what)
                .containsOnly("POST /_security/user/kibana_system/_password");
    }

    @Test
    void aRefusalThatStaysEndsTheStep() throws Exception {
        refused = "PUT /_index_template/logs-taskpilot";
        refusal = "{\"error\":{\"type\":\"parse_exception\"}}";

        assertThat(elasticsearch("PATIENCE", "1")).isNotZero();
        assertThat(asked).last().extracting(Asked::what).isEqualTo(refused);
    }

    @Test
    void kibanaGetsTheSavedObjects() throws Exception {
        var objects = Path.of("docker/kibana/taskpilot.ndjson");
        var environment = Map.of("SECRETS", secrets.toString(), "KIBANA", url(), "OBJECTS", objects.toString());

        assertThat(run(environment, "docker/init/kibana")).isZero();

        assertThat(asked).singleElement().satisfies(only -> {
            assertThat(only.what).isEqualTo("POST /api/saved_objects/_import?overwrite=true");
            assertThat(only.body.replace("\r", "")).contains(Files.readString(objects));
        });
    }

    @Test
    void anImportThatIsNotWholeEndsTheStep() throws Exception {
        refused = "POST /api/saved_objects/_import?overwrite=true";
        refusal = "{\"success\":false}";
        var objects = Path.of("docker/kibana/taskpilot.ndjson").toString();

        assertThat(run(
                        Map.of("SECRETS", secrets.toString(), "KIBANA", url(), "OBJECTS", objects),
                        "docker/init/kibana"))
                .isNotZero();
    }

    /** Its image turns what is in the environment into flags. */
    @Test
    void kibanaGetsItsSecretsInAFileOfItsOwn() throws Exception {
        Files.writeString(secrets.resolve("password"), "0123abc");
        Files.writeString(secrets.resolve("encryption-key"), "4567def");
        var config = directory.resolve("secrets.yml");
        var kibana = Files.writeString(
                directory.resolve("kibana"),
                "#!/bin/sh\necho \"args: $*\"\nenv\nstat -c %a \"${KBN_CONFIG_PATHS#*,}\"\n");
        assertThat(kibana.toFile().setExecutable(true)).isTrue();
        var environment =
                Map.of("SECRETS", secrets.toString(), "CONFIG", config.toString(), "KIBANA", kibana.toString());

        assertThat(run(environment, "docker/kibana/start")).isZero();
        assertThat(run(environment, "docker/kibana/start")).as("again").isZero();

        assertThat(Files.readString(directory.resolve("said")))
                .contains("args: \n", "KBN_CONFIG_PATHS=/usr/share/kibana/config/kibana.yml," + config, "\n600\n")
                .doesNotContain("0123abc", "4567def");
        var written = new YAMLMapper().readTree(config.toFile());
        assertThat(written.path("elasticsearch.password").asText()).isEqualTo("0123abc");
        assertThat(written.path("xpack.encryptedSavedObjects.encryptionKey").asText())
                .isEqualTo("4567def");
    }

    /** In a network of its own, where the name of the service is this machine: SeaweedFS as the service is started. */
    @Test
    void theBucketIsMadeAndTheServerIsToldOfIt() throws Exception {
        assumeTrue("root".equals(System.getProperty("user.name")), "only root may make a network of its own");
        var weed = Tool.orSkip("WEED", "weed");
        assertThat(run(
                        Map.of(
                                "SECRETS",
                                secrets.toString(),
                                "VOLUMES",
                                directory.resolve("volumes").toString()),
                        "docker/init/prepare"))
                .isZero();
        var bin = Files.createDirectory(directory.resolve("bin"));
        Files.createSymbolicLink(bin.resolve("weed"), weed);
        var command = Compose.read().arguments("objects");
        command.replaceAll(argument -> argument.replace("-dir=/data", "-dir=" + directory.resolve("data"))
                .replace("/run/objects", secrets.resolve("objects").toString()));
        Files.createDirectory(directory.resolve("data"));
        var flags = secrets.resolve("taskpilot/arguments-objects");
        var script = """
                ip link set lo up 2>/dev/null || ifconfig lo up
                printf '127.0.0.1 localhost objects\\n' >"$DIR/hosts"
                mount --bind "$DIR/hosts" /etc/hosts
                PATH=$DIR/bin:$PATH
                cd "$DIR"
                %s >log 2>&1 &
                trap 'kill $!; wait $!' EXIT
                until wget -q -O /dev/null http://127.0.0.1:8333/healthz; do
                    kill -0 $! && [ $SECONDS -lt 120 ] || { cat log; exit 1; }
                    sleep 0.2
                done
                FLAGS=%s timeout 120 sh "$HERE/docker/init/objects" || { cat log; exit 1; }
                wget -q -O /dev/null http://127.0.0.1:8333/taskpilot && { echo "open to everybody"; exit 1; }
                exit 0
                """.formatted(String.join(" ", command), flags);

        assertThat(run(
                        Map.of(
                                "DIR",
                                directory.toString(),
                                "HERE",
                                Path.of("").toAbsolutePath().toString()),
                        "unshare",
                        "--mount",
                        "--net",
                        "--propagation",
                        "private",
                        "bash",
                        "-c",
                        script))
                .isZero();

        assertThat(Files.readAllLines(flags)).contains("--set=s3.url=http://objects:8333", "--set=s3.bucket=taskpilot");
    }

    private int elasticsearch(String... more) throws Exception {
        var environment =
                new HashMap<>(Map.of("SECRETS", secrets.toString(), "FILES", "docker/elastic", "ELASTICSEARCH", url()));
        for (var i = 0; i < more.length; i += 2) {
            environment.put(more[i], more[i + 1]);
        }
        return run(environment, "docker/init/elasticsearch");
    }

    private String url() {
        return "http://127.0.0.1:" + api.getAddress().getPort();
    }

    private int run(Map<String, String> environment, String... command) throws IOException, InterruptedException {
        var process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(directory.resolve("said").toFile());
        process.environment().putAll(environment);
        return process.start().waitFor();
    }
}
