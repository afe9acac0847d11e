package io.taskpilot.config;

import io.taskpilot.config.TaskPilotConfig.Guardrails.Streaming;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What may be written for a key.
 *
 * @param expected in words, for mistakes and for the table of settings
 * @param secret shown as {@code ***} everywhere
 */
record Type<T>(String expected, Shape shape, boolean secret, Parser<T> parser) {

    /** How a value stands in YAML. */
    enum Shape {
        /** Only what YAML reads as text: a number as {@code model: 4.10} would lose its 0. */
        TEXT,
        SCALAR,
        LIST
    }

    /** Reads a text; {@code base} is what a relative path in it starts from. Null says that it does not fit. */
    interface Parser<T> {
        @Nullable
        T parse(String text, Path base);
    }

    private static final Pattern BUCKET = Pattern.compile("[a-z0-9][a-z0-9-]{1,61}[a-z0-9]");
    private static final Pattern WINDOW = Pattern.compile("window:([0-9]{1,4})");
    static final Pattern NAME = Pattern.compile("[a-z][a-z0-9_-]{0,62}");

    private static <T> Type<T> scalar(String expected, Parser<T> parser) {
        return new Type<>(expected, Shape.SCALAR, false, parser);
    }

    static Type<String> text() {
        return new Type<>("text", Shape.TEXT, false, (text, base) -> text.isBlank() ? null : text);
    }

    static Type<Integer> integer(int min, int max) {
        return scalar(min + ".." + max, (text, base) -> {
            var number = text.matches("-?[0-9]{1,9}") ? Integer.valueOf(text) : null;
            return number != null && number >= min && number <= max ? number : null;
        });
    }

    static Type<Double> fraction() {
        return scalar("0..1", (text, base) -> {
            var number = text.matches("[0-9]{1,3}([.][0-9]{1,9})?") ? Double.valueOf(text) : null;
            return number != null && number <= 1 ? number : null;
        });
    }

    static Type<Boolean> flag() {
        return scalar("true or false", (text, base) -> switch (text) {
            case "true" -> true;
            case "false" -> false;
            default -> null;
        });
    }

    /** @param min as it would be written, like {@code max} */
    static Type<Duration> duration(String min, String max) {
        var least = Durations.valid(min);
        var most = Durations.valid(max);
        return scalar("a duration, " + min + ".." + max, (text, base) -> {
            var duration = Durations.parse(text);
            var fits = duration != null && duration.compareTo(least) >= 0 && duration.compareTo(most) <= 0;
            return fits ? duration : null;
        });
    }

    static Type<Path> path() {
        return scalar("a path", (text, base) -> {
            try {
                return text.isBlank() ? null : base.resolve(text).normalize();
            } catch (InvalidPathException e) {
                return null;
            }
        });
    }

    static Type<URI> url() {
        return scalar("an http or https URL without user info", (text, base) -> {
            try {
                var uri = new URI(text);
                var web = "https".equals(uri.getScheme()) || "http".equals(uri.getScheme());
                return web && uri.getHost() != null && uri.getRawUserInfo() == null ? uri : null;
            } catch (URISyntaxException e) {
                return null;
            }
        });
    }

    /** A URL whose path is often all the secret there is. */
    static Type<URI> secretUrl() {
        var url = url();
        return new Type<>(url.expected, Shape.SCALAR, true, url.parser);
    }

    static Type<Secret> secret(Pattern format, String expected) {
        return new Type<>(
                expected,
                Shape.SCALAR,
                true,
                (text, base) -> format.matcher(text).matches() ? new Secret(text) : null);
    }

    static <E extends Enum<E>> Type<E> oneOf(EnumSet<E> allowed) {
        var words = allowed.stream().map(Type::word).collect(Collectors.joining(" or "));
        return scalar(
                words,
                (text, base) -> allowed.stream()
                        .filter(constant -> word(constant).equals(text.toLowerCase(Locale.ROOT)))
                        .findFirst()
                        .orElse(null));
    }

    /** One or more, as a YAML list or one text with commas. */
    static <E extends Enum<E>> Type<Set<E>> someOf(EnumSet<E> allowed) {
        var one = oneOf(allowed);
        var expected = one.expected.replace(" or ", ", ") + ", one or both";
        return new Type<>(expected, Shape.LIST, false, (text, base) -> {
            var chosen = new LinkedHashSet<E>();
            for (var word : text.split(",", -1)) {
                var constant = one.parser.parse(word.strip(), base);
                if (constant == null) {
                    return null;
                }
                chosen.add(constant);
            }
            return chosen;
        });
    }

    /** As in {@code window:512}. */
    static Type<Streaming> streaming() {
        return scalar("buffer, audit or window:64..8192", (text, base) -> switch (text.toLowerCase(Locale.ROOT)) {
            case "buffer" -> Streaming.BUFFER;
            case "audit" -> Streaming.AUDIT;
            default -> window(text.toLowerCase(Locale.ROOT));
        });
    }

    private static @Nullable Streaming window(String text) {
        var form = WINDOW.matcher(text);
        var size = form.matches() ? Integer.parseInt(form.group(1)) : 0;
        return size >= 64 && size <= 8_192 ? new Streaming(Streaming.StreamMode.WINDOW, size) : null;
    }

    /** Amazon S3's rules for bucket names, without dots. */
    static Type<String> bucket() {
        return scalar(
                "3 to 63 of a-z, 0-9 and -, the first and last no -",
                (text, base) -> BUCKET.matcher(text).matches() ? text : null);
    }

    private static String word(Enum<?> constant) {
        return constant.name().toLowerCase(Locale.ROOT);
    }

    /** A YAML list, or one text with commas. */
    static Type<List<String>> names() {
        return new Type<>("names of a-z, 0-9, - and _", Shape.LIST, false, (text, base) -> {
            var names = Arrays.stream(text.split(",", -1)).map(String::strip).toList();
            return names.stream().allMatch(name -> NAME.matcher(name).matches()) ? names : null;
        });
    }

    /** A YAML list, which may be empty, or one text with commas. */
    static Type<List<JsonPath>> jsonPaths() {
        return new Type<>(
                "JSON paths of members, as in $.parameters.message or $..password", Shape.LIST, false, (text, base) -> {
                    var paths = new ArrayList<JsonPath>();
                    for (var part : text.isBlank() ? new String[0] : text.split(",", -1)) {
                        var path = JsonPath.parse(part.strip());
                        if (path == null) {
                            return null;
                        }
                        paths.add(path);
                    }
                    return paths;
                });
    }
}
