package io.taskpilot.llm;

import io.taskpilot.resilience.Failure;
import io.taskpilot.resilience.Failure.Kind;
import java.time.Duration;
import java.util.Set;

/** How model calls fail. None of the texts holds anything a provider or a model wrote. */
final class ModelFailures {
    /** What this node broke off, or did not begin, says nothing of the model. */
    private static final Set<String> OURS = Set.of("provider-aborted", "provider-not-started");

    private ModelFailures() {}

    static boolean isOurs(String slug) {
        return OURS.contains(slug);
    }

    static Failure timeout() {
        return Failure.of(Kind.TIMEOUT, "provider-timeout", "the model did not answer in time");
    }

    /** Of a call that waited for a connection of ours; {@code had} is what that left to the provider. */
    static Failure timeoutInQueue(Duration had) {
        var detail = "the model did not answer in time: too many calls were waiting for a connection";
        return Failure.of(Kind.TIMEOUT, "provider-timeout", detail, new Queued(had));
    }

    /** True for a time-out of which the provider had {@code enough}; it had all of it where nobody waited in line. */
    static boolean hadEnough(Failure timeout, Duration enough) {
        return !(timeout.getCause() instanceof Queued queued) || queued.had.compareTo(enough) >= 0;
    }

    private static final class Queued extends Exception {
        private static final long serialVersionUID = 1L;

        private final Duration had;

        Queued(Duration had) {
            super(null, null, false, false);
            this.had = had;
        }
    }

    /** More calls wait for a connection than may. */
    static Failure overloaded() {
        var detail = "too many calls are waiting for a connection to the provider";
        return Failure.overloaded("overload-llm", detail, Duration.ofSeconds(1));
    }

    static Failure aborted() {
        return Failure.of(Kind.UNAVAILABLE, "provider-aborted", "the model call was broken off");
    }

    static Failure notStarted() {
        return Failure.of(Kind.UNAVAILABLE, "provider-not-started", "this node may not start effects now");
    }

    static Failure error(String detail) {
        return Failure.of(Kind.UPSTREAM, "provider-error", detail);
    }

    /** The provider's word on this request, or an answer that is of no use; it says nothing of the next. */
    static Failure declined(String detail) {
        return Failure.of(Kind.UPSTREAM, "provider-error", detail, new Declined());
    }

    static boolean isDeclined(Failure failure) {
        return failure.getCause() instanceof Declined;
    }

    private static final class Declined extends Exception {
        private static final long serialVersionUID = 1L;

        Declined() {
            super(null, null, false, false);
        }
    }

    static Failure cutStream() {
        return Failure.of(Kind.UPSTREAM, "provider-cut-stream", "the model's answer ended in the middle");
    }

    static Failure refused() {
        return Failure.of(Kind.UPSTREAM, "provider-refused", "the provider's content filter stopped the answer");
    }

    static Failure truncated() {
        return Failure.of(Kind.UPSTREAM, "provider-truncated", "the answer did not fit the agent's maxTokens");
    }
}
