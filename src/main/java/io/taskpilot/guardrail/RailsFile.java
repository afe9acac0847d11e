package io.taskpilot.guardrail;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Reads {@code config.yml} of a NeMo Guardrails configuration, strictly: what the embedded engine would not run is a
 * mistake, never skipped. The keys are those of NeMo Guardrails 0.24.
 */
final class RailsFile {
    private static final String NEEDS_NEMO =
            " (the embedded engine runs regex_detection only;" + " anything else needs a NeMo Guardrails server)";
    private static final YAMLMapper YAML = YAMLMapper.builder()
            .enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();

    /** The rails of both directions. */
    record Rails(RegexRail input, RegexRail output) {}

    private final List<String> mistakes = new ArrayList<>();

    private RailsFile() {}

    /**
     * @param directory as NeMo is given it: one configuration, named as the directory
     * @throws IllegalArgumentException with every mistake, a line each
     */
    static Rails read(Path directory) throws IOException {
        var file = directory.resolve("config.yml");
        var in = new RailsFile();
        in.refuseOtherFiles(directory, file);
        var rails = in.rails(parse(file));
        if (rails == null || !in.mistakes.isEmpty()) {
            throw new IllegalArgumentException(
                    in.mistakes.stream().map(mistake -> file + ": " + mistake).collect(Collectors.joining("\n")));
        }
        return rails;
    }

    private static JsonNode parse(Path file) throws IOException {
        try {
            return YAML.readTree(Files.readString(file));
        } catch (JsonProcessingException e) {
            var line = e.getLocation() == null ? 0 : e.getLocation().getLineNr();
            var why = e.getOriginalMessage().lines().findFirst().orElse(""); // the rest draws the place
            throw new IllegalArgumentException("%s: line %d: %s".formatted(file, line, why), e);
        }
    }

    /** NeMo merges every file it finds there, so each could add a rail that would not run here. */
    private void refuseOtherFiles(Path directory, Path file) throws IOException {
        try (var files = Files.walk(directory)) {
            files.filter(path -> !path.equals(file) && path.toString().matches(".*\\.(yml|yaml|co|py)"))
                    .sorted()
                    .forEach(path -> mistakes.add(directory.relativize(path) + ": not understood" + NEEDS_NEMO));
        }
    }

    private @Nullable Rails rails(JsonNode root) {
        known(root, "", Set.of("colang_version", "models", "rails"));
        var colang = root.path("colang_version");
        if (!colang.isMissingNode() && !colang.asText().equals("1.0")) {
            mistakes.add("colang_version: %s (expected: \"1.0\")".formatted(colang));
        }
        if (!root.path("models").isArray() || !root.path("models").isEmpty()) {
            mistakes.add("models: %s (expected: [])".formatted(root.path("models")) + NEEDS_NEMO);
        }
        var rails = object(root, "", "rails");
        known(rails, "rails.", Set.of("input", "output", "config"));
        var config = object(rails, "rails.", "config");
        known(config, "rails.config.", Set.of("regex_detection"));
        var detection = object(config, "rails.config.", "regex_detection");
        known(detection, "rails.config.regex_detection.", Set.of("input", "output", "retrieval"));
        var input = rail(rails, detection, "input");
        var output = rail(rails, detection, "output");
        return input == null || output == null ? null : new Rails(input, output);
    }

    /** One direction: its flow, and the patterns that the flow looks for. */
    private @Nullable RegexRail rail(JsonNode rails, JsonNode detection, String direction) {
        var flow = "regex check " + direction;
        var path = "rails." + direction + ".";
        var section = object(rails, "rails.", direction);
        known(section, path, Set.of("flows"));
        var flows = section.path("flows");
        if (!flows.isArray() || flows.isEmpty()) {
            mistakes.add(path + "flows: %s (expected: [%s])".formatted(flows, flow));
        }
        for (var listed : flows) {
            if (!listed.isTextual() || !listed.textValue().equals(flow)) {
                mistakes.add(path + "flows: %s (expected: %s)".formatted(listed, flow) + NEEDS_NEMO);
            }
        }
        return patterns(flow, "rails.config.regex_detection." + direction, object(detection, "", direction));
    }

    private @Nullable RegexRail patterns(String flow, String path, JsonNode options) {
        known(options, path + ".", Set.of("patterns", "case_insensitive"));
        var flag = options.path("case_insensitive");
        if (!flag.isMissingNode() && !flag.isBoolean()) {
            mistakes.add(path + ".case_insensitive: %s (expected: true or false)".formatted(flag));
        }
        var sources = options.path("patterns");
        if (!sources.isArray() || sources.isEmpty()) {
            mistakes.add(path + ".patterns: %s (expected: a list of patterns)".formatted(sources));
            return null;
        }
        var patterns = new ArrayList<RailPattern>();
        for (var i = 0; i < sources.size(); i++) {
            pattern(sources.get(i), flag.asBoolean(), "%s.patterns: pattern %d".formatted(path, i + 1), patterns);
        }
        return new RegexRail(flow, path, flag.asBoolean(), patterns);
    }

    private void pattern(JsonNode source, boolean caseInsensitive, String path, List<RailPattern> patterns) {
        if (!source.isTextual()) {
            mistakes.add(path + ": %s (expected: a string)".formatted(source));
            return;
        }
        try {
            patterns.add(new RailPattern(source.textValue(), caseInsensitive));
        } catch (IllegalArgumentException e) {
            mistakes.add(path + ": " + e.getMessage());
        }
    }

    private JsonNode object(JsonNode parent, String path, String key) {
        var node = parent.path(key);
        if (!node.isMissingNode() && !node.isObject()) {
            mistakes.add(path + key + ": %s (expected: a mapping)".formatted(node));
            return MissingNode.getInstance();
        }
        return node;
    }

    private void known(JsonNode node, String path, Set<String> keys) {
        node.fieldNames().forEachRemaining(key -> {
            if (!keys.contains(key)) {
                mistakes.add(path + key + ": not understood" + NEEDS_NEMO);
            }
        });
    }
}
