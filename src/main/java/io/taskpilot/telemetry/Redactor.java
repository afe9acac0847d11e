package io.taskpilot.telemetry;

import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Keeps secrets out of what is logged: those that the configuration knows, wherever they stand, and whatever has the
 * form of a credential. The last line of defence; nothing is to be logged because it is there. Immutable.
 */
public final class Redactor {
    private static final String MASK = "***";
    private static final int SHORTEST = 5; // what is shorter would be found in every other word

    private static final Pattern CREDENTIALS = Pattern.compile(
            // the scheme of an Authorization header, and what follows it
            "(?i:\\b(bearer|basic)\\s+)[A-Za-z0-9._~+/=-]{6,}"
                    // our own keys, those of model providers and clouds, secrets of webhooks, JSON Web Tokens
                    + "|\\btp_[a-z0-9]{8}_[A-Za-z0-9_-]+"
                    + "|\\b(?:sk|pk|rk)-[A-Za-z0-9_-]{16,}"
                    + "|\\bAKIA[0-9A-Z]{16}\\b"
                    + "|\\bwhsec_[A-Za-z0-9+/=]+"
                    + "|\\beyJ[A-Za-z0-9_-]{8,}\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]*"
                    // the password in a URL
                    + "|(?<=://)[^\\s/:@]*:[^\\s/@]+(?=@)"
                    // a value that says what it is
                    + "|(?i:(?<=\\b(?:password|passwd|secret|api[_-]?key|access[_-]?token)[\"']?\\s?[=:]\\s?[\"']?))[^\\s\"'&,;]{4,}");

    /**
     * In lower case; no text is of one of these forms that has none of them. To look for them takes a hundredth of the
     * time, and nearly every text has none.
     */
    private static final List<String> WORDS = List.of(
            "bearer",
            "basic",
            "tp_",
            "sk-",
            "pk-",
            "rk-",
            "akia",
            "whsec_",
            "eyj",
            "://",
            "password",
            "passwd",
            "secret",
            "api",
            "token");

    private static final String END_OF_NAME = ": "; // of what was thrown, before what it says

    private static final String OF_DATABASE = "io.vertx.pgclient.PgException";

    /** Whose messages quote what they were given: a text of a caller's, or a row. */
    private static final List<String> QUOTING = List.of(
            "com.fasterxml.jackson.",
            "io.vertx.core.json.",
            OF_DATABASE,
            "org.postgresql.util.PSQLException",
            "java.lang.NumberFormatException",
            "java.net.URISyntaxException",
            "java.time.format.DateTimeParseException");

    /** As in {@code cause=} and what {@link Throwable#toString} says, of a wrapper too: nobody knows where it ends. */
    private static final Pattern QUOTED = Pattern.compile(
            QUOTING.stream().map(Pattern::quote).collect(Collectors.joining("|", "\\b((?:", ")[\\w.$]*): ")));

    private static final Pattern SQL_STATE = Pattern.compile("\\(([0-9A-Z]{5})\\)\\s*$");
    /** Classes of SQLSTATE whose messages are about the database and name no value. */
    private static final Set<String> NO_VALUES = Set.of("08", "25", "28", "3D", "40", "42", "53", "55", "57", "58");

    private final List<String> known;

    /** @param secrets those shorter than five characters can't be told from other words, and are left out */
    public Redactor(Collection<String> secrets) {
        known = secrets.stream()
                .filter(secret -> secret.length() >= SHORTEST)
                .distinct()
                .sorted(Comparator.comparing(String::length).reversed()) // a part of another would leave the rest of it
                .toList();
    }

    /** The very text when there is nothing to hide in it. */
    public String clean(String text) {
        if (!text.contains(END_OF_NAME)) {
            return withoutSecrets(text);
        }
        var quoted = QUOTED.matcher(text);
        return quoted.find()
                ? withoutSecrets(text.substring(0, quoted.end())) + clean(quoted.group(1), text.substring(quoted.end()))
                : withoutSecrets(text);
    }

    private String withoutSecrets(String text) {
        var clean = text;
        for (var secret : known) {
            if (clean.contains(secret)) {
                clean = clean.replace(secret, MASK);
            }
        }
        if (WORDS.stream().noneMatch(clean.toLowerCase(Locale.ROOT)::contains)) {
            return clean;
        }
        var found = CREDENTIALS.matcher(clean);
        return found.find() ? found.replaceAll(match -> kept(match.group(1)) + MASK) : clean;
    }

    /** The message of something that was thrown; without it when such a one may quote what it was given. */
    public String clean(String thrown, String message) {
        if (QUOTING.stream().noneMatch(thrown::startsWith)) {
            return clean(message);
        }
        var state = SQL_STATE.matcher(message);
        if (!thrown.equals(OF_DATABASE) || !state.find()) {
            return MASK;
        }
        var isTold = NO_VALUES.contains(state.group(1).substring(0, 2));
        return isTold ? clean(message) : MASK + " (" + state.group(1) + ")";
    }

    private static String kept(@Nullable String scheme) {
        return scheme == null ? "" : scheme + " ";
    }
}
