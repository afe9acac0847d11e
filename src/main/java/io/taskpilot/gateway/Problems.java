package io.taskpilot.gateway;

import static java.util.Map.entry;

import io.taskpilot.resilience.Failure;
import io.taskpilot.run.Problem;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Failures as RFC 9457 has them. Slugs begin with who is at fault. */
final class Problems {
    static final String MEDIA_TYPE = "application/problem+json";

    /** What each slug means; the pages behind the {@code type} of a problem. */
    static final Map<String, String> SLUG_TO_TITLE = Map.ofEntries(
            entry("caller-invalid", "The request has mistakes; errors[] points at each"),
            entry("caller-bad-json", "The body is not JSON in UTF-8"),
            entry("caller-bad-request", "The request is not HTTP as this server reads it"),
            entry("caller-bad-cursor", "The cursor is beyond the last event, or not one of this server's"),
            entry("caller-unauthenticated", "No key, or one that this server does not know"),
            entry("caller-scope-missing", "The key may not do this"),
            entry("caller-role-missing", "The approval asks for a role that the key does not have"),
            entry("caller-own-request", "Who asked for a run cannot answer its approvals"),
            entry("caller-foreign-origin", "A server without authentication answers this machine only"),
            entry("caller-not-found", "There is no such thing"),
            entry("caller-method-not-allowed", "The resource does not know this method"),
            entry("caller-not-acceptable", "The resource has no form that the Accept header allows"),
            entry("caller-run-expired", "The run is older than runs are kept"),
            entry("caller-approval-answered", "The approval was answered before"),
            entry("caller-approval-expired", "The approval expired"),
            entry("caller-already-subscribed", "The socket follows this run already"),
            entry("caller-conflict", "The resource's state does not allow this"),
            entry("caller-too-large", "The body is too large"),
            entry("caller-uri-too-long", "The request line is too long"),
            entry("caller-unsupported-type", "The body is not application/json"),
            entry("caller-idempotency-key-reused", "The Idempotency-Key was used for another body"),
            entry("caller-headers-too-large", "The headers are too large"),
            entry("policy-denied", "Policy said no"),
            entry("policy-unavailable", "Policy could not be asked; nothing was allowed"),
            entry("policy-rejected-by-reviewer", "The reviewer rejected the proposed task"),
            entry("policy-rejected-by-approver", "A person said no"),
            entry("policy-approval-expired", "Nobody answered the approval in time"),
            entry("caller-cancelled", "The run was cancelled on request"),
            entry("caller-aborted", "A person ended the run instead of settling its call"),
            entry("caller-run-not-finished", "The run has not ended yet"),
            entry("limit-run-timeout", "The run did not finish within its timeout_s"),
            entry("provider-error", "The model's provider answered with an error"),
            entry("provider-timeout", "The model did not answer in time"),
            entry("provider-rate-limited", "The model's provider asks for fewer calls"),
            entry("provider-unreachable", "The model's provider can't be reached"),
            entry("provider-cut-stream", "The model's answer broke off"),
            entry("provider-refused", "The model's provider refused the request or its answer"),
            entry("provider-truncated", "The model's answer did not fit the agent's maxTokens"),
            entry("provider-aborted", "The model call was broken off"),
            entry("provider-not-started", "The model call was not begun"),
            entry("provider-invalid-answer", "The model's answer did not fit the agent's contract, twice"),
            entry("provider-too-many-tool-calls", "The model asked for more tool calls than a run may have"),
            entry("overload-llm", "Too many model calls wait on this server"),
            entry("overload-blocking-io", "Too much waits for this server's blocking calls"),
            entry("overload-lookups", "Too many look-ups of host names are under way"),
            entry("internal-poisoned", "Nodes stopped again and again while they drove the run"),
            entry("guardrails-blocked", "A guardrail said no"),
            entry("guardrails-unavailable", "The guardrails could not be asked; nothing was let through"),
            entry("limit-runs-per-key", "The key has too many runs in flight"),
            entry("limit-address", "Too many requests come from this address"), // said by docker/nginx/nginx.conf
            entry("limit-subscriptions", "The socket follows too many runs"),
            entry("archive-unavailable", "The archive of old runs is away; try again"),
            entry("overload-archive", "Too many reads of archived runs are under way"),
            entry(
                    "overload-journal",
                    "The database is away; sent again with its Idempotency-Key, a request is accepted once"),
            entry("overload-decisions", "Too many denials wait to be recorded"),
            entry("overload-queue", "Too many runs wait for a server with room"),
            entry("overload-streams", "This server has no room for another stream"),
            entry("overload-draining", "This server is about to stop"),
            entry("internal-no-answer", "No server answered"), // said by docker/nginx/nginx.conf
            entry("internal-error", "An error of ours; the request id finds it in the log"),
            entry("internal-archive", "An error of ours: the archived trace is missing or broken"),
            entry("internal-journal", "An error of ours: the database refused what we wrote"));

    private Problems() {}

    static String type(String slug) {
        return "/problems/" + slug;
    }

    static String title(String slug) {
        var title = SLUG_TO_TITLE.get(slug);
        return title == null ? slug.replace('-', ' ') : title;
    }

    /** @param instance path of what was asked; null on a socket */
    static Map<String, Object> json(Failure failure, @Nullable String instance, String requestId) {
        var json = new LinkedHashMap<String, Object>();
        json.put("type", type(failure.slug()));
        json.put("title", title(failure.slug()));
        json.put("status", failure.kind().status());
        // what went wrong inside may name hosts: it stays in the log
        json.put("detail", failure.kind() == Failure.Kind.INTERNAL ? "an error of ours" : failure.detail());
        if (instance != null) {
            json.put("instance", instance);
        }
        json.put("request_id", requestId);
        if (!failure.violations().isEmpty()) {
            json.put("errors", failure.violations().stream().map(Problems::json).toList());
        }
        return json;
    }

    /** Why a run ended as it did. */
    static Map<String, Object> json(Problem problem) {
        return Map.of("type", type(problem.slug()), "title", title(problem.slug()), "detail", problem.detail());
    }

    private static Map<String, Object> json(Failure.Violation violation) {
        return Map.of("pointer", violation.pointer(), "detail", violation.detail());
    }

    static List<String> slugs() {
        return SLUG_TO_TITLE.keySet().stream().sorted().toList();
    }
}
