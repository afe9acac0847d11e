package io.taskpilot.journal;

import io.taskpilot.run.StorableText;
import io.vertx.core.json.Json;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * JSON as jsonb takes it: U+0000, and halves of surrogate pairs, which it refuses, become U+FFFD. Values are those of
 * {@code run}: maps, lists, text, numbers, booleans and null.
 */
final class JsonText {
    private JsonText() {}

    static String encode(@Nullable Object value) {
        return Json.encode(clean(value));
    }

    static Map<String, Object> decodeObject(String text) {
        return new JsonObject(text).getMap();
    }

    static @Nullable Object decode(String text) {
        var value = Json.decodeValue(text);
        if (value instanceof JsonObject object) {
            return object.getMap();
        }
        return value instanceof JsonArray array ? array.getList() : value;
    }

    static @Nullable Object clean(@Nullable Object value) {
        if (value instanceof String text) {
            return clean(text);
        }
        if (value instanceof Map<?, ?> map) {
            var cleaned = new LinkedHashMap<String, @Nullable Object>();
            map.forEach((key, item) -> cleaned.put(clean((String) key), clean(item)));
            return cleaned;
        }
        if (value instanceof List<?> list) {
            var cleaned = new ArrayList<@Nullable Object>(list.size());
            list.forEach(item -> cleaned.add(clean(item)));
            return cleaned;
        }
        return value;
    }

    static String clean(String text) {
        return StorableText.clean(text);
    }
}
