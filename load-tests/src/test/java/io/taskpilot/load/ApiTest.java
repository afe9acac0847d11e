package io.taskpilot.load;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whose key the load has. */
class ApiTest {
    @TempDir
    Path directory;

    @AfterEach
    void forget() {
        System.clearProperty("apiKey");
        System.clearProperty("apiKeyFile");
    }

    @Test
    void aKeyComesInAFileOrAsItIsOrNotAtAll() throws Exception {
        assertEquals("", Api.key());

        System.setProperty("apiKey", "tp_given");
        assertEquals("tp_given", Api.key());

        System.setProperty(
                "apiKeyFile",
                Files.writeString(directory.resolve("key"), "tp_kept\n").toString());
        assertEquals("tp_kept", Api.key());
    }
}
