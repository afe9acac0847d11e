package io.taskpilot.gateway;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.exc.MismatchedInputException;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.taskpilot.config.Secret;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Base64;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.jspecify.annotations.Nullable;

/**
 * The keys that may call. A key is {@code tp_<prefix>_<secret>}; the file holds its HMAC-SHA-256 under the server's
 * secret, so that neither the file nor the server's memory tells a key. Immutable.
 */
public final class ApiKeys {
    private static final Pattern KEY = Pattern.compile("tp_([a-z0-9]{8})_([A-Za-z0-9_-]{43})");
    private static final Pattern ID = Pattern.compile("[\\w.@-]{1,64}");
    private static final Pattern ROLE = Pattern.compile("\\*|[\\w.@-]{1,64}");
    private static final Pattern PREFIX = Pattern.compile("[a-z0-9]{8}");
    private static final Pattern HASH = Pattern.compile("[0-9a-f]{64}");
    private static final Set<String> FIELDS = Set.of("id", "tenant", "prefix", "hash", "scopes", "roles");
    private static final String ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789";

    /**
     * A key that was just made. Its text is shown once and kept nowhere.
     *
     * @param key goes to the caller
     * @param prefix goes into the file, as does the hash
     */
    public record Made(String key, String prefix, String hash) {}

    private record Entry(Caller caller, String hash) {}

    private final Secret secret;
    private final Map<String, Entry> prefixToEntry;

    private ApiKeys(Secret secret, Map<String, Entry> prefixToEntry) {
        this.secret = secret;
        this.prefixToEntry = Map.copyOf(prefixToEntry);
    }

    /** A fresh key: 256 random bits. */
    public static Made make(Secret secret) {
        var random = new SecureRandom();
        var prefix = new StringBuilder();
        while (prefix.length() < 8) {
            prefix.append(ALPHABET.charAt(random.nextInt(ALPHABET.length())));
        }
        var bytes = new byte[32];
        random.nextBytes(bytes);
        var key = "tp_" + prefix + "_" + Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
        return new Made(key, prefix.toString(), hash(secret, key));
    }

    /** Lower-case hex of the HMAC-SHA-256 of the whole key. */
    public static String hash(Secret secret, String key) {
        return HexFormat.of().formatHex(hmac(secret, key));
    }

    /** The prefix of a well-formed key, else null. */
    public static @Nullable String prefix(String key) {
        var parts = KEY.matcher(key);
        return parts.matches() ? parts.group(1) : null;
    }

    /**
     * Reads a keys file: a YAML list of {@code id}, {@code prefix}, {@code hash}, {@code scopes}, {@code roles}, and
     * {@code tenant}, which may be left out.
     *
     * @throws IllegalArgumentException with every mistake, one a line
     */
    public static ApiKeys parse(String yaml, Secret secret) {
        var mistakes = new ArrayList<String>();
        var prefixToEntry = new HashMap<String, Entry>();
        var ids = new HashSet<String>();
        var items = items(yaml);
        for (var i = 0; i < items.size(); i++) {
            var in = new Item("keys[" + i + "]", items.get(i), mistakes);
            var id = in.text("id", ID, "1..64 of letters, digits and . _ @ -");
            var tenant = in.textOr("tenant", ID, "1..64 of letters, digits and . _ @ -", Caller.DEFAULT_TENANT);
            var prefix = in.text("prefix", PREFIX, "8 of a-z and 0-9");
            var hash = in.text("hash", HASH, "64 of 0-9 and a-f; taskpilot keys hash makes one");
            var caller = new Caller(id, tenant, roles(in), scopes(in), true);
            in.refuseOthers();
            if (!id.isEmpty() && !ids.add(id)) {
                in.mistake("id: " + id + " (expected: not used before)");
            }
            if (!hash.isEmpty() && prefixToEntry.put(prefix, new Entry(caller, hash)) != null) {
                in.mistake("prefix: " + prefix + " (expected: not used before)");
            }
        }
        if (!mistakes.isEmpty()) {
            throw new IllegalArgumentException(String.join("\n", mistakes));
        }
        return new ApiKeys(secret, prefixToEntry);
    }

    /** Whose keys there are. */
    public Set<String> ids() {
        return prefixToEntry.values().stream().map(entry -> entry.caller().id()).collect(Collectors.toSet());
    }

    /** How many keys there are. */
    public int size() {
        return prefixToEntry.size();
    }

    /** Whose key this is; null for none of ours. Takes as long for a wrong secret as for an unknown prefix. */
    @Nullable
    Caller find(String key) {
        var prefix = prefix(key);
        var entry = prefix == null ? null : prefixToEntry.get(prefix);
        var expected = HexFormat.of().parseHex(entry == null ? "00".repeat(32) : entry.hash());
        var known = MessageDigest.isEqual(hmac(secret, key), expected);
        return known && entry != null ? entry.caller() : null;
    }

    private static List<?> items(String yaml) {
        var mapper = YAMLMapper.builder(new YAMLFactory())
                .enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION)
                .build();
        try {
            return mapper.readValue(yaml, Object.class) instanceof List<?> list ? list : notAList();
        } catch (MismatchedInputException e) {
            throw new IllegalArgumentException(
                    "empty (expected: a YAML list of keys; taskpilot keys hash makes an entry)");
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException(syntax(e));
        }
    }

    /** The parser's own message quotes lines of the file; the place and the problem are enough. */
    private static String syntax(JsonProcessingException e) {
        var at = e.getLocation();
        var problem = e.getOriginalMessage().lines().findFirst().orElse("");
        return "not YAML at line %d (%s)".formatted(at == null ? 1 : at.getLineNr(), problem);
    }

    private static List<?> notAList() {
        throw new IllegalArgumentException("not a list (expected: a YAML list of keys)");
    }

    /** One with a space in it, as two in one string, would open nothing, and say so nowhere. */
    private static List<String> roles(Item in) {
        var roles = in.words("roles");
        if (!roles.stream().allMatch(role -> ROLE.matcher(role).matches())) {
            in.mistake("roles: malformed (expected: each 1..64 of letters, digits and . _ @ -, or *)");
        }
        return roles;
    }

    private static Set<Scope> scopes(Item in) {
        var scopes = EnumSet.noneOf(Scope.class);
        for (var word : in.words("scopes")) {
            var scope = Scope.of(word);
            if (scope == null) {
                in.mistake("scopes: %s (expected: %s)".formatted(word, String.join(", ", Scope.words())));
            } else {
                scopes.add(scope);
            }
        }
        return scopes;
    }

    private static byte[] hmac(Secret secret, String key) {
        try {
            var mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(secret.value().getBytes(StandardCharsets.UTF_8), "HmacSHA256"));
            return mac.doFinal(key.getBytes(StandardCharsets.UTF_8));
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e); // every JDK must have it
        }
    }

    /** One entry of the file. */
    private record Item(String path, Object value, List<String> mistakes) {
        void mistake(String text) {
            mistakes.add(path + "." + text);
        }

        private @Nullable Object get(String name) {
            return value instanceof Map<?, ?> map ? map.get(name) : null;
        }

        /** Never shows the value: somebody may have put a key there. */
        String text(String name, Pattern pattern, String expected) {
            if (get(name) instanceof String text && pattern.matcher(text).matches()) {
                return text;
            }
            mistake("%s: %s (expected: %s)".formatted(name, get(name) == null ? "missing" : "malformed", expected));
            return "";
        }

        String textOr(String name, Pattern pattern, String expected, String otherwise) {
            return get(name) == null ? otherwise : text(name, pattern, expected);
        }

        List<String> words(String name) {
            var words = get(name);
            if (words instanceof List<?> list && list.stream().allMatch(String.class::isInstance)) {
                return list.stream().map(String.class::cast).toList();
            }
            mistake(name + ": " + (words == null ? "missing" : "malformed") + " (expected: a list of words)");
            return List.of();
        }

        void refuseOthers() {
            if (value instanceof Map<?, ?> map) {
                map.keySet().stream()
                        .filter(name -> !FIELDS.contains(String.valueOf(name)))
                        .forEach(name -> mistake(name + ": unknown key"));
            }
        }
    }
}
