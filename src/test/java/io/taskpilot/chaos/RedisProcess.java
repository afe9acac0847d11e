package io.taskpilot.chaos;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import redis.embedded.RedisExecProvider;

/** A Redis that keeps its port and nothing else. */
final class RedisProcess implements AutoCloseable {
    private final Path directory;
    private final String program;
    private final int port;
    private volatile @Nullable Process process;

    RedisProcess(Path directory) throws IOException {
        this.directory = directory;
        this.program = RedisExecProvider.defaultProvider().get().getAbsolutePath();
        try (var socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = socket.getLocalPort();
        }
        start();
    }

    String url() {
        return "redis://127.0.0.1:" + port;
    }

    void start() throws IOException {
        process = new ProcessBuilder(
                        program, "--port", String.valueOf(port), "--bind", "127.0.0.1", "--save", "", "--appendonly",
                        "no")
                .directory(directory.toFile())
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(
                        directory.resolve("redis.out").toFile()))
                .start();
    }

    void kill() {
        var running = process;
        if (running != null) {
            running.destroyForcibly();
            running.onExit().orTimeout(10, TimeUnit.SECONDS).join();
        }
    }

    /** It accepts connections, and answers none. */
    void freeze() throws IOException {
        signal("STOP");
    }

    void thaw() throws IOException {
        signal("CONT");
    }

    private void signal(String name) throws IOException {
        var running = process;
        if (running != null) {
            Signals.send(name, running.pid());
        }
    }

    void flush() throws IOException {
        try (var socket = new Socket()) {
            socket.connect(new InetSocketAddress("127.0.0.1", port), 2_000);
            socket.setSoTimeout(2_000);
            socket.getOutputStream().write("FLUSHALL\r\n".getBytes(StandardCharsets.US_ASCII));
            if (socket.getInputStream().read() < 0) {
                throw new IOException("Redis closed the connection");
            }
        }
    }

    @Override
    public void close() {
        kill();
    }
}
