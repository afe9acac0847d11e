package io.taskpilot.outside;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * A server of somebody's, in a process of its own, on a port that it keeps: to be killed, stopped and started again as it
 * was.
 */
public abstract class OutsideProcess implements AutoCloseable {
    private static final Duration SLOWEST_START = Duration.ofMinutes(2);

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

    public static int unusedPort() {
        return unusedPorts(1).get(0);
    }

    /** No two of them the same. */
    public static List<Integer> unusedPorts(int count) {
        var open = new ArrayList<ServerSocket>();
        try {
            for (var i = 0; i < count; i++) {
                open.add(new ServerSocket(0, 1, InetAddress.getLoopbackAddress()));
            }
            for (var each : open) {
                each.close();
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return open.stream().map(ServerSocket::getLocalPort).toList();
    }

    /** Whether somebody listens on a port. */
    public static boolean accepts(int port) throws IOException {
        try (var socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
            return socket.isConnected();
        }
    }
}
