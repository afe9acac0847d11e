package io.taskpilot.app;

import static java.nio.file.StandardCopyOption.ATOMIC_MOVE;
import static java.nio.file.StandardCopyOption.REPLACE_EXISTING;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The note that a running server leaves in its data directory, so that commands find it. Private to the user.
 *
 * @param url of the API; null when it has none
 * @param managementUrl of health and metrics
 */
record ServerRecord(@Nullable URI url, URI managementUrl, long pid) {
    private static final String FILE = "server.json";
    private static final Duration ALIVE = Duration.ofSeconds(5);

    void write(Path dataDir) throws IOException {
        Files.createDirectories(dataDir);
        var content = new LinkedHashMap<String, Object>();
        if (url != null) {
            content.put("url", url.toString());
        }
        content.put("management_url", managementUrl.toString());
        content.put("pid", pid);
        var json = ApiClient.json(content);
        // written beside and moved, so that no command reads half of it; made private before it has content
        var fresh = dataDir.resolve(FILE + "." + pid);
        Files.deleteIfExists(fresh);
        Files.createFile(fresh, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        Files.writeString(fresh, json + "\n");
        Files.move(fresh, dataDir.resolve(FILE), ATOMIC_MOVE, REPLACE_EXISTING);
    }

    /** Removes the note if it is still this server's. */
    void remove(Path dataDir) throws IOException {
        if (read(dataDir).filter(this::equals).isPresent()) {
            Files.deleteIfExists(dataDir.resolve(FILE));
        }
    }

    /** Empty when there is none, or none that can be read. */
    static Optional<ServerRecord> read(Path dataDir) {
        var file = dataDir.resolve(FILE);
        if (!Files.isReadable(file)) {
            return Optional.empty();
        }
        try {
            var json = ApiClient.JSON.readTree(file.toFile());
            return Optional.of(new ServerRecord(
                    json.has("url") ? URI.create(json.path("url").asText()) : null,
                    URI.create(json.path("management_url").asText()),
                    json.path("pid").asLong()));
        } catch (IOException | IllegalArgumentException e) {
            return Optional.empty();
        }
    }

    /** Asks it. A killed server leaves its note behind, and another program may have its port since. */
    boolean isAlive() throws InterruptedException {
        try {
            return isLive(managementUrl, ALIVE);
        } catch (IOException e) {
            return false;
        }
    }

    static boolean isLive(URI managementUrl, Duration patience) throws IOException, InterruptedException {
        var request = HttpRequest.newBuilder(managementUrl.resolve("/health/live"))
                .timeout(patience)
                .build();
        return HttpClient.newBuilder()
                        .version(HttpClient.Version.HTTP_1_1)
                        .connectTimeout(patience)
                        .build()
                        .send(request, BodyHandlers.discarding())
                        .statusCode()
                == 200;
    }
}
