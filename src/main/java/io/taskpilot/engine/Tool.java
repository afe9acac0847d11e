package io.taskpilot.engine;

import io.taskpilot.run.TaskChange;
import io.vertx.core.Future;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Something with an effect that an agent may call. Only the dispatcher calls {@link #run}. */
public interface Tool {
    Spec spec();

    /**
     * Does it, or says how far it got; completes on the caller's context. A failed future counts as an unknown outcome
     * if the tool is external, and as a refusal otherwise.
     */
    Future<Outcome> run(Invocation invocation, CallContext call);

    /** Whether a call with these arguments that got no answer may be sent again with the same key. */
    default boolean isRepeatable(Map<String, Object> arguments) {
        return false;
    }

    /**
     * @param parameters JSON Schema of the arguments; checked before {@link #run}
     * @param timeout at most 60 s
     * @param external its effect is outside PostgreSQL; otherwise it has none but the changes it returns
     */
    record Spec(String name, String description, Map<String, Object> parameters, Duration timeout, boolean external) {}

    /**
     * @param key stable across attempts and nodes
     * @param reviewedTask the task the reviewer approved, when these arguments are exactly its proposal
     */
    record Invocation(
            UUID runId,
            String callId,
            String key,
            String tenant,
            Map<String, Object> arguments,
            @Nullable UUID reviewedTask) {}

    /** How a call ended. */
    sealed interface Outcome {
        /**
         * A complete answer.
         *
         * @param result a JSON value
         * @param changes applied to the tasks by the append that records this
         */
        record Returned(Object result, List<TaskChange> changes) implements Outcome {}

        /** A complete answer that says no, or a call that certainly had no effect; the agent is told. */
        record Refused(String reason) implements Outcome {}

        /** The effect may or may not have happened. */
        record Unknown(String cause) implements Outcome {}
    }
}
