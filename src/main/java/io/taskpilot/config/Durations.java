package io.taskpilot.config;

import java.time.Duration;
import java.time.format.DateTimeParseException;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Durations as people write them: {@code 250ms}, {@code 30s}, {@code 5m}, {@code 1h}, {@code 7d}, or ISO-8601. */
public final class Durations {
    private static final Pattern SHORT = Pattern.compile("([0-9]{1,9})(ms|s|m|h|d)");
    private static final Map<String, Long> MILLIS =
            Map.of("ms", 1L, "s", 1_000L, "m", 60_000L, "h", 3_600_000L, "d", 86_400_000L);

    private Durations() {}

    /** Null when the text is not a duration, or is negative. */
    public static @Nullable Duration parse(String text) {
        var matcher = SHORT.matcher(text);
        if (matcher.matches()) {
            var unit = MILLIS.getOrDefault(matcher.group(2), 1L);
            return Duration.ofMillis(Long.parseLong(matcher.group(1)) * unit);
        }
        if (!text.toUpperCase(Locale.ROOT).startsWith("P")) {
            return null;
        }
        try {
            var duration = Duration.parse(text);
            return duration.isNegative() ? null : duration;
        } catch (DateTimeParseException e) {
            return null;
        }
    }

    /** @throws IllegalArgumentException when the text is not a duration */
    public static Duration valid(String text) {
        var duration = parse(text);
        if (duration == null) {
            throw new IllegalArgumentException(text + " (expected: a duration such as 250ms, 30s, 5m or 1h)");
        }
        return duration;
    }

    /** The shortest text that {@link #parse} reads as the same number of milliseconds. */
    public static String format(Duration duration) {
        var millis = duration.toMillis();
        for (var unit : new String[] {"d", "h", "m", "s"}) {
            var size = MILLIS.getOrDefault(unit, 1L);
            if (millis != 0 && millis % size == 0) {
                return millis / size + unit;
            }
        }
        return millis == 0 ? "0s" : millis + "ms";
    }
}
