package io.taskpilot.app;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;

/**
 * The health check of the image, for a container that has neither a shell nor curl. Asks the management port whether the
 * event loops turn, and nothing about what the server depends on: a restart would not bring PostgreSQL back. Uses nothing
 * but the JDK's sockets, since it is a process of its own every ten seconds.
 *
 * <p>{@code java -cp taskpilot.jar io.taskpilot.app.Healthcheck}; the exit code is 0 or 1.
 */
final class Healthcheck {
    private static final int TIMEOUT_MILLIS = 2500;

    private Healthcheck() {}

    public static void main(String[] args) {
        var port = System.getenv().getOrDefault("TASKPILOT_HTTP_MANAGEMENT_PORT", "8081");
        System.exit(isAlive(port) ? 0 : 1);
    }

    private static boolean isAlive(String port) {
        try (var socket = new Socket()) {
            socket.setSoTimeout(TIMEOUT_MILLIS);
            socket.connect(
                    new InetSocketAddress(InetAddress.getLoopbackAddress(), Integer.parseInt(port)), TIMEOUT_MILLIS);
            socket.getOutputStream()
                    .write("GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
                            .getBytes(US_ASCII));
            var answer = new String(socket.getInputStream().readNBytes(12), US_ASCII);
            if (answer.equals("HTTP/1.1 200")) {
                return true;
            }
            System.err.println("not alive: " + answer);
        } catch (IOException | IllegalArgumentException e) {
            System.err.println("no answer from port " + port + ": " + e.getMessage());
        }
        return false;
    }
}
