package io.taskpilot.app;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.ProcessBuilder.Redirect;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** The server as a process of its own, started from the jar, as a user would: it can be killed. */
final class ServerProcess implements AutoCloseable {
    private static final Duration START = Duration.ofMinutes(2);

    private final Process process;
    private final Path output;
    private final URI url;

    private ServerProcess(Process process, Path output, URI url) {
        this.process = process;
        this.output = output;
        this.url = url;
    }

    /** @param settings environment variables beside those that keep it to itself */
    static ServerProcess start(Path dataDir, Map<String, String> settings) throws Exception {
        return start(dataDir, settings, true);
    }

    /** What it says goes into a pipe that nobody reads. */
    static ServerProcess startUnheard(Path dataDir, Map<String, String> settings) throws Exception {
        return start(dataDir, settings, false);
    }

    private static ServerProcess start(Path dataDir, Map<String, String> settings, boolean heard) throws Exception {
        var output = Files.createTempFile(dataDir.getParent(), "server", ".log");
        var builder = new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-jar",
                System.getProperty("taskpilot.jar", "target/taskpilot.jar"),
                "serve");
        builder.environment().put("TASKPILOT_DATA_DIR", dataDir.toString());
        builder.environment()
                .put("TASKPILOT_CONF_DIR", Path.of("conf").toAbsolutePath().toString());
        builder.environment().put("TASKPILOT_HTTP_PORT", "0");
        builder.environment().put("TASKPILOT_HTTP_MANAGEMENT_PORT", "0");
        builder.environment().putAll(settings);
        builder.redirectErrorStream(true).redirectOutput(heard ? Redirect.to(output.toFile()) : Redirect.PIPE);
        var process = builder.start();
        var record = dataDir.resolve("server.json");
        var deadline = System.nanoTime() + START.toNanos();
        while (process.isAlive() && System.nanoTime() - deadline < 0) {
            var found = url(record, process.pid());
            if (found != null && isLive(found)) {
                return new ServerProcess(process, output, found);
            }
            process.waitFor(50, TimeUnit.MILLISECONDS);
        }
        process.destroyForcibly();
        throw new IllegalStateException("the server did not start:\n" + Files.readString(output));
    }

    private static @Nullable URI url(Path record, long pid) {
        try {
            var server = ApiUser.JSON.readTree(record.toFile());
            return server.path("pid").asLong() == pid
                    ? URI.create(server.path(server.has("url") ? "url" : "management_url")
                            .asText())
                    : null;
        } catch (IOException notYet) {
            return null;
        }
    }

    private static boolean isLive(URI url) {
        try {
            var request = HttpRequest.newBuilder(url.resolve("/health/ready")).build();
            return HttpClient.newHttpClient()
                            .send(request, BodyHandlers.discarding())
                            .statusCode()
                    == 200;
        } catch (IOException notYet) {
            return false;
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    URI url() {
        return url;
    }

    long pid() {
        return process.pid();
    }

    String output() {
        try {
            return Files.readString(output);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Somebody who uses it. */
    ApiUser user() {
        return new ApiUser(url);
    }

    /** SIGKILL, as a power cut would be; the database it started is left behind. */
    void kill() {
        process.destroyForcibly();
        exit();
    }

    /** SIGTERM. */
    int stop() {
        terminate();
        return exit();
    }

    /** SIGTERM, without waiting. */
    void terminate() {
        process.destroy();
    }

    /** Its code, once it has ended. */
    int exit() {
        return process.onExit().orTimeout(30, TimeUnit.SECONDS).join().exitValue();
    }

    @Override
    public void close() {
        if (process.isAlive()) {
            process.destroy();
            process.onExit()
                    .orTimeout(30, TimeUnit.SECONDS)
                    .exceptionally(late -> process.destroyForcibly())
                    .join();
        }
    }
}
