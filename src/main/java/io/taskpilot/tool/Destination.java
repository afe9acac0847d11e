package io.taskpilot.tool;

import io.taskpilot.config.TaskPilotConfig.Tools.Webhook;
import java.net.URI;
import java.time.Duration;
import java.util.regex.Pattern;

/** Where a webhook may go, checked at start. */
record Destination(URI url, WebhookSignature signature, boolean idempotent, boolean allowPrivate, Duration timeout) {
    private static final Duration MAX_TIMEOUT = Duration.ofSeconds(60);
    private static final int HTTPS = 443;
    private static final int HTTP = 80;
    private static final int MAX_PORT = 65_535;
    private static final Pattern NUMERIC = Pattern.compile("(^|\\.)[0-9][^.\\]]*\\.?$");
    private static final Pattern DOTTED = Pattern.compile("(0|[1-9][0-9]{0,2})(\\.(0|[1-9][0-9]{0,2})){3}");

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

    /**
     * What is wrong with a URL, be it configured or redirected to; empty when nothing is. A host is a name in ASCII, of
     * which {@link URI} takes no other, or an address in its usual form: 127.1, 0177.0.0.1, 0x7f000001 and 2130706433
     * are read in different ways by different resolvers.
     */
    static String mistake(URI url, boolean allowPrivate) {
        if (!isHttps(url) && !("http".equalsIgnoreCase(url.getScheme()) && allowPrivate)) {
            var scheme = url.getScheme() == null ? "" : url.getScheme();
            return "scheme '%s' (expected: https, or http with allowPrivate)".formatted(scheme);
        }
        if (url.getHost() == null || !isPlain(url.getHost())) {
            return "no host (expected: a name in ASCII, a dotted IPv4 or a bracketed IPv6 address)";
        }
        if (url.getRawUserInfo() != null) {
            return "user and password in it (expected: none)";
        }
        if (port(url) < 1 || port(url) > MAX_PORT) {
            return "port %d (expected: 1..%d)".formatted(port(url), MAX_PORT);
        }
        return AddressGuard.isMetadataName(url.getHost()) ? "the host of a metadata service (expected: another)" : "";
    }

    /** No top-level domain begins with a digit, so what ends that way is meant as an address. */
    private static boolean isPlain(String host) {
        return !NUMERIC.matcher(host).find() || DOTTED.matcher(host).matches();
    }

    /**
     * What speaks against following a redirect; empty when nothing does. It must stay with the host, since policy allowed
     * this destination and no other, and the signature is for who has its secret; and with its port, so that the host
     * can't point at what else it or its network runs. From http to https, at the port of https, is a step up.
     */
    String redirectMistake(URI from, URI to) {
        if (!url.getHost().equalsIgnoreCase(to.getHost())) {
            return "to another host";
        }
        var wrong = mistake(to, allowPrivate);
        if (!wrong.isEmpty()) {
            return "to a URL with " + wrong;
        }
        if (isHttps(from) && !isHttps(to)) {
            return "from https to http";
        }
        return port(to) == port(url) || (isHttps(to) && port(to) == HTTPS) ? "" : "to another port";
    }

    static boolean isHttps(URI url) {
        return "https".equalsIgnoreCase(url.getScheme());
    }

    static int port(URI url) {
        return url.getPort() >= 0 ? url.getPort() : isHttps(url) ? HTTPS : HTTP;
    }
}
