package io.taskpilot.config;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.taskpilot.config.TaskPilotConfig.Auth;
import io.taskpilot.config.TaskPilotConfig.Guardrails.OnErrors;
import io.taskpilot.config.TaskPilotConfig.Guardrails.Streaming;
import io.taskpilot.config.TaskPilotConfig.Llm;
import io.taskpilot.config.TaskPilotConfig.Log;
import io.taskpilot.config.TaskPilotConfig.OnDeny;
import io.taskpilot.config.TaskPilotConfig.OnError;
import io.taskpilot.config.TaskPilotConfig.Role;
import io.taskpilot.config.TaskPilotConfig.Tools.Webhook;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ConfigLoaderTest {
    private static final String LONG_SECRET = "0123456789abcdef0123456789abcdef";
    private static final String METRICS_TOKEN = "token of metrics 0123456789abcdef";
    private static final String WEBHOOK_SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

    @TempDir
    private Path dir;

    private Path conf;

    @BeforeEach
    void makeConf() throws IOException {
        conf = Files.createDirectory(dir.resolve("conf"));
    }

    @Test
    void defaultsNeedNothing() {
        var config = load("", Map.of(), Map.of());

        assertThat(config)
                .isEqualTo(new TaskPilotConfig(
                        "development",
                        dir.resolve("data"),
                        conf,
                        Set.of(Role.GATEWAY, Role.AGENTS),
                        new TaskPilotConfig.Http("127.0.0.1", 8000, "127.0.0.1", 8081, false, 10_000),
                        new Auth(Auth.Mode.NONE, null, null, null),
                        new TaskPilotConfig.Limits(2000, 10_000, 1000, 8),
                        new TaskPilotConfig.Drain(Duration.ofSeconds(5), Duration.ofSeconds(45)),
                        new TaskPilotConfig.Postgres(null, 10),
                        new TaskPilotConfig.Redis(null),
                        new TaskPilotConfig.S3(null, "taskpilot", "us-east-1", null, null),
                        new TaskPilotConfig.Archive(Duration.ofMinutes(1), Duration.ofSeconds(30)),
                        new TaskPilotConfig.Retention(Duration.ofDays(90), Duration.ofDays(365)),
                        new Llm(null, null, null, null, Duration.ofSeconds(60), 256, new Llm.Offline(Duration.ZERO, 0)),
                        new TaskPilotConfig.Policy(
                                OnError.FAIL,
                                OnDeny.REJECT,
                                Duration.ofMillis(250),
                                TaskPilotConfig.PolicyMode.ENFORCE,
                                null,
                                TaskPilotConfig.IngressMode.ENFORCE),
                        new TaskPilotConfig.Opa(null),
                        new TaskPilotConfig.Guardrails(
                                null,
                                new OnErrors(OnError.FAIL, OnError.FAIL, OnError.FAIL),
                                Duration.ofSeconds(2),
                                Streaming.BUFFER),
                        new TaskPilotConfig.Approvals(Duration.ofHours(1), List.of("approver"), null),
                        new TaskPilotConfig.Decisions(
                                null,
                                redaction("$..password", "$..secret", "$..token", "$..authorization", "$..api_key"),
                                false),
                        new TaskPilotConfig.Tools(Map.of()),
                        new Log("INFO", null, null, null),
                        new TaskPilotConfig.Telemetry(false, Map.of())));
    }

    @Test
    void everyKeyIsMappedFromTheFile() {
        var config = load(EVERY_KEY, Map.of(), Map.of());

        assertThat(config).isEqualTo(everyKey(conf));
    }

    @Test
    void theVariablesOfOpenTelemetryAreTakenAsTheyAreAndPrintNoValue() {
        var environment = Map.of("OTEL_SERVICE_NAME", "agents", "OTEL_TRACES_SAMPLER", "", "OTHER", "x");

        var telemetry = load("", environment, Map.of()).telemetry();

        assertThat(telemetry.otel()).isEqualTo(Map.of("OTEL_SERVICE_NAME", "agents"));
        assertThat(telemetry).hasToString("Telemetry[genai=false, otel=[OTEL_SERVICE_NAME]]");
    }

    @Test
    void everySecretOfTheConfigurationIsKnown() {
        var environment = Map.of("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer collector-token,x-tenant=seven");

        assertThat(Secrets.of(load(EVERY_KEY, environment, Map.of())))
                .contains(
                        LONG_SECRET,
                        WEBHOOK_SECRET,
                        "postgresql://tp:pw@db:5432/tp",
                        "pw",
                        "sk-1",
                        "AK",
                        "SK",
                        "http://127.0.0.1:9/hook",
                        "Bearer collector-token",
                        "collector-token",
                        "seven");
    }

    @Test
    void aSecretIsFoundWhateverItIsKeptIn() {
        var part = Map.of("one", List.of(Optional.of(new Secret("first"))), "two", Set.of(new Secret("second")));

        assertThat(Secrets.in(part)).containsExactlyInAnyOrder("first", "second");
        assertThatThrownBy(() -> Secrets.in(List.of(new AtomicReference<>(new Secret("lost")))))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("AtomicReference");
    }

    @Test
    void theFileOfTheTestHasEveryKeyThereIs() {
        var inFile = loaded(EVERY_KEY, Map.of(), Map.of()).settings().stream()
                .filter(setting -> setting.origin().endsWith(".yaml"))
                .map(setting -> setting.path().replace(".pager.", ".<name>."))
                .toList();
        var known = ConfigLoader.settings().stream()
                .map(Setting::path)
                .filter(path -> !path.endsWith("ecretFile")
                        && !path.endsWith("urlFile")
                        && !path.endsWith("KeyFile")
                        && !path.endsWith("TokenFile"))
                .toList();

        assertThat(inFile).containsExactlyInAnyOrderElementsOf(known);
    }

    @Test
    void everyKeyIsMappedFromTheEnvironment() throws IOException {
        var file = loaded(EVERY_KEY, Map.of(), Map.of());
        var environment = new HashMap<String, String>();
        for (var setting : file.settings()) {
            if (!setting.value().isEmpty() && !setting.value().equals("***")) {
                environment.put(setting.variable(), setting.value());
            }
        }
        environment.put("TASKPILOT_AUTH_SECRET", LONG_SECRET);
        environment.put("TASKPILOT_AUTH_METRICS_TOKEN", METRICS_TOKEN);
        environment.put("TASKPILOT_POSTGRES_URL", "postgresql://tp:pw@db:5432/tp");
        environment.put("TASKPILOT_DECISIONS_CHAIN_KEY", LONG_SECRET);
        environment.put("TASKPILOT_LLM_API_KEY", "sk-1");
        environment.put("TASKPILOT_REDIS_URL", "redis://:pw@cache:6379/1");
        environment.put("TASKPILOT_S3_ACCESS_KEY", "AK");
        environment.put("TASKPILOT_S3_SECRET_KEY", "SK");
        environment.put("TASKPILOT_APPROVALS_WEBHOOK_URL", "http://127.0.0.1:9/ask");
        environment.put("TASKPILOT_APPROVALS_WEBHOOK_SECRET", WEBHOOK_SECRET);
        environment.put("TASKPILOT_APPROVALS_WEBHOOK_PREVIOUS_SECRET", WEBHOOK_SECRET);
        environment.put("TASKPILOT_TOOLS_WEBHOOKS_PAGER_PREVIOUS_SECRET", WEBHOOK_SECRET);
        environment.put("TASKPILOT_TOOLS_WEBHOOKS_PAGER_URL", "http://127.0.0.1:9/hook");
        environment.put("TASKPILOT_TOOLS_WEBHOOKS_PAGER_SECRET", WEBHOOK_SECRET);

        assertThat(load("tools: {webhooks: {pager: {}}}", environment, Map.of()))
                .isEqualTo(everyKey(conf));
    }

    @Test
    void flagsWinOverTheEnvironmentAndThatOverTheFile() {
        var file = "http: {port: 1}\nllm: {model: a, baseUrl: http://a/v1}\nlog: {level: warn}";
        var environment = Map.of(
                "TASKPILOT_HTTP_PORT", "2",
                "TASKPILOT_LLM_MODEL", "b",
                "OPENAI_BASE_URL", "http://b/v1",
                "LOG_LEVEL", "DEBUG");

        var config = load(file, environment, Map.of("http.port", "3"));

        assertThat(config.http().port()).isEqualTo(3);
        assertThat(config.llm().model()).isEqualTo("b");
        assertThat(config.llm().baseUrl()).isEqualTo(URI.create("http://b/v1"));
        assertThat(config.log().level()).isEqualTo("DEBUG");
    }

    @Test
    void ourVariableWinsOverTheOneOfOthers() {
        var environment = Map.of("OPENAI_API_KEY", "sk-theirs", "TASKPILOT_LLM_API_KEY", "sk-ours");

        assertThat(load("", environment, Map.of()).llm().apiKey()).isEqualTo(new Secret("sk-ours"));
    }

    @Test
    void anEmptyVariableCountsAsUnset() {
        var environment = Map.of("OPENAI_API_KEY", "", "TASKPILOT_POSTGRES_URL", "");

        var config = load("", environment, Map.of());

        assertThat(config.llm().apiKey()).isNull();
        assertThat(config.postgres().url()).isNull();
    }

    @Test
    void secretsComeFromFilesToo() throws IOException {
        var key = Files.writeString(dir.resolve("key"), "sk-1\n");
        Files.writeString(conf.resolve("database"), "postgresql://tp:pw@db/tp\n");

        var config = load("postgres: {urlFile: database}", Map.of("OPENAI_API_KEY_FILE", key.toString()), Map.of());

        assertThat(config.llm().apiKey()).isEqualTo(new Secret("sk-1"));
        assertThat(config.postgres().url()).isEqualTo(new Secret("postgresql://tp:pw@db/tp"));
    }

    @Test
    void aSecretByValueInTheEnvironmentWinsOverAFileNamedInTheFile() {
        var config = load("llm: {apiKeyFile: nowhere}", Map.of(), Map.of("llm.apiKey", "sk-2"));

        assertThat(config.llm().apiKey()).isEqualTo(new Secret("sk-2"));
    }

    @Test
    void pathsInTheFileStartFromItsDirectoryAndOthersFromTheWorkingDirectory() {
        assertThat(load("dataDir: ../d", Map.of(), Map.of()).dataDir()).isEqualTo(dir.resolve("d"));
        assertThat(load("", Map.of("TASKPILOT_DATA_DIR", "d"), Map.of()).dataDir())
                .isEqualTo(dir.resolve("d"));
    }

    @Test
    void theConfigurationDirectoryIsTheFirstThatHasTheFile() throws IOException {
        var other = Files.createDirectory(dir.resolve("other"));
        Files.writeString(other.resolve("taskpilot.yaml"), "environment: there");
        var sources = new Sources(Map.of(), Map.of(), null, List.of(conf, other), dir);

        var loaded = ConfigLoader.load(sources);

        assertThat(loaded.config().confDir()).isEqualTo(other);
        assertThat(loaded.config().environment()).isEqualTo("there");
    }

    @Test
    void reportsEveryMistakeAtOnce() {
        var file = """
                http: {port: 70000, managementOnly: maybe}
                policy: {onError: allow, timeout: soon}
                llm: {modle: x}
                approvals: {roles: [approver, "Big Boss"]}
                decisions: {redact: [$..password, "$[0]"]}
                limits: 5
                """;
        var environment = Map.of("TASKPILOT_HTTP_PROT", "1", "TASKPILOT_LIMITS_RUNS", "many");

        var e = catchThrowableOfType(ConfigException.class, () -> load(file, environment, Map.of("log.levle", "x")));

        var from = ", from " + conf.resolve("taskpilot.yaml");
        assertThat(e.mistakes())
                .containsExactlyInAnyOrder(
                        "http.port: '70000' (expected: 0..65535)" + from,
                        "http.managementOnly: 'maybe' (expected: true or false)" + from,
                        "policy.onError: 'allow' (expected: fail or wait)" + from,
                        "policy.timeout: 'soon' (expected: a duration, 10ms..10s)" + from,
                        "approvals.roles: a list (expected: names of a-z, 0-9, - and _)" + from,
                        "decisions.redact: a list (expected: JSON paths of members, as in $.parameters.message or"
                                + " $..password)" + from,
                        "limits.runs: 'many' (expected: 1..100000), from TASKPILOT_LIMITS_RUNS",
                        "limits: not a mapping (expected: keys under it)" + from,
                        "llm.modle: unknown key, did you mean llm.model?" + from,
                        "log.levle: unknown key, did you mean log.level?, from a flag",
                        "TASKPILOT_HTTP_PROT: unknown variable, did you mean TASKPILOT_HTTP_PORT?");
        assertThat(e).hasMessageStartingWith("the configuration has 11 mistakes:\n  ");
    }

    @Test
    void aSecretIsInNoMessageAndNoText() {
        var secrets = List.of("hunter2", "tell-no-one", "whsec_short", "path-secret", "query-secret");
        var file = """
                auth: {secret: hunter2}
                postgres: {url: "mysql://tell-no-one@db/x"}
                llm: {apiKey: [tell-no-one], baseUrl: "http://user:tell-no-one@host/v1", apiKye: tell-no-one}
                tools: {webhooks: {pager: {url: "ftp://x/path-secret?q=query-secret", secret: whsec_short}}}
                tell: tell-no-one
                """;

        assertThatThrownBy(() -> load(file, Map.of("TASKPILOT_API_KYE", "tell-no-one"), Map.of()))
                .satisfies(e ->
                        secrets.forEach(secret -> assertThat(e.getMessage()).doesNotContain(secret)));
        var good = loaded(EVERY_KEY, Map.of(), Map.of());
        assertThat(good.settings().toString() + good.config())
                .doesNotContain(LONG_SECRET, METRICS_TOKEN, WEBHOOK_SECRET, "sk-1", "tp:pw");
        assertThat(good.settings().toString()).doesNotContain("/hook");
    }

    @ParameterizedTest
    @ValueSource(strings = {"0.0.0.0", "::", "192.168.1.4", "example.com", "127.evil.com"})
    void anAddressBeyondLoopbackNeedsKeys(String host) {
        assertThatThrownBy(() -> load("", Map.of("TASKPILOT_HTTP_HOST", host), Map.of()))
                .hasMessageContaining("http.host: '" + host + "' (expected: a loopback address while auth.mode is none")
                .hasMessageContaining("auth.mode to keys");
    }

    @ParameterizedTest
    @ValueSource(strings = {"localhost", "127.0.0.1", "127.8.8.8", "::1"})
    void loopbackNeedsNoKeys(String host) {
        assertThat(load("", Map.of("TASKPILOT_HTTP_HOST", host), Map.of())
                        .http()
                        .host())
                .isEqualTo(host);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "auth: {mode: keys}                                      | auth.keysFile: missing",
                "roles: [agents]                                         | roles: one alone",
                "roles: []                                               | roles: a list (expected: gateway, agents, one",
                "s3: {url: 'http://s3:8333'}                             | s3.secretKey: missing",
                "approvals: {webhook: {url: 'https://a/b'}}               | approvals.webhook.secret: missing",
                "s3: {bucket: A.B}                                       | s3.bucket: 'A.B' (expected: 3 to 63",
                "auth: {mode: keys}                                      | auth.secret: missing",
                "auth: {secret: short}                                   | auth.secret: *** (expected: 32 characters or more)",
                "llm: {provider: openai}                                 | llm.provider: openai (expected: with llm.apiKey or llm.baseUrl)",
                "http: {port: 9, managementPort: 9}                      | http.managementPort: 9 (expected: another port",
                "http: {host: 5}                                         | http.host: '5' (expected: text)",
                "http: {host: [a]}                                       | http.host: a list (expected: text)",
                "llm: {model: {a: b}}                                    | llm.model: a mapping (expected: text)",
                "http.port: 5                                            | http.port: unknown key (expected: nested mappings, not dots)",
                "postgres: {url: 'postgresql://db'}                      | postgres.url: *** (expected: with a host and a database)",
                "postgres: {url: 'postgresql://u:a%b@db/x'}              | postgres.url: *** (expected: a URL; what is special",
                "postgres: {urlFile: none}                               | (expected: a readable file; NoSuchFileException)",
                "tools: {webhooks: {p: {url: 'http://x/y'}}}             | tools.webhooks.p.secret: missing",
                "tools: {webhooks: {p: }}                                | tools.webhooks.p.url: missing",
                "tools: {webhooks: {P!: {}}}                             | tools.webhooks: 'P!' (expected: names of",
                "tools: {webhooks: {p: {ulr: x}}}                        | unknown key, did you mean tools.webhooks.p.url?",
                "guardrails: {stream: window}                            | guardrails.stream: 'window' (expected: buffer, audit or window:64..8192)",
                "guardrails: {stream: 'window:63'}                       | guardrails.stream: 'window:63' (expected",
                "guardrails: {stream: 'window:8193'}                     | guardrails.stream: 'window:8193' (expected",
                "guardrails: {stream: 'window: 64'}                      | guardrails.stream: 'window: 64' (expected",
                "[a, b]                                                  | not a mapping",
                "a: [                                                    | not valid YAML",
                "llm: {model: a, model: b}                               | Duplicate",
            })
    void whatDoesNotFitIsNamed(String file, String message) {
        assertThatThrownBy(() -> load(file, Map.of(), Map.of()))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining(message);
    }

    @Test
    void plainHttpToAWebhookNeedsPermission() {
        var file = "tools: {webhooks: {p: {url: 'http://x/y', secret: %s}}}".formatted(WEBHOOK_SECRET);

        assertThatThrownBy(() -> load(file, Map.of(), Map.of()))
                .hasMessageContaining("tools.webhooks.p.url: *** (expected: https, or allowPrivate: true");
    }

    @Test
    void aVariableForAWebhookThatIsNotInTheFileSaysHowToAddOne() {
        assertThatThrownBy(() -> load("", Map.of("TASKPILOT_TOOLS_WEBHOOKS_PAGER_URL", "https://x"), Map.of()))
                .hasMessageContaining("its entry has to be in the file");
    }

    @Test
    void variablesThatAreNoSettingsAreKnown() {
        var environment = Map.of("TASKPILOT_HOME", "/x", "TASKPILOT_REQUIRE_TOOLS", "true", "TASKPILOT_API_KEY", "k");

        assertThat(load("", environment, Map.of())).isNotNull();
    }

    @Test
    void aFileThatIsAskedForHasToBeThere() {
        var sources = new Sources(Map.of(), Map.of(), dir.resolve("none.yaml"), List.of(), dir);

        assertThatThrownBy(() -> ConfigLoader.load(sources))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("none.yaml: can't be read (NoSuchFileException)");
    }

    @Test
    void bytesThatAreNotTextAreAMistake() throws IOException {
        Files.write(conf.resolve("taskpilot.yaml"), new byte[] {(byte) 0xc3, 0x28, 0, 1, (byte) 0xff});
        var sources = new Sources(Map.of(), Map.of(), conf.resolve("taskpilot.yaml"), List.of(conf), dir);

        assertThatThrownBy(() -> ConfigLoader.load(sources)).isInstanceOf(ConfigException.class);
    }

    /** Its comments say what each key is for; switched on, they have to be right as well. */
    @Test
    void theShippedFileIsRightWithEverySettingSwitchedOn() throws IOException {
        var shipped = Files.readString(Path.of("conf/taskpilot.yaml"));
        var on = shipped.replaceAll("(?m)^( *)#(?=\\w)", "$1")
                .replaceAll("/run/secrets/taskpilot-([\\w-]+)", dir + "/$1");
        Files.writeString(dir.resolve("key-secret"), LONG_SECRET);
        Files.writeString(dir.resolve("postgres-url"), "postgresql://tp:pw@db/tp");
        Files.writeString(dir.resolve("redis-url"), "redis://cache");
        Files.writeString(dir.resolve("s3-access"), "access");
        Files.writeString(dir.resolve("s3-secret"), "secret");
        Files.writeString(dir.resolve("webhook-operations"), WEBHOOK_SECRET);
        Files.writeString(dir.resolve("webhook-operations-old"), WEBHOOK_SECRET);

        assertThat(load(shipped, Map.of(), Map.of())).isEqualTo(load("", Map.of(), Map.of()));
        var changed = loaded(on, Map.of(), Map.of()).settings().stream()
                .filter(setting -> setting.origin().endsWith(".yaml"))
                .toList();
        assertThat(changed)
                .hasSizeGreaterThan(10)
                .allSatisfy(setting -> assertThat(setting.value()).isNotEqualTo(setting.fallback()));
    }

    private TaskPilotConfig load(String file, Map<String, String> environment, Map<String, String> flags) {
        return loaded(file, environment, flags).config();
    }

    private ConfigLoader.Loaded loaded(String text, Map<String, String> environment, Map<String, String> flags) {
        try {
            var file = Files.write(conf.resolve("taskpilot.yaml"), text.getBytes(UTF_8));
            return ConfigLoader.load(new Sources(flags, environment, file, List.of(conf), dir));
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private static Redaction redaction(String... paths) {
        return new Redaction(Arrays.stream(paths)
                .map(path -> Objects.requireNonNull(JsonPath.parse(path)))
                .toList());
    }

    private static TaskPilotConfig everyKey(Path conf) {
        return new TaskPilotConfig(
                "production",
                Path.of("/d"),
                conf,
                Set.of(Role.AGENTS),
                new TaskPilotConfig.Http("0.0.0.0", 1, "::1", 2, true, 3),
                new Auth(Auth.Mode.KEYS, Path.of("/keys.yaml"), new Secret(LONG_SECRET), new Secret(METRICS_TOKEN)),
                new TaskPilotConfig.Limits(4, 7, 5, 6),
                new TaskPilotConfig.Drain(Duration.ofSeconds(1), Duration.ofSeconds(2)),
                new TaskPilotConfig.Postgres(new Secret("postgresql://tp:pw@db:5432/tp"), 7),
                new TaskPilotConfig.Redis(new Secret("redis://:pw@cache:6379/1")),
                new TaskPilotConfig.S3(
                        URI.create("http://s3:8333"), "traces", "eu-1", new Secret("AK"), new Secret("SK")),
                new TaskPilotConfig.Archive(Duration.ofSeconds(5), Duration.ofSeconds(6)),
                new TaskPilotConfig.Retention(Duration.ofDays(31), Duration.ofDays(62)),
                new Llm(
                        Llm.Provider.OPENAI,
                        URI.create("https://llm/v1"),
                        new Secret("sk-1"),
                        "m",
                        Duration.ofSeconds(8),
                        9,
                        new Llm.Offline(Duration.ofSeconds(1), 0.25)),
                new TaskPilotConfig.Policy(
                        OnError.WAIT,
                        OnDeny.TELL,
                        Duration.ofSeconds(1),
                        TaskPilotConfig.PolicyMode.SHADOW,
                        Path.of("/trial"),
                        TaskPilotConfig.IngressMode.NONE),
                new TaskPilotConfig.Opa(URI.create("http://opa:8181")),
                new TaskPilotConfig.Guardrails(
                        URI.create("http://nemo:8000"),
                        new OnErrors(OnError.WAIT, OnError.ALLOW, OnError.WAIT),
                        Duration.ofSeconds(3),
                        new Streaming(Streaming.StreamMode.WINDOW, 512)),
                new TaskPilotConfig.Approvals(
                        Duration.ofDays(2),
                        List.of("boss", "night-shift"),
                        new Webhook(
                                URI.create("http://127.0.0.1:9/ask"),
                                new Secret(WEBHOOK_SECRET),
                                new Secret(WEBHOOK_SECRET),
                                true,
                                true,
                                Duration.ofSeconds(6))),
                new TaskPilotConfig.Decisions(
                        new Secret(LONG_SECRET), redaction("$.parameters.message", "$..x['a b']"), true),
                new TaskPilotConfig.Tools(Map.of(
                        "pager",
                        new Webhook(
                                URI.create("http://127.0.0.1:9/hook"),
                                new Secret(WEBHOOK_SECRET),
                                new Secret(WEBHOOK_SECRET),
                                true,
                                true,
                                Duration.ofSeconds(5)))),
                new Log("DEBUG", Log.Format.JSON, false, true),
                new TaskPilotConfig.Telemetry(true, Map.of()));
    }

    private static final String EVERY_KEY = """
            environment: production
            dataDir: /d
            confDir: .
            roles: [agents]
            http:
              host: 0.0.0.0
              port: 1
              managementHost: "::1"
              managementPort: 2
              managementOnly: true
              maxConnections: 3
            auth: {mode: keys, keysFile: /keys.yaml, secret: %s, metricsToken: %s}
            limits: {runs: 4, queue: 7, runsPerKey: 5, toolCalls: 6}
            drain: {accept: 1s, grace: 2s}
            postgres: {url: "postgresql://tp:pw@db:5432/tp", poolSize: 7}
            redis: {url: "redis://:pw@cache:6379/1"}
            s3: {url: "http://s3:8333", bucket: traces, region: eu-1, accessKey: AK, secretKey: SK}
            archive: {after: 5s, every: 6s}
            retention: {journal: 31d, archive: 62d}
            llm:
              provider: openai
              baseUrl: https://llm/v1
              apiKey: sk-1
              model: m
              timeout: 8s
              concurrency: 9
              offline: {latency: 1s, failureRate: 0.25}
            policy: {onError: wait, onDeny: tell, timeout: PT1S, mode: shadow, candidate: /trial, ingress: none}
            opa: {url: "http://opa:8181"}
            guardrails:
              url: "http://nemo:8000"
              onError: {input: wait, output: allow, toolResult: wait}
              timeout: 3000ms
              stream: window:512
            approvals:
              ttl: 2d
              roles: [boss, night-shift]
              webhook: {url: http://127.0.0.1:9/ask, secret: %s, previousSecret: %s, allowPrivate: true, timeout: 6s}
            decisions: {chainKey: %s, redact: [$.parameters.message, "$..x['a b']"], arguments: true}
            tools:
              webhooks:
                pager:
                  url: http://127.0.0.1:9/hook
                  secret: %s
                  previousSecret: %s
                  idempotent: true
                  allowPrivate: true
                  timeout: 5s
            log: {level: debug, format: json, access: false, decisions: true}
            telemetry: {genai: true}
            """.formatted(
            LONG_SECRET, METRICS_TOKEN, WEBHOOK_SECRET, WEBHOOK_SECRET, LONG_SECRET, WEBHOOK_SECRET, WEBHOOK_SECRET);
}
