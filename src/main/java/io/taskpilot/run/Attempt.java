package io.taskpilot.run;

import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * One try to reach a receiver outside: when, for how long and how it ended, and nothing of where it went or what was
 * said.
 *
 * @param redirects that were followed
 * @param status of the last complete answer; null when there was none
 * @param lack why there was none; null when there was
 */
public record Attempt(
        Instant at,
        long durationMs,
        int redirects,
        @Nullable Integer status,
        @Nullable Lack lack) {
    /** So many a call makes at most, and an approval keeps. */
    public static final int MOST = 20;

    /** Why there is no complete answer. */
    public enum Lack {
        /** The name was not resolved. */
        LOOKUP,
        /** The name leads where a webhook may not go. */
        FORBIDDEN_ADDRESS,
        CONNECT,
        TLS,
        /** There was a connection, but no time or no lease any more. */
        NOT_SENT,
        /** Sent, and not answered in time. */
        TIMEOUT,
        /** Sent, and the connection ended before the answer did. */
        NO_ANSWER,
        /** By a cancel, a drain, or the deadline of the call. */
        BROKEN_OFF;

        /** As in {@code no_answer}. */
        public String word() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** As the API and the journal have it. */
    public Map<String, Object> json() {
        var json = new LinkedHashMap<String, Object>();
        json.put("at", at.toString());
        json.put("duration_ms", durationMs);
        if (redirects > 0) {
            json.put("redirects", redirects);
        }
        if (status != null) {
            json.put("status", status);
        }
        if (lack != null) {
            json.put("failure", lack.word());
        }
        return json;
    }

    /** The inverse of {@link #json}. */
    public static Attempt of(Map<?, ?> json) {
        var status = (Number) json.get("status");
        var redirects = (Number) json.get("redirects");
        var failure = (String) json.get("failure");
        return new Attempt(
                Instant.parse((String) Objects.requireNonNull(json.get("at"), "at")),
                ((Number) Objects.requireNonNull(json.get("duration_ms"), "duration_ms")).longValue(),
                redirects == null ? 0 : redirects.intValue(),
                status == null ? null : status.intValue(),
                failure == null ? null : Lack.valueOf(failure.toUpperCase(Locale.ROOT)));
    }
}
