package io.taskpilot.telemetry;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/**
 * By which names this process is told from others, in traces and in logs alike.
 *
 * @param name of the service, the same on every node
 * @param environment as in {@code production}
 * @param node of this process; another one after a restart
 */
public record Service(String name, String version, String environment, String node) {
    private static final Path KERNEL = Path.of("/proc/sys/kernel/hostname");
    private static final String NODE = "service.instance.id=";

    /** @param otel the {@code OTEL_} variables, which may name the service and the node */
    public static Service of(String version, String environment, Map<String, String> otel) {
        var named = otel.getOrDefault("OTEL_SERVICE_NAME", "");
        return new Service(named.isEmpty() ? "taskpilot" : named, version, environment, node(otel));
    }

    private static String node(Map<String, String> otel) {
        for (var pair : otel.getOrDefault("OTEL_RESOURCE_ATTRIBUTES", "").split(",", -1)) {
            if (pair.strip().startsWith(NODE)) {
                return pair.strip().substring(NODE.length());
            }
        }
        var process = ProcessHandle.current();
        var started = process.info().startInstant().map(at -> at.toEpochMilli()).orElse(0L);
        return "%s-%x".formatted(host(), (started << 8) ^ process.pid()); // in a container every pid is the same
    }

    /** A pod's is its name. Nobody is asked: a name service that hangs must not keep a server from starting. */
    private static String host() {
        try {
            return Files.isReadable(KERNEL) ? Files.readString(KERNEL).strip() : "localhost";
        } catch (IOException e) {
            return "localhost";
        }
    }
}
