package io.taskpilot.resilience;

import io.vertx.core.MultiMap;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeFormatter;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** How long a server asks to be left alone: {@code Retry-After} (RFC 9110), or OpenAI's {@code retry-after-ms}. */
public final class RetryAfter {
    private static final Pattern DIGITS = Pattern.compile("[0-9]{1,12}");

    private RetryAfter() {}

    /** Zero when the headers do not say, or say nonsense. */
    public static Duration of(MultiMap headers, Instant now) {
        var millis = digits(headers.get("retry-after-ms"));
        if (millis != null) {
            return Duration.ofMillis(millis);
        }
        var value = headers.get("retry-after");
        var seconds = digits(value);
        return seconds != null ? Duration.ofSeconds(seconds) : until(value, now);
    }

    private static @Nullable Long digits(@Nullable String value) {
        return value != null && DIGITS.matcher(value.strip()).matches() ? Long.valueOf(value.strip()) : null;
    }

    private static Duration until(@Nullable String date, Instant now) {
        if (date == null) {
            return Duration.ZERO;
        }
        try {
            var at = Instant.from(DateTimeFormatter.RFC_1123_DATE_TIME.parse(date.strip()));
            return at.isAfter(now) ? Duration.between(now, at) : Duration.ZERO;
        } catch (DateTimeException e) {
            return Duration.ZERO; // neither seconds nor a date: our own pause will do
        }
    }
}
