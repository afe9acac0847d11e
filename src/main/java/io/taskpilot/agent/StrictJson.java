package io.taskpilot.agent;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.exc.StreamConstraintsException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.taskpilot.run.StorableText;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Function arguments, which are JSON only as far as the model got it right: one object, nothing after it, no key twice,
 * at most 32 levels, no number beyond a double.
 */
final class StrictJson {
    private static final int MAX_DEPTH = 32;
    private static final JsonMapper JSON = JsonMapper.builder(JsonFactory.builder()
                    .streamReadConstraints(StreamReadConstraints.builder()
                            .maxNestingDepth(MAX_DEPTH)
                            .build())
                    .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                    .build())
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();

    private StrictJson() {}

    /** @throws Malformed with what is wrong, in words for the model that wrote it */
    static Map<String, Object> object(String text) throws Malformed {
        try {
            if (JSON.readValue(text, Object.class) instanceof Map<?, ?> map) {
                return object(map);
            }
        } catch (StreamConstraintsException e) {
            throw new Malformed("deeper than %d levels, or a value too long".formatted(MAX_DEPTH));
        } catch (JsonProcessingException e) {
            var at = e.getLocation();
            var where = at == null ? "" : " at character " + at.getCharOffset();
            throw new Malformed("not valid JSON" + where);
        }
        throw new Malformed("not a JSON object");
    }

    private static Map<String, Object> object(Map<?, ?> map) throws Malformed {
        var object = new LinkedHashMap<String, Object>();
        for (var entry : map.entrySet()) {
            var key = StorableText.clean((String) entry.getKey());
            if (object.containsKey(key)) {
                throw new Malformed("a key is there twice");
            }
            object.put(key, value(entry.getValue()));
        }
        return object;
    }

    // A JSON null stays a null value in the map; the core's values are not annotated for it.
    @SuppressWarnings("NullAway")
    private static Object value(@Nullable Object value) throws Malformed {
        if (value instanceof String text) {
            return StorableText.clean(text);
        }
        if (value instanceof Map<?, ?> map) {
            return object(map);
        }
        if (value instanceof List<?> items) {
            var list = new ArrayList<Object>();
            for (var item : items) {
                list.add(value(item));
            }
            return list;
        }
        if (value instanceof Double number && !Double.isFinite(number)) {
            throw new Malformed("a number is out of range");
        }
        return value;
    }

    /** Says what is wrong, without quoting it. */
    static final class Malformed extends Exception {
        private static final long serialVersionUID = 1L;

        Malformed(String message) {
            super(message, null, false, false);
        }

        String detail() {
            return String.valueOf(getMessage());
        }
    }
}
