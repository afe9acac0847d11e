package io.taskpilot.journal;

import io.taskpilot.config.Secret;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A real PostgreSQL, started for a server that was given none: data under {@code <data directory>/postgres}, loopback
 * only, a password of its own. It holds the data directory's lock from start to close. Blocks: call it from {@code
 * BlockingIo}.
 */
public final class LocalPostgres implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(LocalPostgres.class);
    private static final String USER = "taskpilot";
    private static final int PORT_ATTEMPTS = 5;
    private static final int PORT_LINE = 3;

    private final Path binaries;
    private final Path cluster;
    private final Path output;
    private final Path serverLog;
    private final DataDirectoryLock lock;
    private final PostgresAddress address;

    private LocalPostgres(Path binaries, Path dataDir, DataDirectoryLock lock, Map<String, String> settings)
            throws IOException {
        this.binaries = binaries;
        this.cluster = dataDir.resolve("postgres");
        this.output = dataDir.resolve("postgres.out");
        this.serverLog = dataDir.resolve("postgres.log");
        this.lock = lock;
        var password = password(dataDir);
        if (!Files.exists(cluster)) {
            init(dataDir);
        }
        stopOrphan();
        address = local(startOnFreePort(settings), password);
    }

    /**
     * Starts it, stopping the one that a killed server left behind.
     *
     * @throws IllegalStateException when another server uses the directory, or PostgreSQL does not start; the message
     *     says what to do
     */
    public static LocalPostgres start(Path dataDir) throws IOException {
        return start(dataDir, Map.of("fsync", "on"));
    }

    /** @param settings of the server, by name */
    static LocalPostgres start(Path dataDir, Map<String, String> settings) throws IOException {
        Private.directory(dataDir);
        var lock = DataDirectoryLock.acquire(dataDir);
        try {
            var real = dataDir.toRealPath();
            return new LocalPostgres(PostgresBinaries.unpacked(real), real, lock, settings);
        } catch (IOException | RuntimeException e) {
            lock.close();
            throw e;
        }
    }

    /** The one that a running server has started in the directory; null when there is none. */
    public static @Nullable PostgresAddress running(Path dataDir) throws IOException {
        var pidFile = dataDir.resolve("postgres").resolve("postmaster.pid");
        if (!Files.exists(pidFile)) {
            return null;
        }
        var lines = Files.readAllLines(pidFile); // process, directory, start time, port, ...
        var isAlive = ProcessHandle.of(Long.parseLong(lines.get(0).strip()))
                .map(ProcessHandle::isAlive)
                .orElse(false);
        return isAlive && lines.size() > PORT_LINE
                ? local(Integer.parseInt(lines.get(PORT_LINE).strip()), password(dataDir))
                : null;
    }

    private static PostgresAddress local(int port, Secret password) {
        return new PostgresAddress("127.0.0.1", port, "postgres", USER, password, Map.of("sslmode", "disable"));
    }

    public PostgresAddress address() {
        return address;
    }

    /** Stops it: sessions are cut, what is committed is on disk. */
    @Override
    public void close() throws IOException {
        try {
            stop();
        } finally {
            lock.close();
        }
    }

    /** Stops it as a crash would, at once, and keeps the lock: for a directory that is to be deleted. */
    void crash() throws IOException {
        run("pg_ctl", List.of("-D", cluster.toString(), "stop", "-m", "immediate", "-w", "-t", "20"));
    }

    private static Secret password(Path dataDir) throws IOException {
        var file = dataDir.resolve("postgres.password");
        if (!Files.exists(file)) {
            if (Files.exists(dataDir.resolve("postgres"))) {
                throw new IllegalStateException(
                        "%s is gone, and without it %s can't be opened".formatted(file, dataDir.resolve("postgres")));
            }
            var random = new byte[24];
            new SecureRandom().nextBytes(random);
            Private.write(file, HexFormat.of().formatHex(random));
        }
        return new Secret(Files.readString(file).strip());
    }

    /** Beside its place and renamed into it, so that a kill leaves no half-made cluster that looks whole. */
    private void init(Path dataDir) throws IOException {
        var fresh = dataDir.resolve("postgres.new");
        deleteTree(fresh);
        var initdb = List.of(
                "-D",
                fresh.toString(),
                "-U",
                USER,
                "-A",
                "scram-sha-256",
                "-E",
                "UTF8",
                "--no-locale",
                "--pwfile=" + dataDir.resolve("postgres.password"));
        if (run("initdb", initdb) != 0) {
            throw new IllegalStateException("PostgreSQL's initdb failed: " + lastWords());
        }
        Files.move(fresh, cluster);
    }

    /**
     * A killed server's PostgreSQL lives on. The lock says no other server uses it, so it is stopped: fast, then
     * immediately, which its write-ahead log mends at the next start.
     */
    private void stopOrphan() throws IOException {
        var pidFile = cluster.resolve("postmaster.pid");
        if (!Files.exists(pidFile)) {
            return;
        }
        var pid = Long.parseLong(Files.readAllLines(pidFile).get(0).strip());
        var process = ProcessHandle.of(pid);
        if (process.isEmpty() || !process.get().isAlive()) {
            return; // PostgreSQL removes the file itself
        }
        var command = process.get().info().commandLine().orElse("");
        if (!command.contains("postgres") || !command.contains(cluster.toString())) {
            log.info("process id of the last postgres belongs to another program now pid={}", pid);
            Files.delete(pidFile);
            return;
        }
        log.warn("stopping the postgres that a killed server left pid={} directory={}", pid, cluster);
        stop();
    }

    private void stop() throws IOException {
        var fast = List.of("-D", cluster.toString(), "stop", "-m", "fast", "-w", "-t", "20");
        if (run("pg_ctl", fast) != 0) {
            var immediate = List.of("-D", cluster.toString(), "stop", "-m", "immediate", "-w", "-t", "20");
            if (run("pg_ctl", immediate) != 0) {
                throw new IllegalStateException("PostgreSQL in %s does not stop: %s".formatted(cluster, lastWords()));
            }
        }
    }

    private int startOnFreePort(Map<String, String> settings) throws IOException {
        for (var attempt = 1; ; attempt++) {
            var port = freePort();
            var options = new StringBuilder("-p " + port)
                    .append(" -c listen_addresses=127.0.0.1 -c unix_socket_directories=''")
                    .append(" -c max_connections=100 -c timezone=UTC");
            settings.forEach((name, value) -> options.append(" -c %s=%s".formatted(name, value)));
            var start = List.of(
                    "-D",
                    cluster.toString(),
                    "-l",
                    serverLog.toString(),
                    "-o",
                    options.toString(),
                    "-w",
                    "-t",
                    "120",
                    "start");
            Files.deleteIfExists(serverLog);
            if (run("pg_ctl", start) == 0) {
                log.info("postgres started port={} directory={}", port, cluster);
                return port;
            }
            var words = lastWords();
            if (attempt == PORT_ATTEMPTS || !words.contains("in use")) {
                throw new IllegalStateException("PostgreSQL does not start in %s: %s".formatted(cluster, words));
            }
        }
    }

    private static int freePort() throws IOException {
        try (var socket = new ServerSocket(0, 1, InetAddress.getByAddress(new byte[] {127, 0, 0, 1}))) {
            return socket.getLocalPort();
        }
    }

    private int run(String program, List<String> arguments) throws IOException {
        var command = new ArrayList<String>();
        if (isRoot()) {
            command.addAll(List.of("unshare", "-U")); // PostgreSQL refuses root; in a namespace of its own it is nobody
        }
        command.add(binaries.resolve("bin").resolve(program).toString());
        command.addAll(arguments);
        var builder = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(output.toFile());
        builder.environment()
                .keySet()
                .removeIf(name -> name.startsWith("PG")); // PGDATA, PGPORT: not meant for this one
        builder.environment().put("LC_ALL", "C"); // messages that lastWords can read
        try {
            return finished(builder.start());
        } catch (IOException e) {
            if (isRoot()) {
                throw new IOException("PostgreSQL does not run as root, and there is no unshare: " + advice(), e);
            }
            throw e;
        }
    }

    private static int finished(Process process) throws IOException {
        try {
            if (!process.waitFor(Duration.ofMinutes(3).toMillis(), TimeUnit.MILLISECONDS)) {
                process.destroyForcibly();
                throw new IOException("PostgreSQL did not answer within 3 minutes");
            }
            return process.exitValue();
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }

    private static boolean isRoot() throws IOException {
        var self = Path.of("/proc/self");
        return Files.exists(self) && Integer.valueOf(0).equals(Files.getAttribute(self, "unix:uid"));
    }

    private static String advice() {
        return "run as an ordinary user, or set TASKPILOT_POSTGRES_URL";
    }

    private String lastWords() throws IOException {
        var lines = new ArrayList<String>();
        for (var file : List.of(output, serverLog)) {
            var all = Files.exists(file) ? Files.readAllLines(file, StandardCharsets.UTF_8) : List.<String>of();
            lines.addAll(all.subList(Math.max(0, all.size() - 6), all.size()));
        }
        var words = String.join(" | ", lines);
        return words.contains("unshare") || words.contains("as root") ? words + " (" + advice() + ")" : words;
    }

    private static void deleteTree(Path root) throws IOException {
        if (!Files.exists(root)) {
            return;
        }
        try (var paths = Files.walk(root)) {
            for (var path : paths.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        }
    }
}
