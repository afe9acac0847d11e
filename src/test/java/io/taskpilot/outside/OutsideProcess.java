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
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** A server of somebody's, in a process of its own: to be killed, stopped and started again as it was. */
public final class OutsideProcess implements AutoCloseable {
    private static final Duration SLOWEST_START = Duration.ofMinutes(2);

    private final List<String> command;
    private final Ready ready;
    private final Path log;
    private Process process;

    /** Whether it answers. */
    @FunctionalInterface
    public interface Ready {
        /** @throws IOException when it does not yet */
        boolean isReady() throws IOException;
    }

    private OutsideProcess(List<String> command, Ready ready) throws IOException {
        this.command = List.copyOf(command);
        this.ready = ready;
        log = Files.createTempFile("outside", ".log");
        process = launch();
    }

    /** Returns when it answers; fails with what it said when it ends before that, or takes two minutes. */
    public static OutsideProcess start(List<String> command, Ready ready) throws IOException {
        return new OutsideProcess(command, ready);
    }

    private Process launch() {
        try {
            return launched();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private Process launched() throws IOException {
        var started = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()))
                .start();
        var end = System.nanoTime() + SLOWEST_START.toNanos();
        while (!answers()) {
            if (System.nanoTime() - end > 0 || !started.isAlive()) {
                started.destroyForcibly().onExit().join();
                var said = Files.readString(log);
                Files.delete(log);
                throw new IllegalStateException("%s did not start: %s".formatted(command.get(0), said));
            }
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20));
        }
        return started;
    }

    private boolean answers() {
        try {
            return ready.isReady();
        } catch (IOException notYet) {
            return false;
        }
    }

    /** As {@code kill -9}; returns when it is gone. */
    public void kill() {
        process.destroyForcibly().onExit().join();
    }

    /** Returns when it answers. */
    public void startAgain() {
        process = launch();
    }

    /** From now on it accepts, and never answers. */
    public void hang() {
        signal("STOP");
    }

    public void goOn() {
        signal("CONT");
    }

    private void signal(String name) {
        try {
            var sent = new ProcessBuilder("kill", "-" + name, String.valueOf(process.pid())).start();
            if (sent.onExit().orTimeout(10, TimeUnit.SECONDS).join().exitValue() != 0) {
                throw new IllegalStateException("%s took no %s".formatted(command.get(0), name));
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

    public static int unusedPort() throws IOException {
        return unusedPorts(1).get(0);
    }

    /** No two of them the same. */
    public static List<Integer> unusedPorts(int count) throws IOException {
        var open = new ArrayList<ServerSocket>();
        try {
            for (var i = 0; i < count; i++) {
                open.add(new ServerSocket(0, 1, InetAddress.getLoopbackAddress()));
            }
            return open.stream().map(ServerSocket::getLocalPort).toList();
        } finally {
            for (var each : open) {
                each.close();
            }
        }
    }

    /** Whether somebody listens on a port. */
    public static boolean accepts(int port) throws IOException {
        try (var socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
            return socket.isConnected();
        }
    }
}
