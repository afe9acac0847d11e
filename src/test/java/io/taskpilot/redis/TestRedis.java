package io.taskpilot.redis;

import io.taskpilot.config.Secret;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import redis.embedded.RedisExecProvider;

/** A real Redis on a free port that it keeps, to be killed, stopped and started again. It stores nothing on disk. */
public final class TestRedis implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    private final int port;
    private final String password;
    private Process process;

    public TestRedis() {
        this("");
    }

    /** @param password empty for none */
    public TestRedis(String password) {
        this.password = password;
        try (var free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = free.getLocalPort();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        process = launch();
    }

    private Process launch() {
        try {
            var program = RedisExecProvider.defaultProvider().get().getAbsolutePath();
            var started = new ProcessBuilder(List.of(
                            program,
                            "--port",
                            String.valueOf(port),
                            "--bind",
                            "127.0.0.1",
                            "--save",
                            "",
                            "--requirepass",
                            password))
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .start();
            var end = System.nanoTime() + PATIENCE.toNanos();
            while (!answers()) {
                if (System.nanoTime() > end || !started.isAlive()) {
                    started.destroyForcibly();
                    throw new IllegalStateException("redis did not start");
                }
                LockSupport.parkNanos(Duration.ofMillis(20).toNanos());
            }
            return started;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private boolean answers() {
        try {
            return !command("PING").isEmpty();
        } catch (IOException notYet) {
            return false;
        }
    }

    private String command(String line) throws IOException {
        try (var socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
            socket.setSoTimeout((int) PATIENCE.toMillis());
            socket.getOutputStream().write((line + "\r\n").getBytes(StandardCharsets.US_ASCII));
            var answer = new byte[64];
            var read = socket.getInputStream().read(answer);
            return new String(answer, 0, Math.max(0, read), StandardCharsets.US_ASCII);
        }
    }

    public Secret url() {
        return url(password);
    }

    public Secret url(String withPassword) {
        return new Secret("redis://:%s@127.0.0.1:%d".formatted(withPassword, port));
    }

    public void kill() {
        process.destroyForcibly();
        try {
            process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    public void startAgain() {
        process = launch();
    }

    /** From now on it accepts, and never answers. */
    public void hang() {
        signal("-STOP");
    }

    public void goOn() {
        signal("-CONT");
    }

    private void signal(String name) {
        try {
            new ProcessBuilder("kill", name, String.valueOf(process.pid()))
                    .start()
                    .waitFor();
        } catch (IOException | InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    public void flush() {
        try {
            command("FLUSHALL");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        kill();
    }
}
