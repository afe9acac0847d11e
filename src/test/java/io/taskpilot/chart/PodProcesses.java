package io.taskpilot.chart;

import com.fasterxml.jackson.databind.JsonNode;
import io.taskpilot.outside.OutsideProcess;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;

/**
 * The containers of one pod as processes of this machine, each with the arguments, environment and files that the chart
 * gives it, started and stopped in the order of a kubelet. Only what a machine that others use too cannot have is another
 * one: ports are free ones, addresses are loopback, and directories are below one of ours.
 */
final class PodProcesses implements AutoCloseable {
    private static final List<String> PORTS =
            List.of("8000", "8081", "8181", "8282", "8010", "9464", "13133", "4317", "4318", "8888");
    private static final Pattern PORT = Pattern.compile("(?<![0-9.])(" + String.join("|", PORTS) + ")(?![0-9])");
    private static final Duration SLOWEST_START = Duration.ofMinutes(3);

    private final Objects objects;
    private final JsonNode pod;
    private final Path dir;
    private final Map<String, List<String>> programs;
    private final Map<String, String> ports = new TreeMap<>();
    private final Map<String, Process> running = new LinkedHashMap<>();
    private final List<String> story = new ArrayList<>();
    private final HttpClient http = HttpClient.newHttpClient();

    /** @param programs what an image starts, by the name of the container */
    PodProcesses(Objects objects, JsonNode pod, Path dir, Map<String, List<String>> programs) throws IOException {
        this.objects = objects;
        this.pod = pod;
        this.dir = dir;
        this.programs = programs;
        var unused = OutsideProcess.unusedPorts(PORTS.size()).iterator();
        PORTS.forEach(port -> ports.put(port, String.valueOf(unused.next())));
        for (var volume : pod.path("volumes")) {
            fill(volume);
        }
    }

    /** ConfigMaps as files, everything else as an empty directory; secrets are put there by the caller. */
    private void fill(JsonNode volume) throws IOException {
        var target = Files.createDirectories(volume(volume.path("name").asText()));
        var map = volume.at("/configMap/name").asText("");
        if (!map.isEmpty()) {
            for (var entry : objects.one("ConfigMap", map).path("data").properties()) {
                var text = entry.getValue().asText();
                Files.writeString(target.resolve(entry.getKey()), map.endsWith("-exporter") ? ported(text) : text);
            }
        }
    }

    Path volume(String name) {
        return dir.resolve("volumes").resolve(name);
    }

    /** Of a port as the chart has it, the one it is here. */
    int port(int port) {
        return Integer.parseInt(ported(String.valueOf(port)));
    }

    /** What has happened so far, in order. */
    List<String> story() {
        return List.copyOf(story);
    }

    /** As a kubelet does: each init container in turn, a sidecar until its startup probe passes, then the server. */
    void start() throws Exception {
        for (var container : pod.path("initContainers")) {
            var name = container.path("name").asText();
            if (container.path("restartPolicy").asText("").equals("Always")) {
                launch(container);
                awaitStarted(container);
            } else {
                launch(container);
                var process = running(name);
                running.remove(name);
                if (!process.waitFor(SLOWEST_START.toSeconds(), TimeUnit.SECONDS) || process.exitValue() != 0) {
                    throw new AssertionError(name + " failed: " + log(name));
                }
                story.add(name + " done");
            }
        }
        var server = pod.path("containers").path(0);
        launch(server);
        awaitStarted(server);
    }

    private void launch(JsonNode container) throws IOException {
        var name = container.path("name").asText();
        var command = new ArrayList<>(program(name));
        var given = Objects.texts(container.path("command"));
        // an image's own entry point is taken by the program; of a command, its program and its script are
        given.stream().skip(2).map(argument -> here(container, argument)).forEach(command::add);
        Objects.texts(container.path("args")).stream()
                .map(argument -> here(container, argument))
                .forEach(command::add);
        var builder = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(dir.resolve(name + ".log").toFile());
        builder.environment().keySet().removeIf(key -> key.startsWith("TASKPILOT_") || key.startsWith("OTEL_"));
        builder.environment().putAll(environment(container));
        running.put(name, builder.start());
        story.add(name + " started");
    }

    private List<String> program(String name) {
        var program = programs.get(name);
        if (program == null) {
            throw new AssertionError("nobody said what " + name + " starts");
        }
        return program;
    }

    private Map<String, String> environment(JsonNode container) {
        var environment = new LinkedHashMap<String, String>();
        for (var variable : container.path("env")) {
            var value = switch (variable.at("/valueFrom/fieldRef/fieldPath").asText("")) {
                case "metadata.name" -> "taskpilot-0";
                case "spec.nodeName" -> "node-0";
                default -> variable.path("value").asText();
            };
            for (var known : environment.entrySet()) {
                value = value.replace("$(" + known.getKey() + ")", known.getValue());
            }
            environment.put(variable.path("name").asText(), here(container, value));
        }
        return environment;
    }

    /** With paths of the container as paths of its volumes, and with our ports. */
    private String here(JsonNode container, String text) {
        var mounts = Objects.list(container.path("volumeMounts"))
                .sorted(Comparator.comparing(
                        (JsonNode mount) -> -mount.path("mountPath").asText().length()))
                .toList();
        var result = text;
        for (var mount : mounts) {
            var path = mount.path("mountPath").asText();
            if (result.contains(path)) {
                return ported(result.replace(path, place(mount)));
            }
        }
        // NeMo serves a directory of configurations, of which one is mounted
        result = result.equals("/conf/guardrails") ? dir.resolve("rails").toString() : result;
        return ported(
                result.equals("/etc/taskpilot")
                        ? Path.of("conf").toAbsolutePath().toString()
                        : result);
    }

    private String place(JsonNode mount) {
        return volume(mount.path("name").asText()).toString();
    }

    private String ported(String text) {
        return PORT.matcher(text)
                .replaceAll(found -> ports.getOrDefault(found.group(1), found.group(1)))
                .replace("0.0.0.0", "127.0.0.1");
    }

    private void awaitStarted(JsonNode container) throws Exception {
        var name = container.path("name").asText();
        var end = System.nanoTime() + SLOWEST_START.toNanos();
        var failed = 0;
        while (!probe(container, "startupProbe")) {
            failed++;
            if (System.nanoTime() - end > 0 || !running(name).isAlive()) {
                throw new AssertionError(name + " did not start: " + log(name));
            }
            TimeUnit.MILLISECONDS.sleep(50);
        }
        story.add(name + " is up" + (failed > 0 ? ", after it was not" : ""));
    }

    /** Whether a probe of a container passes, as the chart has it. */
    boolean probe(JsonNode container, String which) throws Exception {
        var probe = container.path(which);
        var seconds = Math.max(10, probe.path("timeoutSeconds").asInt(1)); // a busy machine is no failure
        if (probe.has("exec")) {
            var command = new ArrayList<>(
                    List.of(program(container.path("name").asText()).get(0)));
            Objects.texts(probe.at("/exec/command")).stream()
                    .skip(1)
                    .map(this::ported)
                    .forEach(command::add);
            var process = new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .start();
            if (!process.waitFor(seconds, TimeUnit.SECONDS)) {
                process.destroyForcibly();
                return false;
            }
            return process.exitValue() == 0;
        }
        var port = Objects.named(
                        container.path("ports"), probe.at("/httpGet/port").asText())
                .path("containerPort")
                .asInt();
        return status(port, probe.at("/httpGet/path").asText()) == 200;
    }

    /** Of a GET; 0 without an answer. */
    int status(int port, String path) throws InterruptedException {
        try {
            return http.send(request(port, path), BodyHandlers.discarding()).statusCode();
        } catch (IOException none) {
            return 0;
        }
    }

    String text(int port, String path) throws IOException, InterruptedException {
        return http.send(request(port, path), BodyHandlers.ofString()).body();
    }

    private HttpRequest request(int port, String path) {
        return HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port(port) + path))
                .timeout(Duration.ofSeconds(10))
                .build();
    }

    /** SIGTERM to the server, and to each sidecar, the last one first, once what started after it has ended. */
    void stop(Runnable whileTheServerDrains) throws InterruptedException {
        var end = System.nanoTime()
                + Duration.ofSeconds(pod.path("terminationGracePeriodSeconds").asInt())
                        .toNanos();
        var names = new ArrayList<>(running.keySet());
        Collections.reverse(names);
        for (var name : names) {
            var process = running(name);
            process.destroy();
            story.add(name + " told to stop");
            if (name.equals("taskpilot")) {
                whileTheServerDrains.run();
            }
            if (!process.waitFor(end - System.nanoTime(), TimeUnit.NANOSECONDS)) {
                throw new AssertionError(name + " would have been killed");
            }
            story.add(name + " ended with " + process.exitValue());
            running.remove(name);
        }
    }

    boolean isRunning(String name) {
        return running(name).isAlive();
    }

    private Process running(String name) {
        var process = running.get(name);
        if (process == null) {
            throw new AssertionError(name + " was not started");
        }
        return process;
    }

    String log(String name) throws IOException {
        return Files.readString(dir.resolve(name + ".log"));
    }

    @Override
    public void close() {
        running.values().forEach(process -> process.destroyForcibly().onExit().join());
    }
}
