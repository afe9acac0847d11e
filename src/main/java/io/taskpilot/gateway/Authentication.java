package io.taskpilot.gateway;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.taskpilot.config.Secret;
import io.taskpilot.resilience.Failure;
import io.vertx.core.http.HttpServerRequest;
import java.net.URI;
import java.security.MessageDigest;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Decides who calls: the holder of a key, or, with authentication off, whoever is on this machine. */
public final class Authentication {
    private static final String BEARER = "bearer ";

    private final @Nullable ApiKeys keys;
    private final @Nullable Secret metricsToken;

    private Authentication(@Nullable ApiKeys keys, @Nullable Secret metricsToken) {
        this.keys = keys;
        this.metricsToken = metricsToken;
    }

    public static Authentication keys(ApiKeys keys) {
        return new Authentication(keys, null);
    }

    /**
     * Everyone is {@code local} and may do everything; only for a server on loopback. A web page must not be able to
     * drive it, so the {@code Host} must be loopback (no DNS rebinding) and the {@code Origin} absent or the same.
     */
    public static Authentication none() {
        return new Authentication(null, null);
    }

    /** The same, with a token for who reads the metrics; null lets everyone read them. */
    public Authentication withMetricsToken(@Nullable Secret token) {
        return new Authentication(keys, token);
    }

    /** @throws Failure 401 for no or a wrong key; with authentication off, 403 for a foreign host or origin */
    Caller caller(HttpServerRequest request) {
        if (keys == null) {
            refuseForeign(request);
            return Caller.LOCAL;
        }
        var key = bearer(request);
        if (key == null) {
            throw unauthenticated("no key (expected: Authorization: Bearer tp_...)");
        }
        var caller = keys.find(key);
        if (caller == null) {
            throw unauthenticated("not a key of this server");
        }
        return caller;
    }

    /** @throws Failure 401 for no or a wrong token, where there is one */
    void requireMetricsToken(HttpServerRequest request) {
        if (metricsToken == null) {
            return;
        }
        var token = bearer(request);
        if (token == null
                || !MessageDigest.isEqual(
                        token.getBytes(UTF_8), metricsToken.value().getBytes(UTF_8))) {
            throw unauthenticated("not the token of these metrics (expected: Authorization: Bearer ...)");
        }
    }

    private static @Nullable String bearer(HttpServerRequest request) {
        var header = request.getHeader("authorization");
        return header == null || !header.toLowerCase(Locale.ROOT).startsWith(BEARER)
                ? null
                : header.substring(BEARER.length()).trim();
    }

    private static Failure unauthenticated(String detail) {
        return Failure.of(Failure.Kind.UNAUTHENTICATED, "caller-unauthenticated", detail);
    }

    private static void refuseForeign(HttpServerRequest request) {
        var host = request.authority();
        if (host == null || !isLoopback(host.host())) {
            throw foreign("Host: not a loopback name, and this server runs without authentication");
        }
        var origin = request.getHeader("origin");
        if (origin != null && !isSame(origin, request.scheme(), host.toString())) {
            throw foreign("Origin: another site's, and this server runs without authentication");
        }
    }

    private static Failure foreign(String detail) {
        return Failure.of(Failure.Kind.DENIED, "caller-foreign-origin", detail);
    }

    private static boolean isSame(String origin, @Nullable String scheme, String authority) {
        try {
            var uri = URI.create(origin);
            return authority.equalsIgnoreCase(uri.getAuthority())
                    && uri.getScheme() != null
                    && uri.getScheme().equalsIgnoreCase(scheme);
        } catch (IllegalArgumentException e) {
            return false; // "null" and other opaque origins never match either
        }
    }

    private static boolean isLoopback(String host) {
        var name = host.toLowerCase(Locale.ROOT);
        return name.equals("localhost")
                || name.equals("::1")
                || name.equals("[::1]")
                || name.matches("127(\\.\\d{1,3}){3}");
    }
}
