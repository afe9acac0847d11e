package io.taskpilot.gateway;

import io.taskpilot.resilience.Failure;
import io.taskpilot.resilience.Failure.Violation;
import io.vertx.core.json.Json;
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
    private static final int SHOWN = 40;

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

    /** Refuses a field that is a known one, where it has no meaning. */
    void absent(String name, String expected) {
        if (values.containsKey(name) && asks(name)) { // those that are not there stay out of what is expected
            mistake(name, "present (expected: " + expected + ")");
        }
    }

    private <T> T mistake(String name, @Nullable Object value, String expected, T harmless) {
        return unexpected(name, ofQuery ? quoted(value) : StrictJson.shown(value), expected, harmless);
    }

    private <T> T unexpected(String name, String shown, String expected, T harmless) {
        mistake(name, (values.containsKey(name) ? shown : "missing") + " (expected: " + expected + ")");
        return harmless;
    }

    /** For what is no secret: a short text as it is, of a long one its length. */
    static String quoted(@Nullable Object value) {
        if (!(value instanceof String text)) {
            return StrictJson.shown(value);
        }
        var length = text.codePointCount(0, text.length());
        return length > SHOWN ? length + " characters" : Json.encode(text);
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
        if (text.codePointCount(0, text.length()) > longest) {
            mistake(name, tooLong(text, longest));
        }
        return text;
    }

    private static String tooLong(String text, int longest) {
        return "%d characters (expected: at most %d)".formatted(text.codePointCount(0, text.length()), longest);
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
            return mistake(name, value, "an integer, " + least + ".." + most, fallback);
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
            var keyLength = key.codePointCount(0, key.length());
            if (keyLength < 1 || keyLength > longestKey) {
                mistakeIn(inner, "a key of %d characters (expected: 1..%d)".formatted(keyLength, longestKey));
            } else if (!(item instanceof String text)) {
                mistakeIn(inner, StrictJson.shown(item) + " (expected: a string)");
            } else if (text.codePointCount(0, text.length()) > longestValue) {
                mistakeIn(inner, tooLong(text, longestValue));
            } else {
                pairs.put(key, text);
            }
        });
        return pairs;
    }

    private void mistakeIn(String inner, String detail) {
        violations.add(new Violation("/" + inner, detail));
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
        unexpected(name, quoted(value), "one of " + String.join(", ", words), "");
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
        var value = values.get(name);
        var id = ids(value, prefix);
        return id == null ? unexpected(name, quoted(value), prefix + " and a UUID", NO_ID) : id;
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
        var known = asked.isEmpty() && ofQuery
                ? "no query"
                : String.join(", ", asked.stream().sorted().toList());
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
