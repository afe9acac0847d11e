package io.taskpilot.gateway;

import io.taskpilot.resilience.Failure;
import io.vertx.core.http.HttpServerRequest;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Content negotiation (RFC 9110, section 12.5.1). */
final class Accept {
    static final String JSON = "application/json";
    static final String SSE = "text/event-stream";
    static final String NDJSON = "application/x-ndjson";
    static final String JSONL = "application/jsonl";
    static final String CSV = "text/csv";
    static final String TEXT = "text/plain";

    private Accept() {}

    /**
     * The form that the caller likes best; the first offered one when it does not care.
     *
     * @throws Failure {@code caller-not-acceptable} (406)
     */
    static String choose(HttpServerRequest request, String... offered) {
        var header = String.join(",", request.headers().getAll("accept"));
        if (header.isBlank()) {
            return offered[0];
        }
        String best = null;
        var bestWeight = 0.0;
        for (var type : offered) {
            var weight = weight(header, type);
            if (weight > bestWeight) {
                best = type;
                bestWeight = weight;
            }
        }
        if (best == null) {
            throw Failure.of(
                    Failure.Kind.NOT_ACCEPTABLE, "caller-not-acceptable", "offered: " + String.join(", ", offered));
        }
        return best;
    }

    /** The q of the most specific range that covers {@code type}; a hair less for a wildcard, so that naming wins. */
    private static double weight(String header, String type) {
        var weight = 0.0;
        var specific = -1;
        for (var range : header.split(",", 100)) {
            var parts = range.trim().toLowerCase(Locale.ROOT).split(";", 10);
            var rank = rank(parts[0].trim(), type);
            if (rank > specific) {
                specific = rank;
                weight = quality(parts) - (rank < 2 ? 1e-6 : 0);
            }
        }
        return weight;
    }

    private static int rank(String range, String type) {
        if (range.equals(type)) {
            return 2;
        } else if (range.equals(type.substring(0, type.indexOf('/')) + "/*")) {
            return 1;
        }
        return range.equals("*/*") ? 0 : -1;
    }

    private static double quality(String[] parts) {
        for (var i = 1; i < parts.length; i++) {
            var parameter = parts[i].trim();
            if (parameter.startsWith("q=")) {
                var quality = number(parameter.substring(2).trim());
                return quality == null ? 1 : quality;
            }
        }
        return 1;
    }

    private static @Nullable Double number(String text) {
        return text.matches("[01](\\.\\d{0,3})?") ? Double.valueOf(text) : null;
    }
}
