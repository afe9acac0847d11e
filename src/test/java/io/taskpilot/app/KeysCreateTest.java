package io.taskpilot.app;

import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.config.Secret;
import io.taskpilot.gateway.ApiKeys;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KeysCreateTest {
    private static final String SECRET = "0123456789abcdef0123456789abcdef";

    @TempDir
    Path dir;

    private CommandRun command;
    private Path keysFile;
    private Path keyFile;

    @BeforeEach
    void configure() {
        command = new CommandRun(dir);
        keysFile = dir.resolve("keys.yaml");
        keyFile = dir.resolve("key");
        command.environment.put("TASKPILOT_AUTH_SECRET", SECRET);
        command.environment.put("TASKPILOT_AUTH_KEYS_FILE", keysFile.toString());
    }

    @Test
    void theFirstStartMakesAKeyThatTheServerKnows() throws Exception {
        var end = create();

        assertThat(end.code()).as(end.err()).isZero();
        var key = Files.readString(keyFile).strip();
        assertThat(Files.readString(keysFile))
                .contains(ApiKeys.hash(new Secret(SECRET), key), "\"roles\":[\"approver\"]")
                .doesNotContain(key);
        assertThat(ApiKeys.parse(Files.readString(keysFile), new Secret(SECRET)).size())
                .isEqualTo(1);
        assertThat(end.out() + end.err()).doesNotContain(key);
        for (var file : new Path[] {keyFile, keysFile}) {
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                    .isEqualTo("rw-------");
        }
    }

    @Test
    void aLaterStartChangesNothing() throws Exception {
        create();
        var key = Files.readString(keyFile);
        var keys = Files.readString(keysFile);

        assertThat(create().code()).isZero();

        assertThat(Files.readString(keyFile)).isEqualTo(key);
        assertThat(Files.readString(keysFile)).isEqualTo(keys);
    }

    /** A start that ended between the two files: nobody has that key, and keys of others stay. */
    @Test
    void anEntryWhoseKeyWasLostIsReplaced() throws Exception {
        var others = command.run("keys", "hash", "--id", "ci").out();
        Files.writeString(keysFile, others);
        create();
        Files.delete(keyFile);

        assertThat(create().code()).isZero();

        assertThat(Files.readString(keysFile))
                .startsWith(others)
                .contains(ApiKeys.hash(
                        new Secret(SECRET), Files.readString(keyFile).strip()));
        assertThat(ApiKeys.parse(Files.readString(keysFile), new Secret(SECRET)).size())
                .isEqualTo(2);
    }

    @Test
    void withoutTheServersSecretThereIsNoKey() {
        command.environment.remove("TASKPILOT_AUTH_SECRET");

        assertThat(create().code()).isEqualTo(ExitCode.USAGE);

        assertThat(keyFile).doesNotExist();
    }

    private CommandRun.End create() {
        return command.run(
                "keys", "create", "--key-file", keyFile.toString(), "--role", "approver", "--scope", "runs:write");
    }
}
