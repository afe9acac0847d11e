package io.taskpilot.journal;

import io.taskpilot.config.Secret;
import io.vertx.core.net.ClientSSLOptions;
import io.vertx.core.net.PemTrustOptions;
import io.vertx.pgclient.PgConnectOptions;
import io.vertx.pgclient.SslMode;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.Set;

/**
 * Where the database is and who asks: the one place that knows, for both drivers.
 *
 * @param parameters of the URL: {@code sslmode}, {@code sslrootcert}
 */
public record PostgresAddress(
        String host, int port, String database, String user, Secret password, Map<String, String> parameters) {

    private static final Set<String> KNOWN = Set.of("sslmode", "sslrootcert");
    private static final String FORM = "postgresql://user:password@host:port/database?sslmode=...";

    /**
     * Reads {@code postgresql://user:password@host:port/database?sslmode=...&sslrootcert=...}, percent-encoded.
     *
     * @throws IllegalArgumentException that says what is wrong, and never the password
     */
    public static PostgresAddress parse(Secret url) {
        URI uri;
        try {
            uri = new URI(url.value());
        } catch (URISyntaxException e) {
            throw new IllegalArgumentException("not a URL (expected: " + FORM + ")"); // the cause quotes the input
        }
        if (!Set.of("postgresql", "postgres").contains(String.valueOf(uri.getScheme()))
                || uri.getHost() == null
                || uri.getRawUserInfo() == null
                || uri.getRawPath() == null
                || uri.getRawPath().length() < 2) {
            throw new IllegalArgumentException("a part is missing (expected: " + FORM + ")");
        }
        var who = uri.getRawUserInfo().split(":", 2);
        var parameters = parameters(uri.getRawQuery() == null ? "" : uri.getRawQuery());
        sslMode(parameters.getOrDefault("sslmode", "prefer"));
        return new PostgresAddress(
                uri.getHost().replaceAll("^\\[|]$", ""),
                uri.getPort() < 0 ? 5432 : uri.getPort(),
                decode(uri.getRawPath().substring(1)),
                decode(who[0]),
                new Secret(who.length > 1 ? decode(who[1]) : ""),
                parameters);
    }

    private static Map<String, String> parameters(String query) {
        var parameters = new HashMap<String, String>();
        for (var part : query.isEmpty() ? new String[0] : query.split("&")) {
            var pair = part.split("=", 2);
            if (pair.length < 2 || !KNOWN.contains(pair[0])) {
                throw new IllegalArgumentException("%s: unknown parameter (expected: %s)"
                        .formatted(pair[0], KNOWN.stream().sorted().toList()));
            }
            parameters.put(pair[0], decode(pair[1]));
        }
        return Map.copyOf(parameters);
    }

    private static SslMode sslMode(String word) {
        try {
            return SslMode.of(word.toLowerCase(Locale.ROOT));
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(
                    "sslmode: %s (expected: disable, allow, prefer, require, verify-ca, verify-full)".formatted(word),
                    e);
        }
    }

    private static String decode(String part) {
        return URLDecoder.decode(part.replace("+", "%2B"), StandardCharsets.UTF_8);
    }

    /** The same server and user, another database. */
    PostgresAddress withDatabase(String other) {
        return new PostgresAddress(host, port, other, user, password, parameters);
    }

    /** As {@link #parse} reads it; holds the password. */
    public Secret url() {
        var query = new StringBuilder();
        parameters.forEach((key, value) -> query.append(query.isEmpty() ? "?" : "&")
                .append(key)
                .append('=')
                .append(encode(value)));
        return new Secret("postgresql://%s:%s@%s:%d/%s%s"
                .formatted(encode(user), encode(password.value()), bracketed(), port, encode(database), query));
    }

    private static String encode(String part) {
        return URLEncoder.encode(part, StandardCharsets.UTF_8).replace("+", "%20");
    }

    private String bracketed() {
        return host.contains(":") ? "[" + host + "]" : host;
    }

    /**
     * With the session settings that the journal's rules rest on: what is committed is on disk, and no session waits or
     * holds a lock without end.
     */
    PgConnectOptions options() {
        var options = new PgConnectOptions()
                .setHost(host)
                .setPort(port)
                .setDatabase(database)
                .setUser(user)
                .setPassword(password.value())
                .setCachePreparedStatements(true)
                .setPreparedStatementCacheSqlLimit(32_768)
                .addProperty("application_name", "taskpilot")
                .addProperty("timezone", "UTC")
                .addProperty("default_transaction_isolation", "read committed")
                .addProperty("synchronous_commit", "on")
                .addProperty("statement_timeout", "10s")
                .addProperty("lock_timeout", "2s")
                .addProperty("idle_in_transaction_session_timeout", "5s")
                .addProperty("jit", "off"); // our statements are short; compiling them takes longer than running them
        var mode = sslMode(parameters.getOrDefault("sslmode", "prefer"));
        options.setSslMode(mode);
        if (mode != SslMode.DISABLE) {
            options.setSslOptions(sslOptions(mode));
        }
        return options;
    }

    private ClientSSLOptions sslOptions(SslMode mode) {
        var options = new ClientSSLOptions();
        var verified = mode == SslMode.VERIFY_CA || mode == SslMode.VERIFY_FULL;
        options.setTrustAll(!verified); // as libpq: the other modes encrypt, and trust whoever answers
        options.setHostnameVerificationAlgorithm(mode == SslMode.VERIFY_FULL ? "HTTPS" : "");
        var root = parameters.get("sslrootcert");
        if (verified && root != null) {
            options.setTrustOptions(new PemTrustOptions().addCertPath(root));
        }
        return options;
    }

    /** Without user and password: see {@link #jdbcProperties}. */
    String jdbcUrl() {
        return "jdbc:postgresql://%s:%d/%s".formatted(bracketed(), port, encode(database));
    }

    Properties jdbcProperties() {
        var properties = new Properties();
        properties.setProperty("user", user);
        properties.setProperty("password", password.value());
        properties.setProperty("ApplicationName", "taskpilot");
        properties.putAll(parameters);
        var mode = sslMode(parameters.getOrDefault("sslmode", "prefer"));
        if ((mode == SslMode.VERIFY_CA || mode == SslMode.VERIFY_FULL) && !parameters.containsKey("sslrootcert")) {
            properties.setProperty("sslfactory", "org.postgresql.ssl.DefaultJavaSSLFactory");
        }
        return properties;
    }
}
