package io.taskpilot.policy;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.taskpilot.resilience.Breaker;
import io.taskpilot.resilience.Failure;
import io.taskpilot.run.DecisionResult;
import io.taskpilot.run.PolicyVerdict;
import io.vertx.core.Future;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.StreamSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads what a policy answered, the same for every engine. Only an answer with all its fields, each with a known value,
 * is a verdict; fields it doesn't know are passed over. Anything else fails with {@code policy-unavailable}.
 */
final class PolicyAnswer {
    private static final Logger log = LoggerFactory.getLogger(PolicyAnswer.class);
    static final String UNAVAILABLE = "policy-unavailable";
    private static final int LONGEST_WORD = 40;
    private static final String NO_VERDICT = "policy gave no verdict: ";
    private static final String UNDEFINED = "the rule is undefined";

    private static final Pattern DECISION_ID = Pattern.compile("[A-Za-z0-9._:-]{1,100}");
    private static final long MAX_TTL_SECONDS = 365L * 24 * 60 * 60;
    private static final Map<String, DecisionResult> DECISIONS = Map.of(
            "allow", DecisionResult.ALLOW,
            "deny", DecisionResult.DENY,
            "require_approval", DecisionResult.REQUIRE_APPROVAL);
    private static final JsonMapper JSON = JsonMapper.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();

    private PolicyAnswer() {}

    static byte[] json(Object question) {
        try {
            return JSON.writeValueAsBytes(question);
        } catch (JsonProcessingException e) {
            throw unreadable("the input is not JSON: " + e.getOriginalMessage());
        }
    }

    /** Of {@code [{"result": ...}]}, as a module answers; {@code []} is an undefined rule. */
    static JsonNode ofModule(String answer) {
        var results = parse(answer);
        if (!results.isArray() || results.size() != 1) {
            throw unreadable("the rule is undefined or answered more than once");
        }
        return defined(results.get(0));
    }

    /**
     * What a server answered.
     *
     * @param decisionId its name in the server's decision log; empty when it keeps none
     */
    record Served(JsonNode result, String decisionId) {}

    /** Of {@code {"result": ...}}, as a server answers; {@code {}} is an undefined rule. */
    static Served ofServer(String answer) {
        var whole = parse(answer);
        var id = whole.path("decision_id").asText("");
        return new Served(defined(whole), DECISION_ID.matcher(id).matches() ? id : "");
    }

    static PolicyVerdict verdict(JsonNode result) {
        var approval = field(result, "approval");
        return new PolicyVerdict(
                decision(text(result, "decision")),
                text(result, "rule"),
                texts(result, "reasons"),
                text(result, "revision"),
                texts(approval, "roles"),
                Duration.ofSeconds(seconds(approval)));
    }

    /** Of an {@code ingress} answer, which allows or denies, and asks nobody. */
    static PolicyVerdict admission(JsonNode result) {
        var decision = decision(text(result, "decision"));
        if (decision == DecisionResult.REQUIRE_APPROVAL) {
            throw unreadable("decision: 'require_approval' (expected: allow or deny)");
        }
        return new PolicyVerdict(
                decision,
                text(result, "rule"),
                texts(result, "reasons"),
                text(result, "revision"),
                List.of(),
                Duration.ZERO);
    }

    /** The tool names of an {@code offered} answer. */
    static List<String> offered(JsonNode result) {
        return texts("offered", result);
    }

    /** {@code policy-unavailable}, whatever went wrong on the way to the answer. */
    static <T> Future<T> none(Throwable cause) {
        if (cause instanceof Failure failure && failure.slug().equals(UNAVAILABLE)) {
            return Future.failedFuture(failure);
        }
        if (!Breaker.isRefusal(cause)) { // thousands a second during an outage that was logged when it began
            log.warn("policy gave no verdict cause={}", cause.toString());
        }
        return Future.failedFuture(Failure.unavailable(UNAVAILABLE, "policy gave no verdict", cause));
    }

    static Failure unreadable(String detail) {
        return Failure.of(Failure.Kind.UNAVAILABLE, UNAVAILABLE, NO_VERDICT + detail);
    }

    /** Of a failure: somebody answered, who has no such rule or no value for it. */
    static boolean isUndefined(Throwable cause) {
        return cause instanceof Failure failure && failure.detail().equals(NO_VERDICT + UNDEFINED);
    }

    private static JsonNode parse(String answer) {
        try {
            return JSON.readTree(answer);
        } catch (JsonProcessingException e) {
            throw unreadable("not JSON at offset " + e.getLocation().getCharOffset());
        }
    }

    private static JsonNode defined(JsonNode answer) {
        var result = answer.get("result");
        if (result == null || result.isNull()) {
            throw unreadable(UNDEFINED);
        }
        return result;
    }

    private static DecisionResult decision(String word) {
        var known = DECISIONS.get(word);
        if (known == null) {
            throw unreadable("decision: '%s' (expected: allow, deny or require_approval)"
                    .formatted(word.length() > LONGEST_WORD ? word.substring(0, LONGEST_WORD) + "..." : word));
        }
        return known;
    }

    private static long seconds(JsonNode approval) {
        var seconds = field(approval, "ttl_s");
        if (!seconds.isIntegralNumber() || !seconds.canConvertToLong()) {
            throw unreadable("approval.ttl_s: %s (expected: whole seconds)".formatted(kind(seconds)));
        }
        if (seconds.asLong() < 0 || seconds.asLong() > MAX_TTL_SECONDS) {
            throw unreadable("approval.ttl_s: %s (expected: 0..%d)".formatted(seconds, MAX_TTL_SECONDS));
        }
        return seconds.asLong();
    }

    private static JsonNode field(JsonNode object, String name) {
        var value = object.get(name);
        if (value == null) {
            throw unreadable(name + ": missing");
        }
        return value;
    }

    /** Not the value: a rule may answer with what it was asked about, and that is nobody's to log. */
    private static String kind(JsonNode value) {
        return value.isTextual() ? "another text" : value.getNodeType().name().toLowerCase(Locale.ROOT);
    }

    private static String text(JsonNode object, String name) {
        return text(name, field(object, name));
    }

    private static List<String> texts(JsonNode object, String name) {
        return texts(name, field(object, name));
    }

    private static List<String> texts(String name, JsonNode value) {
        if (!value.isArray()) {
            throw unreadable(name + ": not a list");
        }
        return StreamSupport.stream(value.spliterator(), false)
                .map(element -> text(name, element))
                .toList();
    }

    private static String text(String name, JsonNode value) {
        if (!value.isTextual() || value.asText().isBlank()) {
            throw unreadable("%s: %s (expected: text)".formatted(name, kind(value)));
        }
        return value.asText();
    }
}
