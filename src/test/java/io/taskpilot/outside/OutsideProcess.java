package io.taskpilot.outside;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * A server of somebody's, in a process of its own, on a port that it keeps: to be killed, stopped and started again as it
 * was.
 */
public abstract class OutsideProcess implements AutoCloseable {
    private static final Duration SLOWEST_START = Duration.ofMinutes(2);
    private static final int LOWEST_PORT = 10_000;
    private static final int EPHEMERAL_PORTS = 32_768;

    private final int port;
    private final Path log;
    private @Nullable Process process;

    protected OutsideProcess(int port) {
        this.port = port;
        try {
            log = Files.createTempFile("outside", ".log");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    protected abstract List<String> command();

    /**
     * Whether it answers.
     *
     * @throws IOException when it does not yet
     */
    protected abstract boolean isReady() throws IOException;

    public final int port() {
        return port;
    }

    /**
     * Starts it for the first time. Returns when it answers; fails with what it said when it ends before that, or takes
     * two minutes.
     */
    protected final void launch() {
        try {
            process = launched();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private Process launched() throws IOException {
        var started = new ProcessBuilder(command())
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()))
                .start();
        var end = System.nanoTime() + SLOWEST_START.toNanos();
        while (!answers()) {
            if (System.nanoTime() - end > 0 || !started.isAlive()) {
                started.destroyForcibly().onExit().join();
                var said = Files.readString(log);
                Files.delete(log);
                throw new IllegalStateException(
                        "%s did not start: %s".formatted(command().get(0), said));
            }
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20));
        }
        return started;
    }

    private boolean answers() {
        try {
            return isReady();
        } catch (IOException notYet) {
            return false;
        }
    }

    /** Returns when it answers. */
    public final void startAgain() {
        launch();
    }

    /** As {@code kill -9}; returns when it is gone. */
    public final void kill() {
        if (process != null) {
            process.destroyForcibly().onExit().join();
        }
    }

    /** From now on it accepts, and never answers. */
    public final void hang() {
        signal("STOP");
    }

    public final void goOn() {
        signal("CONT");
    }

    private void signal(String name) {
        try {
            var sent = new ProcessBuilder(
                            "kill",
                            "-" + name,
                            String.valueOf(Objects.requireNonNull(process).pid()))
                    .start();
            if (sent.onExit().orTimeout(10, TimeUnit.SECONDS).join().exitValue() != 0) {
                throw new IllegalStateException(
                        "%s took no %s".formatted(command().get(0), name));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        kill();
        try {
            Files.deleteIfExists(log);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * A port that a server may leave and take again: not one of those that the system hands to whoever connects or
     * listens somewhere meanwhile.
     */
    public static int unusedPort() {
        return unusedPorts(1).get(0);
    }

    /** No two of them the same. */
    public static List<Integer> unusedPorts(int count) {
        var ports = new HashSet<Integer>();
        for (var tries = 0; ports.size() < count; tries++) {
            if (tries == 100 * count) {
                throw new IllegalStateException(
                        "too few ports from %d to %d are free".formatted(LOWEST_PORT, EPHEMERAL_PORTS));
            }
            var port = ThreadLocalRandom.current().nextInt(LOWEST_PORT, EPHEMERAL_PORTS);
            if (isUnused(port)) {
                ports.add(port);
            }
        }
        return List.copyOf(ports);
    }

    private static boolean isUnused(int port) {
        try (var socket = new ServerSocket(port, 1, InetAddress.getLoopbackAddress())) {
            return socket.isBound();
        } catch (IOException taken) {
            return false;
        }
    }

    /** Whether somebody listens on a port. */
    public static boolean accepts(int port) throws IOException {
        try (var socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
            return socket.isConnected();
        }
    }
}
