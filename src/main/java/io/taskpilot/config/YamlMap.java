package io.taskpilot.config;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * One mapping of a YAML file, read key by key. A mistake is added to the list of problems with its path, and something
 * harmless returned, so that one start reports all of them: nothing read may be used while there are problems.
 */
public final class YamlMap {
    private static final JsonMapper YAML = JsonMapper.builder(new YAMLFactory())
            .enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION)
            .build();

    private final String path;
    private final Map<?, ?> values;
    private final List<String> problems;
    private final Set<Object> read = new LinkedHashSet<>();

    private YamlMap(String path, Map<?, ?> values, List<String> problems) {
        this.path = path;
        this.values = values;
        this.problems = problems;
    }

    /** Reads a whole file; blocks. One that is missing or no mapping reads as empty, and null says so. */
    public static @Nullable YamlMap read(Path file, List<String> problems) {
        var shown = file.toString();
        if (!Files.isRegularFile(file)) {
            problems.add(shown + ": missing");
            return null;
        }
        try {
            if (YAML.readValue(Files.readString(file), Object.class) instanceof Map<?, ?> values) {
                return new YamlMap(shown + ": ", values, problems);
            }
            problems.add(shown + ": expected a mapping of keys to values");
        } catch (JsonProcessingException e) {
            var at = e.getLocation();
            problems.add("%s: line %d: %s".formatted(shown, at == null ? 0 : at.getLineNr(), e.getOriginalMessage()));
        } catch (IOException e) {
            problems.add(shown + ": can't be read: " + e.getClass().getSimpleName());
        }
        return null;
    }

    /** All keys, in the order of the file. */
    public List<String> keys() {
        return values.keySet().stream().map(String::valueOf).toList();
    }

    /** @param max length in UTF-16 units */
    public String text(String key, int max) {
        var value = value(key);
        if (value instanceof String text && !text.isBlank() && text.length() <= max) {
            return text;
        }
        wrong(key, value, "a text of 1.." + max + " characters");
        return "";
    }

    public double number(String key, double min, double max) {
        var value = value(key);
        if (value instanceof Number number && number.doubleValue() >= min && number.doubleValue() <= max) {
            return number.doubleValue();
        }
        wrong(key, value, "a number, %s..%s".formatted(plain(min), plain(max)));
        return min;
    }

    public int integer(String key, int min, int max) {
        var value = value(key);
        if (value instanceof Integer number && number >= min && number <= max) {
            return number;
        }
        wrong(key, value, "a whole number, %d..%d".formatted(min, max));
        return min;
    }

    /** False when the key is not there. */
    public boolean flag(String key) {
        var value = value(key);
        if (value instanceof Boolean flag) {
            return flag;
        }
        if (value != null || values.containsKey(key)) {
            wrong(key, value, "true or false");
        }
        return false;
    }

    /** Distinct texts. */
    public List<String> texts(String key) {
        var value = value(key);
        var texts = new ArrayList<String>();
        if (!(value instanceof List<?> items)) {
            wrong(key, value, "a list of texts");
            return texts;
        }
        for (var i = 0; i < items.size(); i++) {
            if (items.get(i) instanceof String text && !text.isBlank() && !texts.contains(text)) {
                texts.add(text);
            } else {
                wrong(key + "[" + i + "]", items.get(i), "a text that is not in the list before");
            }
        }
        return texts;
    }

    /** The mapping under a key; empty, with a problem, when there is none. */
    public YamlMap map(String key) {
        var value = value(key);
        if (value instanceof Map<?, ?> inner) {
            return new YamlMap(path + key + ".", inner, problems);
        }
        wrong(key, value, "a mapping");
        return new YamlMap(path + key + ".", Map.of(), new ArrayList<>()); // one problem is enough
    }

    /** Adds a problem with a key's value. */
    public void wrong(String key, @Nullable Object value, String expected) {
        var shown = value instanceof String text ? "'" + cut(text) + "'" : cut(String.valueOf(value));
        var found = values.containsKey(key) || key.endsWith("]") ? shown : "missing";
        problems.add("%s%s: %s (expected: %s)".formatted(path, key, found, expected));
    }

    /** Makes every key that nobody asked for a problem. Call it last. */
    public void refuseUnread() {
        for (var key : values.keySet()) {
            if (!read.contains(key)) {
                problems.add("%s%s: unknown key".formatted(path, key));
            }
        }
    }

    private @Nullable Object value(String key) {
        read.add(key);
        return values.get(key);
    }

    private static String plain(double bound) {
        return bound == Math.rint(bound) ? Long.toString((long) bound) : Double.toString(bound);
    }

    private static String cut(String text) {
        return text.length() <= 60 ? text : text.substring(0, 57) + "...";
    }
}
