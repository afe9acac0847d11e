package io.taskpilot.chart;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.Yaml;
import org.yaml.snakeyaml.constructor.SafeConstructor;

/** What Helm rendered, object by object. A key that is there twice is an error. */
record Objects(List<JsonNode> all) {
    static final ObjectMapper JSON = new ObjectMapper();

    static Objects parse(String yaml) {
        var objects = new ArrayList<JsonNode>();
        for (var document : yaml().loadAll(yaml)) {
            if (document != null) {
                objects.add(JSON.valueToTree(document));
            }
        }
        return new Objects(List.copyOf(objects));
    }

    static JsonNode one(String yaml) {
        return JSON.valueToTree(yaml().load(yaml));
    }

    private static Yaml yaml() {
        var options = new LoaderOptions();
        options.setAllowDuplicateKeys(false);
        options.setMaxAliasesForCollections(1_000);
        options.setCodePointLimit(50_000_000);
        return new Yaml(new SafeConstructor(options));
    }

    JsonNode one(String kind, String name) {
        return find(kind, name)
                .orElseThrow(() -> new AssertionError("there is no " + kind + " " + name + ": " + names()));
    }

    Optional<JsonNode> find(String kind, String name) {
        return of(kind).filter(object -> name(object).equals(name)).findFirst();
    }

    Stream<JsonNode> of(String kind) {
        return all.stream().filter(object -> object.path("kind").asText().equals(kind));
    }

    List<String> names() {
        return all.stream()
                .map(object -> object.path("kind").asText() + "/" + name(object))
                .toList();
    }

    static String name(JsonNode object) {
        return object.path("metadata").path("name").asText();
    }

    /** Every template of a pod, and the Pods themselves, by the object that has it. */
    Map<String, JsonNode> pods() {
        var pods = new TreeMap<String, JsonNode>();
        for (var object : all) {
            var spec = object.path("spec");
            var pod = switch (object.path("kind").asText()) {
                case "Deployment", "StatefulSet", "DaemonSet", "Job" ->
                    spec.path("template").path("spec");
                case "CronJob" ->
                    spec.path("jobTemplate").path("spec").path("template").path("spec");
                case "Pod" -> spec;
                default -> null;
            };
            if (pod != null) {
                pods.put(object.path("kind").asText() + "/" + name(object), pod);
            }
        }
        return pods;
    }

    /** @param owner as in {@code Deployment/taskpilot} */
    JsonNode pod(String owner) {
        var pod = pods().get(owner);
        if (pod == null) {
            throw new AssertionError("there is no " + owner + ": " + pods().keySet());
        }
        return pod;
    }

    static Stream<JsonNode> containers(JsonNode pod) {
        return Stream.concat(list(pod.path("initContainers")), list(pod.path("containers")));
    }

    static JsonNode named(JsonNode list, String name) {
        return list(list)
                .filter(item -> item.path("name").asText().equals(name))
                .findFirst()
                .orElseThrow(() -> new AssertionError("there is no " + name + " in " + list));
    }

    static Stream<JsonNode> list(JsonNode array) {
        return StreamSupport.stream(array.spliterator(), false);
    }

    static List<String> texts(JsonNode array) {
        return list(array).map(JsonNode::asText).toList();
    }

    /** Values by name; what comes from elsewhere is empty. */
    static Map<String, String> environment(JsonNode container) {
        var environment = new TreeMap<String, String>();
        list(container.path("env"))
                .forEach(variable -> environment.put(
                        variable.path("name").asText(), variable.path("value").asText()));
        return environment;
    }

    /** A copy in which long texts and checksums are only named: what is in them stands elsewhere. */
    static JsonNode shortened(JsonNode node) {
        if (node instanceof ObjectNode object) {
            var copy = JSON.createObjectNode();
            object.properties().forEach(entry -> copy.set(entry.getKey(), shortened(entry.getKey(), entry.getValue())));
            return copy;
        }
        if (node instanceof ArrayNode array) {
            var copy = JSON.createArrayNode();
            array.forEach(item -> copy.add(shortened(item)));
            return copy;
        }
        return node;
    }

    private static JsonNode shortened(String key, JsonNode value) {
        if (key.startsWith("checksum/")) {
            return JSON.getNodeFactory().textNode("(a checksum)");
        }
        if (value.isTextual() && value.asText().lines().count() > 30) {
            return JSON.getNodeFactory().textNode("(a file of the chart)");
        }
        if (key.equals("groups") && value.isArray()) {
            return JSON.getNodeFactory().textNode("(the rules)");
        }
        return shortened(value);
    }
}
