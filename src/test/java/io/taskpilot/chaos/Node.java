package io.taskpilot.chaos;

import io.taskpilot.app.ChaosNode;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/** One server process after another, under one name: started, told where to stop, stopped, killed. */
final class Node implements AutoCloseable {
    /** As a JVM ends on SIGTERM, once its hooks are done. */
    private static final int STOPPED_IN_ORDER = 143;

    /** Also where PostgreSQL is away for most of it. */
    private static final Duration START = Duration.ofMinutes(4);

    private static final Duration START_TRY = Duration.ofSeconds(60);
    private static final String MARK = "chaos: ";

    /** Which processes, of all times, drove as this node in the node table. */
    private final Set<UUID> identities = ConcurrentHashMap.newKeySet();

    private final String name;
    private final Path directory;
    private final Map<String, String> environment;
    private final @Nullable Wire wire;
    private final List<String> announcements = new CopyOnWriteArrayList<>();
    private volatile @Nullable Process process;
    private volatile @Nullable URI url;
    private volatile @Nullable UUID identity;
    private volatile @Nullable Instant healthySince;

    /** @param wire by which it gets to PostgreSQL; null for straight */
    Node(String name, Path directory, Map<String, String> environment, @Nullable Wire wire) {
        this.name = name;
        this.directory = directory;
        this.environment = environment;
        this.wire = wire;
    }

    String name() {
        return name;
    }

    /** Where the API is; null while there is none. */
    @Nullable
    URI url() {
        return url;
    }

    /** Of the process as it is in the node table now; null for one that is dead or stopped. */
    @Nullable
    UUID livingIdentity() {
        return healthySince == null ? null : identity;
    }

    boolean was(UUID owner) {
        return identities.contains(owner);
    }

    /** Since when the process is up and not stopped; null while it is not. */
    @Nullable
    Instant healthySince() {
        return healthySince;
    }

    /** Blocks until it accepts; a process that could not start (no database, say) is started again. */
    void start() throws IOException {
        var deadline = System.nanoTime() + START.toNanos();
        while (System.nanoTime() - deadline < 0) {
            var starting = launch();
            if (await(() -> url != null || !starting.isAlive(), START_TRY) && url != null) {
                healthySince = Instant.now();
                return;
            }
            starting.destroyForcibly();
        }
        throw new IllegalStateException(name + " did not start: see " + directory.resolve(name + ".log"));
    }

    private Process launch() throws IOException {
        url = null;
        announcements.clear();
        var builder = new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx256m",
                "-Xshare:auto",
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-Dvertx.disableTCCL=true",
                "-cp",
                System.getProperty("java.class.path"),
                ChaosNode.class.getName());
        builder.environment().putAll(environment);
        builder.environment().put("TASKPILOT_DATA_DIR", directory.resolve(name).toString());
        var started = builder.redirectErrorStream(true).start();
        process = started;
        var pump = new Thread(() -> pump(started), name + "-output");
        pump.setDaemon(true);
        pump.start();
        return started;
    }

    private void pump(Process from) {
        try (var log = log();
                var lines = from.inputReader(StandardCharsets.UTF_8)) {
            for (var line = lines.readLine(); line != null; line = lines.readLine()) {
                log.write(line);
                log.newLine();
                log.flush();
                if (line.startsWith(MARK)) {
                    announced(line.substring(MARK.length()));
                }
            }
        } catch (IOException killed) {
            announced("output ended: " + killed.getMessage());
        }
    }

    private BufferedWriter log() throws IOException {
        return Files.newBufferedWriter(
                directory.resolve(name + ".log"), StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    }

    private void announced(String line) {
        if (line.startsWith("url ")) {
            url = URI.create(line.substring(4));
        } else if (line.startsWith("node ")) {
            var id = UUID.fromString(line.substring(5));
            identities.add(id);
            identity = id;
        }
        announcements.add(line);
        synchronized (announcements) {
            announcements.notifyAll();
        }
    }

    /** Waits until the process has said such a line since it was started. */
    boolean awaitAnnouncement(String line, Duration patience) {
        return await(() -> announcements.contains(line), patience);
    }

    private boolean await(BooleanSupplier condition, Duration patience) {
        var deadline = System.nanoTime() + patience.toNanos();
        synchronized (announcements) {
            while (!condition.getAsBoolean()) {
                var left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
                if (left <= 0) {
                    return false;
                }
                try {
                    announcements.wait(Math.min(left, 100)); // an end of the process announces nothing
                } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                }
            }
            return true;
        }
    }

    /** One of the commands of a pause point; a process that is gone hears nothing. */
    void command(String line) {
        var running = process;
        if (running == null || !running.isAlive()) {
            return;
        }
        try {
            announcements.remove("reached " + line.substring(line.indexOf(' ') + 1));
            var in = running.outputWriter(StandardCharsets.UTF_8);
            in.write(line + "\n");
            in.flush();
        } catch (IOException e) {
            announced("command not heard: " + line);
        }
    }

    boolean awaitExit(Duration patience) {
        var running = process;
        return running == null || await(() -> !running.isAlive(), patience);
    }

    void kill() {
        healthySince = null;
        var running = process;
        if (running != null) {
            running.destroyForcibly();
            running.onExit().orTimeout(20, TimeUnit.SECONDS).join();
        }
        url = null;
    }

    /**
     * SIGTERM. Through the handle: {@link Process#destroy} also closes the standard input, which this process takes for
     * the end of the harness and dies of.
     */
    void terminate() {
        healthySince = null;
        var running = process;
        if (running != null) {
            running.toHandle().destroy();
        }
    }

    /** False when it did not stop in order after {@link #terminate}. */
    boolean awaitEnd(Duration patience) {
        var running = process;
        if (running == null) {
            return true;
        }
        if (awaitExit(patience)) {
            url = null;
            return running.exitValue() == STOPPED_IN_ORDER;
        }
        kill();
        return false;
    }

    /** Has nothing more from PostgreSQL, and nothing gets there, until {@link #reconnect}. */
    void cutOff() {
        healthySince = null;
        Objects.requireNonNull(wire).silence();
    }

    void reconnect() {
        Objects.requireNonNull(wire).goOn();
        healthySince = Instant.now();
    }

    void freeze() throws IOException {
        healthySince = null;
        signal("STOP");
    }

    /** Says that the process stopped itself. */
    void frozen() {
        healthySince = null;
    }

    void thaw() throws IOException {
        signal("CONT");
        healthySince = Instant.now();
    }

    private void signal(String signal) throws IOException {
        var running = process;
        if (running != null && running.isAlive()) {
            Signals.send(signal, running.pid());
        }
    }

    String lastWords() {
        try {
            var lines = Files.readAllLines(directory.resolve(name + ".log"));
            return String.join("\n", lines.subList(Math.max(0, lines.size() - 40), lines.size()));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        if (wire != null) {
            wire.close();
        }
        kill();
    }
}
