package io.taskpilot.journal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.taskpilot.LongRunning;
import io.taskpilot.config.Secret;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@LongRunning
class LocalPostgresTest {
    @TempDir
    private Path dir;

    /** A server process that starts its database, says where it is, and waits to be killed. */
    static final class Server {
        private Server() {}

        public static void main(String[] args) throws IOException {
            try {
                var postgres = LocalPostgres.start(Path.of(args[0]));
                System.out.println(postgres.address().url().value());
            } catch (IllegalStateException e) {
                System.out.println(e.getMessage());
            }
            System.in.read();
        }
    }

    private static Process server(Path dataDir) throws IOException {
        return new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        Server.class.getName(),
                        dataDir.toString())
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
    }

    private static String firstLine(Process process) throws IOException {
        var reader = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
        for (var line = reader.readLine(); line != null; line = reader.readLine()) {
            if (line.contains("postgresql://") || line.contains("data directory")) {
                return line;
            }
        }
        return "(nothing)";
    }

    @Test
    void dataIsPrivateDurableAndThereAfterARestart() throws IOException {
        var dataDir = dir.resolve("data");
        try (var first = LocalPostgres.start(dataDir)) {
            Migrations.migrate(first.address());
            TestPostgres.execute(first.address(), "insert into nodes values (gen_random_uuid(), 'live', now())");
            assertThat(TestPostgres.query(first.address(), "show fsync")).isEqualTo("on");
            assertThat(TestPostgres.query(first.address(), "show listen_addresses"))
                    .isEqualTo("127.0.0.1");
        }

        try (var second = LocalPostgres.start(dataDir)) {
            assertThat(Migrations.migrate(second.address())).isZero();
            assertThat(TestPostgres.query(second.address(), "select count(*) from nodes"))
                    .isEqualTo("1");
        }

        assertThat(mode(dataDir)).isEqualTo("rwx------");
        assertThat(mode(dataDir.resolve("postgres"))).isEqualTo("rwx------");
        assertThat(mode(dataDir.resolve("postgres.password"))).isEqualTo("rw-------");
        assertThat(dataDir.resolve("postgres").resolve("postmaster.pid")).doesNotExist();
    }

    private static String mode(Path path) throws IOException {
        return PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
    }

    @Test
    void nobodyGetsInWithoutThePassword() throws IOException {
        try (var postgres = LocalPostgres.start(dir)) {
            var right = postgres.address();
            var wrong = new PostgresAddress(
                    right.host(), right.port(), right.database(), right.user(), new Secret("guess"), Map.of());

            assertThatThrownBy(() -> TestPostgres.query(wrong, "select 1"))
                    .hasRootCauseMessage("FATAL: password authentication failed for user \"taskpilot\"");
            assertThat(TestPostgres.query(right, "select distinct auth_method from pg_hba_file_rules"))
                    .isEqualTo("scram-sha-256");
        }
    }

    @Test
    void whatAKilledServerLeftBehindIsStoppedAndItsDataIsThere() throws Exception {
        var killed = server(dir);
        var address = PostgresAddress.parse(new Secret(firstLine(killed)));
        TestPostgres.execute(address, "create table kept as select 42 as answer");
        var orphan = Long.parseLong(Files.readAllLines(dir.resolve("postgres").resolve("postmaster.pid"))
                .get(0)
                .strip());
        killed.destroyForcibly().waitFor();
        assertThat(ProcessHandle.of(orphan)).isPresent();

        try (var next = LocalPostgres.start(dir)) {
            assertThat(TestPostgres.query(next.address(), "select answer from kept"))
                    .isEqualTo("42");
            assertThat(next.address().port()).isNotEqualTo(address.port());
            // by its command: where nothing reaps orphans its number stays taken
            assertThat(ProcessHandle.of(orphan)
                            .flatMap(process -> process.info().commandLine()))
                    .isEmpty();
        }
    }

    @Test
    void aSecondServerIsRefusedByNameAndTheFirstGoesOn() throws Exception {
        try (var first = LocalPostgres.start(dir)) {
            var me = Long.toString(ProcessHandle.current().pid());
            assertThatThrownBy(() -> LocalPostgres.start(dir))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining(dir.toString())
                    .hasMessageContaining(me);

            var second = server(dir);
            assertThat(firstLine(second)).contains("in use by another server").contains(dir.toString(), me);
            second.destroyForcibly().waitFor();

            assertThat(TestPostgres.query(first.address(), "select 1")).isEqualTo("1");
        }
    }

    @Test
    void aProcessThatOnlyHasTheOldNumberIsLeftAlone() throws IOException {
        LocalPostgres.start(dir).close();
        var innocent = ProcessHandle.current().pid();
        Files.writeString(
                dir.resolve("postgres").resolve("postmaster.pid"),
                "%d\n%s\n1\n5432\n\n127.0.0.1\n  1  1\nready\n".formatted(innocent, dir.resolve("postgres")));

        try (var next = LocalPostgres.start(dir)) {
            assertThat(TestPostgres.query(next.address(), "select 1")).isEqualTo("1");
        }
    }

    @Test
    void aClusterWithoutItsPasswordSaysWhatIsMissing() throws IOException {
        LocalPostgres.start(dir).close();
        Files.delete(dir.resolve("postgres.password"));

        assertThatThrownBy(() -> LocalPostgres.start(dir)).hasMessageContaining("postgres.password is gone");
    }

    @Test
    void twoDirectoriesAreTwoServers() throws IOException {
        try (var one = LocalPostgres.start(dir.resolve("one"));
                var two = LocalPostgres.start(dir.resolve("two"))) {
            TestPostgres.execute(one.address(), "create table here ()");

            assertThat(TestPostgres.query(two.address(), "select to_regclass('here')"))
                    .isEqualTo("null");
        }
    }
}
