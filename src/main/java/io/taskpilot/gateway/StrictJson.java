package io.taskpilot.gateway;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.exc.StreamConstraintsException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.taskpilot.resilience.Failure;
import io.taskpilot.run.StorableText;
import io.vertx.core.json.Json;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Reads JSON that comes from outside: RFC 8259 to the letter, in UTF-8, with no key twice and nothing after the value.
 * What PostgreSQL could not store (U+0000, half of a surrogate pair) becomes U+FFFD.
 */
final class StrictJson {
    private static final int DEPTH = 32;
    private static final int DIGITS = 1_000;
    private static final Pattern TWICE = Pattern.compile("Duplicate field '(.*)'", Pattern.DOTALL);

    private static final ObjectMapper MAPPER = new ObjectMapper(JsonFactory.builder()
                    .streamReadConstraints(StreamReadConstraints.builder()
                            .maxNestingDepth(DEPTH)
                            .maxNumberLength(DIGITS)
                            .build())
                    .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                    .build())
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

    private StrictJson() {}

    /** @throws Failure {@code caller-bad-json} (400) for what is not JSON, {@code caller-invalid} for no object or a huge one */
    static Map<String, Object> object(byte[] utf8) {
        var value = value(text(utf8));
        if (value instanceof Map<?, ?> map) {
            return cleanMap(map, "");
        }
        throw Failure.invalid("", "the body is " + shown(value) + " (expected: an object)");
    }

    static boolean isUtf8(byte[] bytes) {
        return decoded(bytes) != null;
    }

    private static String text(byte[] utf8) {
        var text = decoded(utf8);
        if (text == null) {
            throw bad("not UTF-8");
        }
        return text;
    }

    private static @Nullable String decoded(byte[] bytes) {
        try {
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(bytes))
                    .toString();
        } catch (CharacterCodingException e) {
            return null;
        }
    }

    private static @Nullable Object value(String text) {
        if (text.isBlank()) {
            throw bad("the body is empty (expected: a JSON object)");
        }
        try {
            return MAPPER.readValue(text, Object.class);
        } catch (StreamConstraintsException e) {
            throw Failure.invalid("", beyondLimit(e.getOriginalMessage()));
        } catch (JsonProcessingException e) {
            var at = e.getLocation();
            var where = at == null ? "" : " at line %d, column %d".formatted(at.getLineNr(), at.getColumnNr());
            var twice = TWICE.matcher(e.getOriginalMessage());
            throw bad(
                    twice.matches()
                            ? "the key %s is given twice%s".formatted(shownKey(twice.group(1)), where)
                            : "not JSON" + where);
        }
    }

    /** Jackson has one exception for all limits, and tells which it was in its text alone. */
    private static String beyondLimit(String message) {
        if (message.startsWith("Document nesting")) {
            return "the body is nested too deep (expected: at most %d levels)".formatted(DEPTH);
        }
        return message.startsWith("Number")
                ? "a number in the body is too long (expected: at most %d characters)".formatted(DIGITS)
                : "a key in the body is too long";
    }

    private static String shownKey(String key) {
        return Json.encode(StorableText.cut(key, 100));
    }

    private static Failure bad(String detail) {
        return Failure.of(Failure.Kind.INVALID, "caller-bad-json", detail);
    }

    /** How a value is named in a message: its type, so that no message grows with its input. */
    static String shown(@Nullable Object value) {
        if (value == null || value instanceof Boolean) {
            return String.valueOf(value);
        } else if (value instanceof String text) {
            return text.isEmpty() ? "empty" : "a string";
        } else if (value instanceof Number number) {
            var digits = number.toString();
            return digits.length() > 20 ? "a number" : digits;
        }
        return value instanceof Map ? "an object" : "an array";
    }

    private static @Nullable Object clean(@Nullable Object value, String pointer) {
        if (value instanceof String text) {
            return StorableText.clean(text);
        } else if (value instanceof Double number && !Double.isFinite(number)) {
            throw Failure.invalid(pointer, "a number out of range");
        } else if (value instanceof List<?> list) {
            var cleaned = new ArrayList<@Nullable Object>(list.size());
            for (var item : list) {
                cleaned.add(clean(item, pointer + "/" + cleaned.size()));
            }
            return cleaned;
        }
        return value instanceof Map<?, ?> map ? cleanMap(map, pointer) : value;
    }

    private static Map<String, Object> cleanMap(Map<?, ?> map, String pointer) {
        var cleaned = new LinkedHashMap<String, Object>();
        map.forEach((key, item) -> put(cleaned, StorableText.clean((String) key), item, pointer));
        return cleaned;
    }

    @SuppressWarnings("NullAway") // a JSON null; the map's readers ask for it with Fields
    private static void put(Map<String, Object> map, String key, @Nullable Object item, String pointer) {
        map.put(key, clean(item, pointer + "/" + escape(key)));
    }

    /** A key as a segment of a JSON pointer (RFC 6901), cut at 100 characters. */
    static String escape(String key) {
        var shortened = key.length() > 100 ? key.substring(0, 100) : key;
        return shortened.replace("~", "~0").replace("/", "~1");
    }
}
