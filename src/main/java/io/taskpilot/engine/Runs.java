package io.taskpilot.engine;

import io.taskpilot.engine.Journal.IdempotencyKey;
import io.taskpilot.engine.RunReader.RunView;
import io.taskpilot.run.ApprovalAnswer;
import io.taskpilot.run.RunRequest;
import io.taskpilot.run.RunStatus;
import io.vertx.core.Future;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** What a gateway may do to runs. Futures complete on the caller's context; failures are {@code Failure}s. */
public interface Runs {

    /**
     * Accepts a run, and begins to drive it unless this node is full; then it waits for any node with room. {@code
     * overload-queue} (503) when too many wait.
     */
    Future<Submission> submit(RunRequest request, @Nullable IdempotencyKey key);

    /** How many runs of {@code principal} this node drives now. Asked on any thread, for every submission. */
    int inFlight(String principal);

    /** @param accepted the run as it begins; null when the key was known, and this is the id of the earlier run */
    record Submission(UUID runId, @Nullable RunView accepted) {
        public boolean replayed() {
            return accepted == null;
        }
    }

    /** Its status now: a terminal one if it had ended before. Fails with {@code caller-not-found}. */
    Future<RunStatus> cancel(UUID runId, String principal);

    /**
     * Records a person's answer. Fails with {@code caller-approval-answered} (409), {@code caller-approval-expired}
     * (410), {@code caller-own-request} or {@code caller-role-missing} (403), or {@code caller-invalid} for an answer
     * that this approval does not offer.
     */
    Future<Void> answer(UUID approvalId, Answer answer);

    /**
     * @param mayAnswerOwn only when authentication is off
     * @param result for {@code MARK_DONE}, a JSON value
     * @param arguments for {@code EDIT}, which needs them
     * @param traceparent where in a trace it is answered; empty when there is none
     */
    record Answer(
            ApprovalAnswer answer,
            String reason,
            @Nullable Object result,
            @Nullable Map<String, Object> arguments,
            String principal,
            List<String> roles,
            boolean mayAnswerOwn,
            String traceparent) {}

    /**
     * Follows a run from {@code after}. Asks the database nothing yet, so whoever was told of a run can follow it while
     * the database is away; of a run that is not there, or from beyond its last event, nothing ever comes.
     */
    Future<RunWatch> watch(UUID runId, long after);

    /**
     * The same, and {@code live} is told of text as it is written, on the caller's context, until the watch is closed:
     * whatever comes this way from now on, be it before or after the event it belongs to was read. Where text may leave
     * with its whole answer only, that is nothing.
     */
    Future<RunWatch> watch(UUID runId, long after, Consumer<AgentDelta> live);
}
