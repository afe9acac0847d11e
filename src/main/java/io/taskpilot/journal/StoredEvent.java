package io.taskpilot.journal;

import io.taskpilot.run.EventCodec;
import io.taskpilot.run.RunEvent;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * An event as it is stored. What is large in it stands beside it, so that folding and listing stay quick.
 *
 * @param data JSON, with {@code null} where an artifact was taken out
 */
record StoredEvent(String type, String data, List<Artifact> artifacts) {
    static final int LARGE_BYTES = 64 * 1024;
    static final int LONGEST_BYTES = 1024 * 1024;

    /**
     * A value over 64 KiB.
     *
     * @param path keys and indexes from the root of the event's data
     * @param json whether {@code content} is JSON, or the text itself
     */
    record Artifact(List<Object> path, boolean json, String content) {}

    static StoredEvent of(RunEvent event) {
        var data = (Object) EventCodec.data(event);
        var text = JsonText.encode(data);
        if (text.length() <= LARGE_BYTES / 3) { // a char is at most 3 bytes of UTF-8
            return new StoredEvent(EventCodec.type(event), text, List.of());
        }
        var artifacts = new ArrayList<Artifact>();
        var rest = takeOut(JsonText.clean(data), List.of(), artifacts);
        return new StoredEvent(EventCodec.type(event), JsonText.encode(rest), List.copyOf(artifacts));
    }

    private static @Nullable Object takeOut(@Nullable Object value, List<Object> path, List<Artifact> artifacts) {
        if (value instanceof String text && bytes(text) > LARGE_BYTES) {
            artifacts.add(new Artifact(path, false, cut(text)));
            return null;
        }
        if (isResult(path) && (value instanceof Map || value instanceof List)) {
            var json = JsonText.encode(value);
            if (bytes(json) > LARGE_BYTES) {
                var whole = bytes(json) <= LONGEST_BYTES;
                artifacts.add(new Artifact(path, whole, cut(json)));
                return null;
            }
        }
        if (value instanceof Map<?, ?> map) {
            var rest = new LinkedHashMap<String, @Nullable Object>();
            map.forEach((key, item) -> rest.put((String) key, takeOut(item, longer(path, (String) key), artifacts)));
            return rest;
        }
        if (value instanceof List<?> list) {
            var rest = new ArrayList<@Nullable Object>(list.size());
            for (var item : list) {
                rest.add(takeOut(item, longer(path, rest.size()), artifacts));
            }
            return rest;
        }
        return value;
    }

    /** What a tool returned: the one value that may be any JSON, so also a text that was JSON before it was cut. */
    private static boolean isResult(List<Object> path) {
        return path.equals(List.of("result"));
    }

    private static List<Object> longer(List<Object> path, Object step) {
        return Stream.concat(path.stream(), Stream.of(step)).toList();
    }

    private static int bytes(String text) {
        return text.length() > LONGEST_BYTES ? text.length() : text.getBytes(StandardCharsets.UTF_8).length;
    }

    /** To 1 MiB of UTF-8, never within a character, with a mark that says how much there was. */
    private static String cut(String text) {
        var bytes = text.getBytes(StandardCharsets.UTF_8);
        if (bytes.length <= LONGEST_BYTES) {
            return text;
        }
        var end = LONGEST_BYTES;
        while ((bytes[end] & 0xC0) == 0x80) {
            end--;
        }
        return new String(bytes, 0, end, StandardCharsets.UTF_8) + "\n[cut: %d bytes in all]".formatted(bytes.length);
    }

    /** @throws IllegalArgumentException when this version can't read it */
    RunEvent event() {
        var root = JsonText.decodeObject(data);
        for (var artifact : artifacts) {
            put(root, artifact);
        }
        return EventCodec.parse(type, root);
    }

    @SuppressWarnings("unchecked") // what a JSON decoder gives
    private static void put(Map<String, Object> root, Artifact artifact) {
        Object parent = root;
        var path = artifact.path();
        for (var step : path.subList(0, path.size() - 1)) {
            var child = parent instanceof Map<?, ?> map ? map.get(step) : ((List<?>) parent).get((Integer) step);
            parent = Objects.requireNonNull(child, "an artifact without its place");
        }
        var value = artifact.json() ? JsonText.decode(artifact.content()) : artifact.content();
        var last = path.get(path.size() - 1);
        if (parent instanceof Map<?, ?>) {
            ((Map<String, @Nullable Object>) parent).put((String) last, value);
        } else {
            ((List<@Nullable Object>) parent).set((Integer) last, value);
        }
    }

    /** Roughly what it weighs on its way to the database. */
    long weight() {
        var weight = 100L + data.length();
        for (var artifact : artifacts) {
            weight += artifact.content().length();
        }
        return weight;
    }
}
