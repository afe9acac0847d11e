package io.taskpilot.config;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;
import org.jspecify.annotations.Nullable;

/**
 * Reads keys from all sources, and remembers each: what was read is what is known, so a key without a reader is a
 * mistake and the table of settings can't go stale. Defaults are texts that go through the same parsers.
 */
final class Settings {
    /** Variables that set a key under a name of their own; the one with our prefix wins. */
    static final Map<String, String> ALIASES = Map.of(
            "llm.apiKey", "OPENAI_API_KEY",
            "llm.apiKeyFile", "OPENAI_API_KEY_FILE",
            "llm.baseUrl", "OPENAI_BASE_URL",
            "log.level", "LOG_LEVEL");

    private final Sources sources;
    private final JsonNode tree;
    private final @Nullable Path file;
    private final Map<String, Setting> read = new LinkedHashMap<>();
    private final List<String> mistakes = new ArrayList<>();

    /**
     * @param tree the file's content; missing when there is none
     * @param file where the tree is from
     */
    Settings(Sources sources, JsonNode tree, @Nullable Path file) {
        this.sources = sources;
        this.tree = tree;
        this.file = file;
    }

    /**
     * A value as it was given.
     *
     * @param level 0 for flags, 1 for the environment, 2 for the file
     * @param base what a relative path in it starts from
     */
    private record Given(JsonNode node, int level, String origin, Path base) {}

    /** The default, when the key is not set or its value does not fit. */
    <T> T get(String path, Type<T> type, String fallback) {
        var value = read(path, type, fallback);
        if (value != null) {
            return value;
        }
        var byDefault = type.parser().parse(fallback, sources.workDir());
        if (byDefault == null) {
            throw new IllegalStateException(path + " has no valid default: " + fallback);
        }
        return byDefault;
    }

    /** Null, when the key is not set or its value does not fit. */
    <T> @Nullable T find(String path, Type<T> type) {
        return read(path, type, "");
    }

    /** By value, or from the file that the sibling key {@code <path>File} names; line breaks at its end are dropped. */
    @Nullable
    Secret secret(String path, Type<Secret> type) {
        remember(path, type, "", "", "default"); // before its file's, in the table
        var ofFile = path + "File";
        var byValue = given(path);
        var byFile = given(ofFile);
        if (byValue != null && byFile != null && byValue.level() == byFile.level()) {
            mistake("%s: set by value and by %s (expected: one of them)".formatted(path, ofFile));
        }
        var secretFile = find(ofFile, Type.path());
        if (byFile == null || secretFile == null || (byValue != null && byValue.level() <= byFile.level())) {
            return find(path, type);
        }
        remember(path, type, "", "***", byFile.origin());
        return read(path, type, secretFile);
    }

    private @Nullable Secret read(String path, Type<Secret> type, Path secretFile) {
        try {
            var text = Files.readString(secretFile).stripTrailing();
            var secret = type.parser().parse(text, secretFile);
            if (secret == null) {
                mistake("%s: *** (expected: %s), from the file %s".formatted(path, type.expected(), secretFile));
            }
            return secret;
        } catch (IOException e) {
            var why = e.getClass().getSimpleName();
            mistake("%sFile: %s (expected: a readable file; %s)".formatted(path, secretFile, why));
            return null;
        }
    }

    /** The names under a mapping of the file. No other source can add one. */
    List<String> entries(String path) {
        var names = new ArrayList<String>();
        at(path).fieldNames().forEachRemaining(name -> {
            if (Type.NAME.matcher(name).matches()) {
                names.add(name);
            } else {
                mistake("%s: '%s' (expected: names of a-z, 0-9, - and _)".formatted(path, shorten(name)));
            }
        });
        return names;
    }

    /** Variables that others than this project named; empty ones count as unset. */
    Map<String, String> variables(String prefix) {
        return sources.environment().entrySet().stream()
                .filter(variable -> variable.getKey().startsWith(prefix))
                .filter(variable -> !variable.getValue().isEmpty())
                .collect(Collectors.toUnmodifiableMap(Map.Entry::getKey, Map.Entry::getValue));
    }

    void mistake(String text) {
        mistakes.add(text);
    }

    /** A mistake when no source has the key; a value that does not fit is one already. */
    void need(String path) {
        var setting = read.get(path);
        if (setting == null || setting.origin().equals("default")) {
            mistake(path + ": missing");
        }
    }

    List<Setting> all() {
        return List.copyOf(read.values());
    }

    /** @throws ConfigException when anything so far was wrong, unknown keys included */
    void throwIfInvalid() {
        var origin = file == null ? "" : file.toString();
        mistakes.addAll(new UnknownKeys(read.keySet()).in(sources, tree, origin));
        if (!mistakes.isEmpty()) {
            throw new ConfigException(mistakes);
        }
    }

    private <T> @Nullable T read(String path, Type<T> type, String fallback) {
        var given = given(path);
        if (given == null) {
            remember(path, type, fallback, fallback, "default");
            return fallback.isEmpty() ? null : type.parser().parse(fallback, sources.workDir());
        }
        var text = text(given.node(), type.shape());
        var value = text == null ? null : type.parser().parse(text, given.base());
        if (value == null) {
            var shown = type.secret() ? "***" : shown(given.node());
            mistake("%s: %s (expected: %s), from %s".formatted(path, shown, type.expected(), given.origin()));
        }
        var shown = type.secret() ? "***" : value instanceof Path ? value.toString() : String.valueOf(text);
        remember(path, type, fallback, shown, given.origin());
        return value;
    }

    private void remember(String path, Type<?> type, String fallback, String value, String origin) {
        read.put(path, new Setting(path, type.expected(), fallback, value, origin));
    }

    private static @Nullable String text(JsonNode node, Type.Shape shape) {
        if (node.isArray() && shape == Type.Shape.LIST) {
            return StreamSupport.stream(node.spliterator(), false)
                    .map(item -> item.isTextual() ? item.textValue() : "")
                    .collect(Collectors.joining(","));
        }
        var fits = shape == Type.Shape.SCALAR ? node.isValueNode() : node.isTextual();
        return fits ? node.asText() : null;
    }

    /** What has an @ in it may be a URL with a password. */
    private static String shown(JsonNode node) {
        if (!node.isValueNode()) {
            return node.isArray() ? "a list" : "a mapping";
        }
        var text = node.asText();
        return text.contains("@") ? "***" : "'" + shorten(text) + "'";
    }

    private static String shorten(String text) {
        var clean = text.replaceAll("\\p{Cntrl}", "?");
        return clean.length() > 80 ? clean.substring(0, 80) + "..." : clean;
    }

    private @Nullable Given given(String path) {
        var flag = sources.flags().get(path);
        if (flag != null) {
            return new Given(new TextNode(flag), 0, "a flag", sources.workDir());
        }
        var variable = variable(path);
        if (variable != null) {
            var value = sources.environment().getOrDefault(variable, "");
            return new Given(new TextNode(value), 1, variable, sources.workDir());
        }
        var node = at(path);
        if (file == null || node.isMissingNode() || node.isNull()) {
            return null;
        }
        var base = file.toAbsolutePath().getParent();
        return new Given(node, 2, file.toString(), base == null ? sources.workDir() : base);
    }

    /** The variable that sets the key; an empty one counts as unset, as compose files pass what they don't have. */
    private @Nullable String variable(String path) {
        var own = Setting.variable(path);
        if (!sources.environment().getOrDefault(own, "").isEmpty()) {
            return own;
        }
        var alias = ALIASES.get(path);
        return alias == null || sources.environment().getOrDefault(alias, "").isEmpty() ? null : alias;
    }

    private JsonNode at(String path) {
        var node = tree;
        for (var name : path.split("[.]", -1)) {
            node = node.path(name);
        }
        return node;
    }
}
