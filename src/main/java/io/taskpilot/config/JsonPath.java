package io.taskpilot.config;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A JSONPath (RFC 9535) of members alone: {@code $.name}, {@code $['a name']}, {@code $[*]} and {@code $.*} for every
 * member or element, {@code $..name} for a member of that name at any depth. Names are compared exactly.
 */
public final class JsonPath {
    private static final Pattern SEGMENT = Pattern.compile(
            "(?<deep>\\.\\.)(?<deepName>[A-Za-z_][\\w-]*)|\\.(?<name>[A-Za-z_][\\w-]*)|\\['(?<quoted>[^'\\\\\\p{Cntrl},]+)']"
                    + "|\\.\\*|\\[\\*]");
    private static final int LONGEST = 200;

    /**
     * One step down.
     *
     * @param name null for every member or element
     * @param deep at any depth
     */
    private record Segment(@Nullable String name, boolean deep) {}

    private final String text;
    private final List<Segment> segments;

    private JsonPath(String text, List<Segment> segments) {
        this.text = text;
        this.segments = List.copyOf(segments);
    }

    /** Null for what is no such path, {@code $} alone included, and for more than 200 characters. */
    public static @Nullable JsonPath parse(String text) {
        if (!text.startsWith("$") || text.length() > LONGEST) {
            return null;
        }
        var segments = new ArrayList<Segment>();
        var matcher = SEGMENT.matcher(text);
        for (var at = 1; at < text.length(); at = matcher.end()) {
            if (!matcher.region(at, text.length()).lookingAt()) {
                return null;
            }
            var deep = matcher.group("deep") != null;
            var member = matcher.group("name") == null ? matcher.group("quoted") : matcher.group("name");
            segments.add(new Segment(deep ? matcher.group("deepName") : member, deep));
        }
        return segments.isEmpty() ? null : new JsonPath(text, segments);
    }

    /** A copy of a JSON value with {@code mask} in place of whatever the path selects. */
    @Nullable
    Object masked(@Nullable Object json, String mask) {
        return masked(json, 0, mask);
    }

    private @Nullable Object masked(@Nullable Object json, int index, String mask) {
        if (index == segments.size()) {
            return mask;
        }
        var segment = segments.get(index);
        if (json instanceof Map<?, ?> map) {
            var copy = new LinkedHashMap<Object, @Nullable Object>();
            map.forEach((name, value) -> copy.put(name, member(segment, String.valueOf(name), value, index, mask)));
            return copy;
        }
        if (json instanceof List<?> list && (segment.deep || segment.name == null)) {
            var copy = new ArrayList<@Nullable Object>(list.size());
            list.forEach(value -> copy.add(masked(value, segment.deep ? index : index + 1, mask)));
            return copy;
        }
        return json;
    }

    private @Nullable Object member(Segment segment, String name, @Nullable Object value, int index, String mask) {
        var below = segment.deep ? masked(value, index, mask) : value;
        return segment.name == null || segment.name.equals(name) ? masked(below, index + 1, mask) : below;
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof JsonPath path && text.equals(path.text);
    }

    @Override
    public int hashCode() {
        return text.hashCode();
    }

    /** As it was written. */
    @Override
    public String toString() {
        return text;
    }
}
