package io.taskpilot.engine;

import io.taskpilot.run.RailPhase;
import io.vertx.core.Future;

/** Checks texts: the embedded rails, or a NeMo Guardrails server. */
@FunctionalInterface
public interface Guardrails {

    /**
     * Completes on the caller's context. Fails with {@code guardrails-unavailable} when there is no verdict. A tool's
     * result is checked by the input rails.
     */
    Future<Verdict> check(RailPhase phase, String text, CallContext call);

    /** The same of a part of an answer that is still being written: it hardly comes again, so nobody keeps its verdict. */
    default Future<Verdict> checkPart(String text, CallContext call) {
        return check(RailPhase.OUTPUT, text, call);
    }

    /** What the rails say of a text. */
    sealed interface Verdict {
        /** All rails passed. */
        record Passed() implements Verdict {}

        /** A rail let a changed text pass. */
        record Modified(String rail, String text) implements Verdict {}

        /** @param rail the flow's name, as in {@code regex check input} */
        record Blocked(String rail, String reason) implements Verdict {}
    }
}
