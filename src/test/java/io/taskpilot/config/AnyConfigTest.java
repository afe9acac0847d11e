package io.taskpilot.config;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;

class AnyConfigTest {
    private static final ObjectMapper YAML = new ObjectMapper(new YAMLFactory());
    private static final JsonNodeFactory NODES = JsonNodeFactory.instance;
    private static Path dir = Path.of("");

    @BeforeContainer
    static void makeDir() throws IOException {
        dir = Files.createTempDirectory("any-config");
    }

    @AfterContainer
    static void removeDir() throws IOException {
        Files.deleteIfExists(dir.resolve("taskpilot.yaml"));
        Files.delete(dir);
    }

    @Property(tries = 500)
    void aDocumentLoadsOrItsMistakesAreNamed(@ForAll("documents") JsonNode document) throws IOException {
        loadsOrIsRefused(YAML.writeValueAsString(document), Map.of());
    }

    @Property(tries = 500)
    void anyTextLoadsOrItsMistakesAreNamed(@ForAll String text) throws IOException {
        loadsOrIsRefused(text, Map.of());
    }

    @Property(tries = 500)
    void anyEnvironmentLoadsOrItsMistakesAreNamed(@ForAll("environments") Map<String, String> environment)
            throws IOException {
        loadsOrIsRefused("tools: {webhooks: {name: {}}}", environment);
    }

    private static void loadsOrIsRefused(String text, Map<String, String> environment) throws IOException {
        var file = Files.writeString(dir.resolve("taskpilot.yaml"), text);
        try {
            ConfigLoader.load(new Sources(Map.of(), environment, file, List.of(dir), dir));
        } catch (ConfigException e) {
            if (e.mistakes().isEmpty()) {
                throw new AssertionError("refused without a mistake", e);
            }
        }
    }

    @Provide
    Arbitrary<JsonNode> documents() {
        var paths = Arbitraries.of(ConfigLoader.settings().stream()
                .map(setting -> setting.path().replace("<", "").replace(">", ""))
                .toList());
        var leaves = Arbitraries.oneOf(
                values().map(NODES::textNode),
                Arbitraries.integers().map(NODES::numberNode),
                Arbitraries.doubles().map(NODES::numberNode),
                Arbitraries.of(NODES.nullNode(), NODES.booleanNode(true), NODES.objectNode(), NODES.arrayNode()));
        var entry = Combinators.combine(paths, Arbitraries.integers().between(0, 9), leaves)
                .as((path, cut, leaf) -> Map.entry(cut == 0 ? path.replaceAll("[.].*", "") : path, leaf));
        return entry.list().ofMaxSize(12).map(entries -> {
            var root = NODES.objectNode();
            entries.forEach(each -> put(root, each.getKey(), each.getValue()));
            return root;
        });
    }

    @Provide
    Arbitrary<Map<String, String>> environments() {
        var names = Arbitraries.of(
                ConfigLoader.settings().stream().map(Setting::variable).toList());
        return Arbitraries.maps(names.map(name -> name.replace("<", "").replace(">", "")), values())
                .ofMaxSize(8);
    }

    private static Arbitrary<String> values() {
        return Arbitraries.oneOf(
                Arbitraries.strings().ofMaxLength(40),
                Arbitraries.of("30s", "PT1S", "1d", "99999999999999999999d", "http://x", "https://x/y", "keys", "::1"),
                Arbitraries.of("postgresql://a/b", "whsec_", "whsec_" + "a".repeat(33), "\0", "/", "~", "true", "-1"));
    }

    private static void put(ObjectNode root, String path, JsonNode leaf) {
        var node = root;
        var names = path.split("[.]", -1);
        for (var i = 0; i < names.length - 1; i++) {
            node = node.get(names[i]) instanceof ObjectNode inner ? inner : node.putObject(names[i]);
        }
        node.set(names[names.length - 1], leaf.deepCopy()); // else one empty mapping could end up inside itself
    }
}
