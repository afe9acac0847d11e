package io.taskpilot.app;

import io.taskpilot.config.Secret;
import io.taskpilot.gateway.ApiKeys;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A fresh API key, and what stands for it in the server's list of keys.
 *
 * @param key goes to the caller, and nowhere else
 */
record KeyEntry(String key, Map<String, Object> fields) {

    /** @throws UsageFailure for what the server would not take */
    static KeyEntry make(Secret secret, String id, @Nullable String tenant, List<String> scopes, List<String> roles) {
        var made = ApiKeys.make(secret);
        var entry = new LinkedHashMap<String, Object>();
        entry.put("id", id);
        if (tenant != null) {
            entry.put("tenant", tenant);
        }
        entry.put("prefix", made.prefix());
        entry.put("hash", made.hash());
        entry.put("scopes", scopes);
        entry.put("roles", roles);
        try {
            ApiKeys.parse(ApiClient.json(List.of(entry)), secret); // the server's own reader
        } catch (IllegalArgumentException e) {
            throw new UsageFailure(
                    String.valueOf(e.getMessage()).replaceAll("(?m)^keys\\[0]\\.(scope|role)?s?", "--$1"));
        }
        return new KeyEntry(made.key(), entry);
    }

    /** A line of the keys file. */
    String line() {
        return "- " + ApiClient.json(fields); // JSON is YAML
    }

    /** The entry and, unlike everywhere else, the key. */
    String json() {
        var all = new LinkedHashMap<>(fields);
        all.put("key", key);
        return ApiClient.json(all);
    }
}
