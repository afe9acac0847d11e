package io.taskpilot.tool;

import io.taskpilot.config.TaskPilotConfig.Tools.Webhook;
import java.net.URI;
import java.time.Duration;
import java.util.Locale;

/** Where a webhook may go, checked at start. */
record Destination(URI url, WebhookSignature signature, boolean idempotent, boolean allowPrivate, Duration timeout) {
    private static final Duration MAX_TIMEOUT = Duration.ofSeconds(60);

    /** @throws IllegalArgumentException with the key and what is wrong with it */
    static Destination of(Webhook webhook) {
        var wrong = mistake(webhook.url(), webhook.allowPrivate());
        if (!wrong.isEmpty()) {
            throw new IllegalArgumentException("url: " + wrong);
        }
        var timeout = webhook.timeout();
        if (timeout.compareTo(Duration.ofSeconds(1)) < 0 || timeout.compareTo(MAX_TIMEOUT) > 0) {
            throw new IllegalArgumentException("timeout: %s (expected: 1 s to 60 s)".formatted(timeout));
        }
        return new Destination(
                webhook.url(), signature(webhook), webhook.idempotent(), webhook.allowPrivate(), timeout);
    }

    private static WebhookSignature signature(Webhook webhook) {
        var secret = webhook.secret().value();
        var previous = webhook.previousSecret();
        return previous == null ? new WebhookSignature(secret) : new WebhookSignature(secret, previous.value());
    }

    /** What is wrong with a URL, be it configured or redirected to; empty when nothing is. */
    static String mistake(URI url, boolean allowPrivate) {
        var scheme = url.getScheme() == null ? "" : url.getScheme().toLowerCase(Locale.ROOT);
        if (!scheme.equals("https") && !(scheme.equals("http") && allowPrivate)) {
            return "scheme '%s' (expected: https, or http with allowPrivate)".formatted(scheme);
        }
        if (url.getHost() == null) {
            return "no host";
        }
        return url.getRawUserInfo() == null ? "" : "user and password in it (expected: none)";
    }

    boolean hasHost(URI other) {
        return url.getHost().equalsIgnoreCase(other.getHost());
    }
}
