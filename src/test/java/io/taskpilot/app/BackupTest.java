package io.taskpilot.app;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import io.taskpilot.LongRunning;
import io.taskpilot.journal.PostgresAddress;
import io.taskpilot.journal.TestPostgres;
import io.taskpilot.objects.SeaweedFs;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The scripts that the chart's backup and restore run, with the real pg_dump, pg_restore, psql and rclone, a real S3
 * store, and servers before and after.
 */
@LongRunning
class BackupTest {
    @TempDir
    private Path dir;

    private SeaweedFs store;
    private String path;

    private record End(int code, String said) {}

    @BeforeEach
    void start() throws IOException {
        path = postgresTools() + ":" + System.getenv("PATH");
        if (!onPath("rclone")) {
            missing("there is no rclone");
        }
        store = SeaweedFs.start();
        Files.writeString(dir.resolve("access"), "local-access");
        Files.writeString(dir.resolve("secret"), "local-secret");
    }

    @AfterEach
    void stop() {
        if (store != null) {
            store.close();
        }
    }

    @Test
    void aDumpOfALiveDatabaseRestoresIntoAnEmptyOneAndItsRunsAsk() throws Exception {
        var original = TestPostgres.database();
        var settings = Map.of("TASKPILOT_POSTGRES_URL", original.url().value(), "TASKPILOT_LLM_OFFLINE_LATENCY", "0s");
        String finished;
        try (var server = TestServer.start(settings)) {
            finished = server.user()
                    .finish("Create a low priority task \"Sharpen the saw\"")
                    .path("id")
                    .asText();
        }
        String running;
        try (var server = TestServer.start(with(settings, "TASKPILOT_LLM_OFFLINE_LATENCY", "60s"))) {
            running = server.user().submit("Create a low priority task \"Restock\"");
            server.user()
                    .follow(running, 0, event -> event.path("type").asText().equals("agent.started"));

            assertThat(script("dump.sh", original, "dumps").code()).isZero();
            assertThat(script("s3.sh", original, "dumps", "upload").said()).contains("in the store: taskpilot-");
        }

        var restored = TestPostgres.emptyDatabase();
        var fetched = script("s3.sh", restored, "fetched", "download", "");
        assertThat(fetched.said()).contains(".dump: OK");
        var restore = script("restore.sh", restored, "fetched");
        assertThat(restore.code()).as(restore.said()).isZero();
        assertThat(script("restore.sh", restored, "fetched").said()).contains("(expected: an empty one");
        assertThat(parked(restored)).contains("1 unfinished run will ask a person");

        try (var server = TestServer.start(
                with(settings, "TASKPILOT_POSTGRES_URL", restored.url().value()))) {
            var user = server.user();
            assertThat(user.get("/v1/runs/" + finished).path("status").asText()).isEqualTo("succeeded");
            user.follow(running, 0, event -> event.path("type").asText().equals("approval.requested"));
            var approval = user.get("/v1/runs/" + running).path("approval_id").asText();
            assertThat(user.get("/v1/approvals/" + approval).path("kind").asText())
                    .isEqualTo("restored");
            var answered = user.send("POST", "/v1/approvals/" + approval + "/answer", "{\"answer\": \"continue\"}");
            assertThat(answered.statusCode()).as(answered.body()).isEqualTo(200);
            user.follow(running, 0, ApiUser::isTerminal);
            assertThat(user.get("/v1/runs/" + running).path("status").asText()).isEqualTo("succeeded");
            var verified = command(Map.of(), "decisions", "verify", "--server", server.url());
            assertThat(verified.code()).as(verified.said()).isEqualTo(ExitCode.OK);
        }
    }

    @Test
    void aCutDumpIsNoBackup() throws Exception {
        var original = TestPostgres.database();
        assertThat(script("dump.sh", original, "dumps").code()).isZero();
        assertThat(script("s3.sh", original, "dumps", "upload").code()).isZero();
        assertThat(script("s3.sh", original, "fetched", "download").code()).isZero();
        try (var files = Files.list(dir.resolve("fetched"))) {
            var dump = files.filter(file -> file.toString().endsWith(".dump"))
                    .findFirst()
                    .orElseThrow();
            Files.write(dump, Arrays.copyOf(Files.readAllBytes(dump), 1_000));
        }

        var empty = TestPostgres.emptyDatabase();
        assertThat(script("restore.sh", empty, "fetched").code()).isNotZero();
        assertThat(TestPostgres.query(empty, "select count(*) from pg_tables where schemaname = 'public'"))
                .as("all of it, or nothing")
                .isEqualTo("0");
    }

    /** The one that is on record has to be the one that was made. */
    @Test
    void ofSeveralDumpsNoneIsTaken() throws Exception {
        var original = TestPostgres.database();
        assertThat(script("dump.sh", original, "dumps").code()).isZero();
        assertThat(script("s3.sh", original, "dumps", "upload").code()).isZero();
        assertThat(script("record.sh", original, "dumps").code()).isZero();

        Files.writeString(dir.resolve("dumps/taskpilot-20200101T000000Z.dump"), "of another day");
        for (var end : List.of(script("s3.sh", original, "dumps", "upload"), script("record.sh", original, "dumps"))) {
            assertThat(end.code()).isEqualTo(1);
            assertThat(end.said()).contains("has no dump, or several (expected: one");
        }
        assertThat(script("record.sh", original, "none").code()).isEqualTo(1);
        assertThat(TestPostgres.query(original, "select count(*) from backups")).isEqualTo("1");
    }

    private static Map<String, String> with(Map<String, String> settings, String name, String value) {
        var changed = new HashMap<>(settings);
        changed.put(name, value);
        return changed;
    }

    /** A node that was alive when the dump was made counts for ten seconds more. */
    private String parked(PostgresAddress database) {
        while (true) {
            var end = migrateRestored(database);
            if (end.code() == ExitCode.OK) {
                return end.said();
            }
            assertThat(end.said()).contains("servers on this database");
        }
    }

    private End migrateRestored(PostgresAddress database) {
        return command(Map.of("TASKPILOT_POSTGRES_URL", database.url().value()), "migrate", "--restored");
    }

    private End command(Map<String, String> settings, String... words) {
        var said = new ByteArrayOutputStream();
        var out = new PrintStream(said, true, UTF_8);
        var environment = with(
                settings, "TASKPILOT_CONF_DIR", Path.of("conf").toAbsolutePath().toString());
        var shell = new Shell(out, out, Terminal.PLAIN, environment, dir, null);
        var code = new Cli(shell, Main.jobs()).run(words);
        return new End(code, said.toString(UTF_8));
    }

    private End script(String name, PostgresAddress database, String backups, String... arguments) throws Exception {
        var url = Files.writeString(dir.resolve("postgres-url"), database.url().value());
        var command = new ArrayList<>(List.of("sh", "scripts/backup/" + name));
        command.addAll(List.of(arguments));
        var builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().keySet().removeIf(key -> key.startsWith("AWS_") || key.startsWith("RCLONE_"));
        builder.environment()
                .putAll(Map.of(
                        "PATH", path,
                        "POSTGRES_URL_FILE", url.toString(),
                        "BACKUP_DIR",
                                Files.createDirectories(dir.resolve(backups)).toString(),
                        "S3_URL", store.url().toString(),
                        "S3_REGION", "us-east-1",
                        "S3_BUCKET", "taskpilot",
                        "S3_ACCESS_KEY_FILE", dir.resolve("access").toString(),
                        "S3_SECRET_KEY_FILE", dir.resolve("secret").toString(),
                        "KEEP_DAYS", "14"));
        var process = builder.start();
        var said = new String(process.getInputStream().readAllBytes(), UTF_8);
        assertThat(process.waitFor(2, TimeUnit.MINUTES)).isTrue();
        assertThat(said)
                .as("no secret is said")
                .doesNotContain("local-secret", database.password().value());
        return new End(process.exitValue(), said);
    }

    /** Where pg_dump is that can dump the embedded server: $PG_TOOLS, or the cache of {@code .ci/run}. */
    private static String postgresTools() throws IOException {
        var named = System.getenv("PG_TOOLS");
        if (named != null) {
            return named;
        }
        var cache = Path.of(System.getProperty("user.home"), ".cache", "taskpilot-ci");
        if (Files.isDirectory(cache)) {
            try (var files = Files.list(cache)) {
                var found = files.filter(file -> file.getFileName().toString().startsWith("postgres-"))
                        .map(file -> file.resolve("embedded_postgres/pginstall/bin"))
                        .filter(bin -> Files.isExecutable(bin.resolve("pg_dump")))
                        .findFirst();
                if (found.isPresent()) {
                    return found.get().toString();
                }
            }
        }
        return missing("there is no pg_dump of PostgreSQL 18: set PG_TOOLS to its directory");
    }

    private static boolean onPath(String program) {
        for (var directory : System.getenv("PATH").split(":", -1)) {
            if (Files.isExecutable(Path.of(directory, program))) {
                return true;
            }
        }
        return false;
    }

    private static String missing(String what) {
        if ("true".equals(System.getenv("TASKPILOT_REQUIRE_TOOLS"))) {
            throw new AssertionError(what);
        }
        return abort(what);
    }
}
