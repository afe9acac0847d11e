package io.taskpilot.redis;

import io.taskpilot.config.Secret;
import io.taskpilot.outside.OutsideProcess;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import redis.embedded.RedisExecProvider;

/** A real Redis on a free port that it keeps, to be killed, stopped and started again. It stores nothing on disk. */
public final class TestRedis extends OutsideProcess {
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    private final String password;

    public TestRedis() {
        this("");
    }

    /** @param password empty for none */
    public TestRedis(String password) {
        super(unusedPort());
        this.password = password;
        launch();
    }

    @Override
    protected List<String> command() {
        try {
            return List.of(
                    RedisExecProvider.defaultProvider().get().getAbsolutePath(),
                    "--port",
                    String.valueOf(port()),
                    "--bind",
                    "127.0.0.1",
                    "--save",
                    "",
                    "--requirepass",
                    password);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    protected boolean isReady() throws IOException {
        return !command("PING").isEmpty();
    }

    private String command(String line) throws IOException {
        try (var socket = new Socket(InetAddress.getLoopbackAddress(), port())) {
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
        return new Secret("redis://:%s@127.0.0.1:%d".formatted(withPassword, port()));
    }

    public void flush() {
        try {
            command("FLUSHALL");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
