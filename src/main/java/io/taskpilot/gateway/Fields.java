package io.taskpilot.gateway;

import io.taskpilot.resilience.Failure;
import io.taskpilot.resilience.Failure.Violation;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Reads the fields of an input and gathers every mistake, each with its pointer; {@link #done} refuses them all at
 * once. Until then a field in error reads as something harmless.
 */
final class Fields {
    private static final UUID NO_ID = new UUID(0, 0);

    private final Map<String, ?> values;
    private final boolean ofQuery;
    private final Set<String> asked = new HashSet<>();
    private final List<Violation> violations = new ArrayList<>();

    private Fields(Map<String, ?> values, boolean ofQuery) {
        this.values = values;
        this.ofQuery = ofQuery;
    }

    static Fields ofBody(Map<String, ?> body) {
        return new Fields(body, false);
    }

    /** Query parameters: all values are texts, and pointers read {@code #name}. */
    static Fields ofQuery(Map<String, String> parameters) {
        return new Fields(parameters, true);
    }

    private boolean asks(String name) {
        asked.add(name);
        return values.containsKey(name);
    }

    void mistake(String name, String detail) {
        violations.add(new Violation((ofQuery ? "#" : "/") + StrictJson.escape(name), detail));
    }

    private <T> T mistake(String name, @Nullable Object value, String expected, T harmless) {
        var shown = ofQuery && value instanceof String text && text.length() <= 64
                ? "\"" + text + "\""
                : StrictJson.shown(value);
        mistake(name, (values.containsKey(name) ? shown : "missing") + " (expected: " + expected + ")");
        return harmless;
    }

    /** A required text. Lengths are in characters (code points). */
    String text(String name, int longest) {
        asks(name);
        var value = values.get(name);
        if (!(value instanceof String text)) {
            return mistake(name, value, "a string", "");
        }
        if (text.isBlank()) {
            return mistake(name, "", "1..%d characters, not all blank".formatted(longest), "");
        }
        return bounded(name, text, longest);
    }

    String textOr(String name, String fallback, int longest) {
        if (!asks(name)) {
            return fallback;
        }
        var value = values.get(name);
        return value instanceof String text ? bounded(name, text, longest) : mistake(name, value, "a string", fallback);
    }

    private String bounded(String name, String text, int longest) {
        var length = text.codePointCount(0, text.length());
        if (length > longest) {
            mistake(name, "%d characters (expected: at most %d)".formatted(length, longest));
        }
        return text;
    }

    boolean flag(String name) {
        asks(name);
        var value = values.get(name);
        return value instanceof Boolean flag ? flag : mistake(name, value, "true or false", false);
    }

    boolean flagOr(String name, boolean fallback) {
        return asks(name) ? flag(name) : fallback;
    }

    long integerOr(String name, long fallback, long least, long most) {
        if (!asks(name)) {
            return fallback;
        }
        var value = values.get(name);
        var number = integer(value);
        if (number == null || number < least || number > most) {
            return mistake(name, value, least + ".." + most, fallback);
        }
        return number;
    }

    private @Nullable Long integer(@Nullable Object value) {
        if (value instanceof Integer || value instanceof Long) {
            return ((Number) value).longValue();
        }
        if (value instanceof Double number && number == Math.rint(number) && Math.abs(number) < 1e15) {
            return number.longValue(); // JSON has one kind of number: 300.0 is 300
        }
        return ofQuery && value instanceof String text && text.matches("-?[0-9]{1,18}") ? Long.valueOf(text) : null;
    }

    Map<String, Object> object(String name) {
        asks(name);
        var value = values.get(name);
        if (!(value instanceof Map<?, ?> map)) {
            return mistake(name, value, "an object", Map.of());
        }
        var object = new LinkedHashMap<String, Object>();
        map.forEach((key, item) -> object.put((String) key, item));
        return object;
    }

    /** Pairs of texts; none when the field is not there. */
    Map<String, String> pairs(String name, int most, int longestKey, int longestValue) {
        if (!asks(name)) {
            return Map.of();
        }
        var pairs = new LinkedHashMap<String, String>();
        var object = object(name);
        if (object.size() > most) {
            mistake(name, "%d pairs (expected: at most %d)".formatted(object.size(), most));
        }
        object.forEach((key, item) -> {
            var inner = name + "/" + StrictJson.escape(key);
            if (key.isEmpty() || key.codePointCount(0, key.length()) > longestKey) {
                violations.add(new Violation("/" + inner, "a key (expected: 1..%d characters)".formatted(longestKey)));
            } else if (!(item instanceof String text) || text.codePointCount(0, text.length()) > longestValue) {
                var expected = " (expected: a string of at most %d characters)".formatted(longestValue);
                violations.add(new Violation("/" + inner, StrictJson.shown(item) + expected));
            } else {
                pairs.put(key, text);
            }
        });
        return pairs;
    }

    /** Any JSON value. */
    @Nullable
    Object any(String name) {
        asks(name);
        return values.get(name);
    }

    /** A word that {@code reader} knows, else null. */
    <T> @Nullable T word(String name, List<String> words, Function<String, T> reader) {
        if (!asks(name)) {
            return null;
        }
        var value = values.get(name);
        if (value instanceof String text && words.contains(text)) {
            return reader.apply(text);
        }
        mistake(name, value, "one of " + String.join(", ", words), "");
        return null;
    }

    /** Refuses an input without {@code name}. */
    void required(String name, List<String> words) {
        if (!asks(name)) {
            mistake(name, "missing (expected: one of " + String.join(", ", words) + ")");
        }
    }

    /** A required id with its prefix, as in {@code run_...}. */
    UUID id(String name, String prefix) {
        asks(name);
        var id = ids(values.get(name), prefix);
        return id == null ? mistake(name, values.get(name), prefix + " and a UUID", NO_ID) : id;
    }

    @Nullable
    UUID idOrNull(String name, String prefix) {
        return asks(name) ? id(name, prefix) : null;
    }

    /** The UUID in {@code text}, or null when it is not one of ours. */
    static @Nullable UUID ids(@Nullable Object value, String prefix) {
        return value instanceof String text
                        && text.startsWith(prefix)
                        && text.substring(prefix.length()).matches("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
                ? UUID.fromString(text.substring(prefix.length()))
                : null;
    }

    /** @throws Failure with every mistake, unknown fields included */
    void done() {
        var known = String.join(", ", asked.stream().sorted().toList());
        values.keySet().stream()
                .filter(name -> !asked.contains(name))
                .limit(20)
                .forEach(name -> mistake(name, "unknown (expected: " + known + ")"));
        refuseMistakes();
    }

    /** @throws Failure with every mistake so far */
    void refuseMistakes() {
        if (!violations.isEmpty()) {
            throw Failure.invalid(violations);
        }
    }
}
