package io.taskpilot.journal;

import io.taskpilot.outside.OutsideProcess;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** A PostgreSQL that keeps its port, waits for the disk as in production, and can be stopped in every way. */
public final class PostgresProcess implements AutoCloseable {
    private static final long START_SECONDS = 60;

    private final Path binaries;
    private final Path directory;
    private final int port;
    private final PostgresAddress address;
    private volatile @Nullable Process process;

    private PostgresProcess(Path binaries, Path directory, int port, PostgresAddress first) {
        this.binaries = binaries;
        this.directory = directory;
        this.port = port;
        this.address = new PostgresAddress(
                first.host(), port, first.database(), first.user(), first.password(), first.parameters());
    }

    /** Makes a cluster under {@code directory} and starts it. */
    public static PostgresProcess create(Path directory) throws IOException {
        PostgresAddress first;
        try (var maker = LocalPostgres.start(directory)) {
            first = maker.address();
        }
        var real = directory.toRealPath();
        var made = new PostgresProcess(PostgresBinaries.unpacked(real), real, OutsideProcess.unusedPort(), first);
        made.start();
        return made;
    }

    /** Blocks until it answers; after a crash also until what the last one left has gone. */
    public void start() throws IOException {
        var deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(START_SECONDS);
        while (System.nanoTime() - deadline < 0) {
            var starting = launch();
            process = starting;
            while (starting.isAlive() && System.nanoTime() - deadline < 0) {
                if (answers()) {
                    return;
                }
                await(starting, 50);
            }
        }
        throw new IOException("PostgreSQL did not start: " + Files.readString(directory.resolve("postgres.out")));
    }

    private Process launch() throws IOException {
        var command = new ArrayList<String>();
        if (Integer.valueOf(0).equals(Files.getAttribute(Path.of("/proc/self"), "unix:uid"))) {
            command.addAll(List.of("unshare", "-U")); // as LocalPostgres: it refuses root
        }
        command.addAll(List.of(
                binaries.resolve("bin/postgres").toString(),
                "-D",
                directory.resolve("postgres").toString(),
                "-p",
                String.valueOf(port),
                "-c",
                "listen_addresses=127.0.0.1",
                "-c",
                "unix_socket_directories=",
                "-c",
                "max_connections=100",
                "-c",
                "fsync=on",
                "-c",
                "timezone=UTC"));
        var builder = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(
                        directory.resolve("postgres.out").toFile()));
        builder.environment().keySet().removeIf(name -> name.startsWith("PG"));
        return builder.start();
    }

    public boolean answers() {
        try (var connection = connect()) {
            return connection.isValid(2);
        } catch (SQLException e) {
            return false;
        }
    }

    /** A connection of one's own, past the product; gives up on a server that does not answer for 5 s. */
    public Connection connect() throws SQLException {
        var properties = address.jdbcProperties();
        properties.putAll(
                Map.of("ApplicationName", "harness", "connectTimeout", "2", "socketTimeout", "5", "loginTimeout", "3"));
        return DriverManager.getConnection(address.jdbcUrl(), properties);
    }

    /** As a server is told of it. */
    public String url() {
        return url(port);
    }

    /** By way of something on this machine that forwards to it. */
    public String url(int forwarding) {
        return new PostgresAddress(
                        address.host(),
                        forwarding,
                        address.database(),
                        address.user(),
                        address.password(),
                        address.parameters())
                .url()
                .value();
    }

    public int port() {
        return port;
    }

    /** SIGINT: sessions are cut, what is committed is on disk, then it ends. */
    public void stopFast() throws IOException {
        end("INT");
    }

    /** SIGQUIT: ends at once, and recovers at the next start. */
    public void stopImmediately() throws IOException {
        end("QUIT");
    }

    /** SIGKILL to all of its processes. */
    public void kill() throws IOException {
        var all = processes();
        signal("KILL", all);
        for (var each : all) {
            each.onExit().orTimeout(20, TimeUnit.SECONDS).join();
        }
    }

    /** SIGSTOP to all of its processes: connections stand, nothing answers. */
    public void freeze() throws IOException {
        signal("STOP", processes());
    }

    public void thaw() throws IOException {
        signal("CONT", processes());
    }

    private void end(String signal) throws IOException {
        var running = process;
        if (running == null) {
            return;
        }
        signal(signal, List.of(running.toHandle()));
        try {
            if (!running.waitFor(20, TimeUnit.SECONDS)) {
                kill();
            }
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private List<ProcessHandle> processes() {
        var running = process;
        return running == null || !running.isAlive()
                ? List.of()
                : Stream.concat(
                                Stream.of(running.toHandle()),
                                running.toHandle().descendants())
                        .toList();
    }

    private static void signal(String signal, List<ProcessHandle> processes) throws IOException {
        if (processes.isEmpty()) {
            return;
        }
        var command = new ArrayList<>(List.of("kill", "-" + signal));
        processes.forEach(each -> command.add(String.valueOf(each.pid())));
        await(new ProcessBuilder(command).redirectErrorStream(true).start(), 5_000);
    }

    private static void await(Process process, long millis) {
        try {
            process.waitFor(millis, TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Safe to call twice, and from a shutdown hook. */
    @Override
    public void close() throws IOException {
        kill();
    }
}
