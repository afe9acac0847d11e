package io.taskpilot.app;

import io.taskpilot.outside.OutsideProcess;
import io.taskpilot.outside.Tool;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A live nginx with the shipped {@code nginx.conf}, on loopback. Only what differs from place to place is another: the
 * nodes, the ports, and what a test asks for.
 */
final class Nginx implements AutoCloseable {
    private static final Path SHIPPED = Path.of("docker/nginx");
    private static final String CHECK = "listen 127.0.0.1:8001;";

    private final Process process;
    private final Path log;
    private final URI url;
    private final URI check;

    private Nginx(Process process, Path log, int port, int checkPort) {
        this.process = process;
        this.log = log;
        url = URI.create("http://127.0.0.1:" + port);
        check = URI.create("http://127.0.0.1:" + checkPort);
    }

    /** @param directory for its files; stays the caller's */
    static Nginx start(Path directory, List<Integer> nodes) throws Exception {
        return start(directory, nodes, Map.of());
    }

    /** @param files that take the place of shipped ones, by name */
    static Nginx start(Path directory, List<Integer> nodes, Map<String, String> files) throws Exception {
        var unused = OutsideProcess.unusedPorts(2);
        var port = unused.get(0);
        var checkPort = unused.get(1);
        configure(directory, port, checkPort, nodes, files);
        var log = directory.resolve("log");
        var process = command(directory).redirectOutput(log.toFile()).start();
        while (process.isAlive() && !accepts(port)) {
            process.waitFor(20, TimeUnit.MILLISECONDS);
        }
        if (!process.isAlive()) {
            throw new IllegalStateException("nginx did not start:\n" + Files.readString(log));
        }
        return new Nginx(process, log, port, checkPort);
    }

    /** What {@code nginx -t} says of the shipped configuration with these nodes, warnings included. */
    static String check(Path directory, List<Integer> nodes) throws Exception {
        var unused = OutsideProcess.unusedPorts(2);
        configure(directory, unused.get(0), unused.get(1), nodes, Map.of());
        var process = command(directory, "-t").start();
        var said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        process.waitFor();
        return said;
    }

    private static void configure(
            Path directory, int port, int checkPort, List<Integer> nodes, Map<String, String> files)
            throws IOException {
        try (var shipped = Files.list(SHIPPED)) {
            for (var file : shipped.toList()) {
                Files.copy(file, directory.resolve(file.getFileName().toString()));
            }
        }
        var main = Files.readString(SHIPPED.resolve("nginx.conf"));
        if (!main.contains(CHECK)) {
            throw new IllegalStateException("the shipped health check is not " + CHECK);
        }
        Files.writeString(directory.resolve("nginx.conf"), main.replace(CHECK, CHECK.replace("8001", "" + checkPort)));
        var name = "server taskpilot:8000 resolve ";
        var shippedNode = Files.readAllLines(SHIPPED.resolve("nodes.conf")).stream()
                .filter(line -> line.startsWith(name))
                .findFirst()
                .orElseThrow(() -> new IllegalStateException("the shipped node is not " + name));
        // An address has nothing to be looked up, and the nginx of Debian 12 cannot.
        var servers = nodes.stream()
                .map(node -> shippedNode.replace(name, "server 127.0.0.1:" + node + " ") + "\n")
                .collect(Collectors.joining());
        Files.writeString(directory.resolve("nodes.conf"), servers);
        Files.writeString(directory.resolve("listen.conf"), "listen 127.0.0.1:" + port + ";\n");
        for (var file : files.entrySet()) {
            Files.writeString(directory.resolve(file.getKey()), file.getValue());
        }
    }

    private static ProcessBuilder command(Path directory, String... more) {
        var command = Stream.concat(
                Stream.of(
                        Tool.orSkip("NGINX", "nginx").toString(),
                        "-p",
                        directory.toString(),
                        "-c",
                        directory.resolve("nginx.conf").toString(),
                        "-e",
                        "stderr",
                        "-g",
                        "daemon off; pid " + directory.resolve("nginx.pid") + ";"),
                Stream.of(more));
        return new ProcessBuilder(command.toList()).redirectErrorStream(true);
    }

    private static boolean accepts(int port) {
        try (var socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
            return socket.isConnected();
        } catch (IOException notYet) {
            return false;
        }
    }

    URI url() {
        return url;
    }

    ApiUser user() {
        return new ApiUser(url);
    }

    /** What the health check of the container would get. */
    int health() throws Exception {
        return new ApiUser(check).send("GET", "/", null).statusCode();
    }

    /** Whether anything of the server can be had where the health check is asked. */
    int besideTheHealthCheck(String path) throws Exception {
        return new ApiUser(check).send("GET", path, null).statusCode();
    }

    /** {@code docker stop}, by the signal that the image of nginx has for it; completes when it is gone. */
    CompletableFuture<Process> quit() throws Exception {
        new ProcessBuilder("kill", "-QUIT", String.valueOf(process.pid()))
                .start()
                .waitFor();
        return process.onExit();
    }

    /** What it wrote. */
    String log() throws IOException {
        return Files.readString(log);
    }

    @Override
    public void close() {
        process.destroy();
        process.onExit()
                .orTimeout(10, TimeUnit.SECONDS)
                .exceptionally(late -> process.destroyForcibly())
                .join();
    }
}
