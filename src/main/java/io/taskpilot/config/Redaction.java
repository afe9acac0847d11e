package io.taskpilot.config;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What of a tool call's arguments stays in the journal: everything the paths select is {@code ***} wherever a call is
 * told of. Paths start at an object whose one member, {@code parameters}, are the arguments, as policy sees them.
 */
public record Redaction(List<JsonPath> paths) {
    private static final String MASK = "***";
    private static final String ROOT = "parameters";
    private static final int SHORTEST = 3; // in a text, what is shorter would be found in every other word

    public Redaction {
        paths = List.copyOf(paths);
    }

    /** A copy of the arguments; {@code ***} when all of them are selected. */
    public @Nullable Object arguments(Map<String, Object> arguments) {
        @Nullable Object shown = Map.of(ROOT, arguments);
        for (var path : paths) {
            shown = path.masked(shown, MASK);
        }
        return shown instanceof Map<?, ?> map ? map.get(ROOT) : MASK;
    }

    /** A text about the call, as a policy's reason is, with what is selected in it hidden as well. */
    public String text(String text, Map<String, Object> arguments) {
        if (text.isEmpty() || paths.isEmpty()) {
            return text;
        }
        var hidden = new ArrayList<String>();
        collect(arguments, arguments(arguments), hidden);
        hidden.sort(Comparator.comparing(String::length).reversed()); // a part of another would leave the rest of it
        var shown = text;
        for (var value : hidden) {
            shown = shown.replace(value, MASK);
        }
        return shown;
    }

    /** The texts and numbers of {@code json} that are not in {@code shown}, which has the same form down to the masks. */
    private static void collect(@Nullable Object json, @Nullable Object shown, List<String> hidden) {
        if (json instanceof Map<?, ?> map) {
            map.forEach((name, value) ->
                    collect(value, shown instanceof Map<?, ?> kept ? kept.get(name) : MASK, hidden));
        } else if (json instanceof List<?> list) {
            for (var i = 0; i < list.size(); i++) {
                collect(list.get(i), shown instanceof List<?> kept ? kept.get(i) : MASK, hidden);
            }
        } else if (json != null && MASK.equals(shown) && String.valueOf(json).length() >= SHORTEST) {
            hidden.add(String.valueOf(json));
        }
    }
}
