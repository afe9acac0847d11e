package io.taskpilot.stack;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The first step of the stack, run as in its container: as root, on volumes that are empty at first. */
class PrepareTest {
    @TempDir
    Path directory;

    private Path secrets;

    @BeforeEach
    void asRoot() throws Exception {
        assumeTrue("root".equals(System.getProperty("user.name")), "only root may hand files to others");
        secrets = Files.createDirectory(directory.resolve("secrets"));
        Files.createDirectory(directory.resolve("volumes"));
    }

    @Test
    void aFirstStartMakesEverySecretAndALaterOneNone() throws Exception {
        var first = prepare("");
        var made = contents();
        assertThat(first).contains("made taskpilot/auth-secret", "made postgres/password");
        assertThat(made.get("taskpilot/postgres-url"))
                .isEqualTo("postgresql://taskpilot:" + made.get("postgres/password") + "@postgres:5432/taskpilot");
        assertThat(made.get("kibana/password")).isEqualTo(made.get("elasticsearch/kibana_system"));
        assertThat(made.get("taskpilot/arguments")).isEmpty();
        made.forEach((file, content) -> assertThat(first).as(file).doesNotContain(content.isEmpty() ? "\0" : content));

        assertThat(prepare("")).isEmpty();
        assertThat(contents()).isEqualTo(made);
    }

    @Test
    void eachIsReadableByItsOwnerAlone() throws Exception {
        prepare("");
        try (var files = Files.walk(secrets)) {
            for (var file : files.filter(Files::isRegularFile).toList()) {
                assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                        .as(file.toString())
                        .endsWith("------");
            }
        }
        assertThat(Files.getAttribute(secrets.resolve("taskpilot/auth-secret"), "unix:uid"))
                .isEqualTo(65532);
        assertThat(Files.getAttribute(secrets.resolve("postgres/password"), "unix:uid"))
                .isEqualTo(999);
        assertThat(Files.getAttribute(directory.resolve("volumes/jaeger"), "unix:uid"))
                .isEqualTo(10001);
    }

    @Test
    void aKeyOfAProviderIsHandedOnAndTakenBack() throws Exception {
        prepare("sk-of-the-operator\n");
        assertThat(contents()).containsEntry("taskpilot/openai-api-key", "sk-of-the-operator");
        assertThat(contents().get("taskpilot/arguments"))
                .contains("--set=llm.apiKeyFile=/run/taskpilot/openai-api-key");

        prepare("");
        assertThat(contents()).doesNotContainKey("taskpilot/openai-api-key");
        assertThat(contents().get("taskpilot/arguments")).isEmpty();
    }

    /** `up` without the profile runs while the services of the profile do. */
    @Test
    void whatAProfileAddedIsThereAfterAnotherStart() throws Exception {
        prepare("");
        assertThat(contents().get("taskpilot/arguments-objects")).isEmpty();
        assertThat(contents().get("collector/backends.yaml")).isEqualTo("service: {}\n");

        var bin = Files.createDirectory(directory.resolve("bin"));
        var weed = Files.writeString(bin.resolve("weed"), "#!/bin/sh\ncat >/dev/null\necho '  taskpilot\tsize:0'\n");
        assertThat(weed.toFile().setExecutable(true)).isTrue();
        step(
                "docker/init/objects",
                Map.of(
                        "PATH",
                        bin + ":" + System.getenv("PATH"),
                        "FLAGS",
                        secrets.resolve("taskpilot/arguments-objects").toString()));
        step(
                "docker/init/tempo",
                Map.of("BACKENDS", secrets.resolve("collector/backends.yaml").toString()));
        var added = contents();
        assertThat(added.get("taskpilot/arguments-objects")).contains("--set=s3.url=");
        assertThat(added.get("collector/backends.yaml")).contains("otlp_grpc/tempo");

        prepare("");
        assertThat(contents()).isEqualTo(added);
    }

    private String prepare(String openAiKey) throws Exception {
        var key = Files.writeString(directory.resolve("openai"), openAiKey);
        return step(
                "docker/init/prepare",
                Map.of(
                        "SECRETS",
                        secrets.toString(),
                        "VOLUMES",
                        directory.resolve("volumes").toString(),
                        "OPENAI_KEY",
                        key.toString()));
    }

    private static String step(String script, Map<String, String> environment) throws Exception {
        var process = new ProcessBuilder(script).redirectErrorStream(true);
        process.environment().putAll(environment);
        var started = process.start();
        var said = new String(started.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(started.waitFor()).as(said).isZero();
        return said;
    }

    private Map<String, String> contents() throws Exception {
        try (var files = Files.walk(secrets)) {
            return files.filter(Files::isRegularFile)
                    .collect(Collectors.toMap(
                            file -> secrets.relativize(file).toString(),
                            PrepareTest::content,
                            (one, two) -> one,
                            TreeMap::new));
        }
    }

    private static String content(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
