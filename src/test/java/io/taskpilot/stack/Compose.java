package io.taskpilot.stack;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.taskpilot.outside.Tool;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** {@code docker/compose.yaml} as {@code docker compose} reads it: with the reader of Compose itself, every profile on. */
public final class Compose {
    private static final Path FILE = Path.of("docker/compose.yaml");

    private final JsonNode model;

    private Compose(JsonNode model) {
        this.model = model;
    }

    /** Skips the test where the reader is not built; fails when Compose would refuse the file. */
    public static Compose read() throws IOException, InterruptedException {
        var process = new ProcessBuilder(Tool.orSkip("COMPOSE", "compose").toString(), FILE.toString());
        // What a developer has set for himself is not what is shipped.
        process.environment().keySet().removeIf(name -> !name.equals("PATH") && !name.equals("HOME"));
        var started = process.redirectErrorStream(true).start();
        var said = new String(started.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (started.waitFor() != 0) {
            throw new AssertionError(FILE + ": " + said);
        }
        return new Compose(new ObjectMapper().readTree(said));
    }

    JsonNode model() {
        return model;
    }

    Map<String, JsonNode> services() {
        var services = new LinkedHashMap<String, JsonNode>();
        model.path("services").properties().forEach(service -> services.put(service.getKey(), service.getValue()));
        return services;
    }

    public JsonNode service(String name) {
        var service = model.path("services").path(name);
        if (service.isMissingNode()) {
            throw new AssertionError("no service " + name);
        }
        return service;
    }

    /** The variables that its containers get. */
    public Map<String, String> environment(String service) {
        var variables = new HashMap<String, String>();
        service(service)
                .path("environment")
                .properties()
                .forEach(variable ->
                        variables.put(variable.getKey(), variable.getValue().asText()));
        return variables;
    }

    /** What follows the program of the image: the entry point where one is given, and the command. */
    public List<String> arguments(String service) {
        var arguments = texts(service(service).path("entrypoint"));
        arguments.addAll(texts(service(service).path("command")));
        return arguments;
    }

    static List<String> texts(JsonNode list) {
        var texts = new ArrayList<String>();
        list.forEach(text -> texts.add(text.asText()));
        return texts;
    }
}
