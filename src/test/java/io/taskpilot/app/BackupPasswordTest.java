package io.taskpilot.app;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** How the scripts of backup and restore tell PostgreSQL's tools the password: these tools here only write down what they got. */
class BackupPasswordTest {
    private static final String TOOL = """
            #!/bin/sh
            echo "$0 $*" >>"$RECORD/arguments"
            printf '%s\\n' "${PGPASSWORD-none}" >>"$RECORD/password"
            for argument; do
                case $argument in --file=*) echo dumped >"${argument#--file=}" ;; esac
            done
            case $* in *count*) echo 0 ;; esac
            """;

    @TempDir
    private Path dir;

    @BeforeEach
    void install() throws IOException {
        Files.createDirectories(dir.resolve("bin"));
        for (var tool : List.of("pg_dump", "pg_restore", "psql")) {
            var file = Files.writeString(dir.resolve("bin").resolve(tool), TOOL);
            Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwx------"));
        }
    }

    /** Arguments are seen by whoever lists processes. */
    @ParameterizedTest
    @ValueSource(strings = {"dump.sh", "record.sh", "restore.sh"})
    void thePasswordIsNoArgument(String script) throws Exception {
        run(script, "postgresql://taskpilot:hunter2@db.example.com:5432/taskpilot?sslmode=require");

        assertThat(Files.readString(dir.resolve("arguments")))
                .contains("--dbname=postgresql://taskpilot@db.example.com:5432/taskpilot?sslmode=require")
                .doesNotContain("hunter2");
        assertThat(Files.readAllLines(dir.resolve("password"))).contains("hunter2");
    }

    @ParameterizedTest
    @CsvSource({
        "postgresql://u:p%40ss%2Fw%25rd%C3%A9@h/x, p@ss/w%rdé, postgresql://u@h/x",
        "postgresql://u%3A:%27*@[::1]:5432/x, '''*', postgresql://u%3A@[::1]:5432/x",
        "postgresql://u:a:b+c@h/x, a:b+c, postgresql://u@h/x",
        "postgresql://u@h/x?sslrootcert=/a:b@c, none, postgresql://u@h/x?sslrootcert=/a:b@c"
    })
    void aPasswordIsWhatItsEncodingStandsFor(String url, String password, String withoutPassword) throws Exception {
        run("record.sh", url);

        assertThat(Files.readAllLines(dir.resolve("password"))).containsExactly(password);
        assertThat(Files.readString(dir.resolve("arguments"))).contains("--dbname=" + withoutPassword + "\n");
    }

    private void run(String script, String url) throws Exception {
        var backups = Files.createDirectories(dir.resolve("backups"));
        if (!script.equals("dump.sh")) {
            Files.writeString(backups.resolve("taskpilot-20261126T021700Z.dump"), "dumped");
        }
        var command = new ProcessBuilder("sh", "scripts/backup/" + script).redirectErrorStream(true);
        command.environment().remove("PGPASSWORD");
        command.environment().put("PATH", dir.resolve("bin") + ":" + System.getenv("PATH"));
        command.environment().put("RECORD", dir.toString());
        command.environment().put("BACKUP_DIR", backups.toString());
        command.environment()
                .put(
                        "POSTGRES_URL_FILE",
                        Files.writeString(dir.resolve("url"), url).toString());
        var process = command.start();
        var said = new String(process.getInputStream().readAllBytes(), UTF_8);
        assertThat(process.waitFor()).as(said).isZero();
    }
}
