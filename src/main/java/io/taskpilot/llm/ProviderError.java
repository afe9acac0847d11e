package io.taskpilot.llm;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.taskpilot.config.Secret;
import io.taskpilot.resilience.Failure;
import io.taskpilot.resilience.Failure.Kind;
import io.taskpilot.resilience.RetryAfter;
import io.vertx.core.MultiMap;
import io.vertx.core.buffer.Buffer;
import java.io.IOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Reads a provider's refusal. Of its body only the machine words {@code type} and {@code code} are kept: messages quote
 * keys and prompts.
 */
final class ProviderError {
    private static final JsonMapper JSON = new JsonMapper();
    private static final Pattern WORD = Pattern.compile("[a-z0-9_.-]{1,64}");
    private static final Set<String> FILTERED = Set.of("content_filter", "content_policy_violation");
    private static final String NO_QUOTA = "insufficient_quota";

    private final @Nullable Secret apiKey;
    private final String model;

    /** @param model that was asked for, as it is configured */
    ProviderError(@Nullable Secret apiKey, String model) {
        this.apiKey = apiKey;
        this.model = model;
    }

    /** A {@link TryFailed} where another try makes sense: 408, 409, 429 (unless for lack of money) and 5xx. */
    RuntimeException failure(int status, MultiMap headers, Buffer body, Instant now) {
        var words = words(body);
        var detail =
                "the provider answered HTTP " + status + (words.isEmpty() ? "" : " (" + String.join(", ", words) + ")");
        var retryAfter = RetryAfter.of(headers, now);
        if (words.stream().anyMatch(FILTERED::contains)) {
            return ModelFailures.refused();
        }
        if (status == 408) {
            return new TryFailed(Failure.of(Kind.TIMEOUT, "provider-timeout", detail), retryAfter);
        }
        if (status == 429) {
            var limited = Failure.of(Kind.UPSTREAM, "provider-rate-limited", detail);
            return words.contains(NO_QUOTA) ? limited : new TryFailed(limited, retryAfter);
        }
        if (status == 404) {
            return ModelFailures.declined(detail + ": it does not know the model \"" + model
                    + "\" (llm.model, or the agent's file), or its URL is wrong (llm.baseUrl)");
        }
        // 409 as in OpenAI's own clients: a lock there that was not free in time.
        if (status == 409 || status >= 500) {
            return new TryFailed(ModelFailures.error(detail), retryAfter);
        }
        return status >= 400 ? ModelFailures.declined(detail) : ModelFailures.error(detail);
    }

    private List<String> words(Buffer body) {
        var words = new ArrayList<String>();
        try {
            var error = JSON.readTree(body.getBytes()).path("error");
            add(words, error.path("type"));
            add(words, error.path("code"));
        } catch (IOException e) {
            return words; // not the JSON we know: the status has to do
        }
        return words;
    }

    private void add(List<String> words, JsonNode node) {
        var word = node.asText("");
        var secret = apiKey != null
                && (word.contains(apiKey.value()) || apiKey.value().contains(word));
        if (WORD.matcher(word).matches() && !secret && !words.contains(word)) {
            words.add(word);
        }
    }
}
