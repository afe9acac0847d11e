package io.taskpilot.engine;

import io.taskpilot.run.Recorded;
import io.taskpilot.run.RunEvent;
import io.taskpilot.run.RunRequest;
import io.taskpilot.run.RunState;
import io.taskpilot.run.RunStatus;
import io.vertx.core.Future;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * The one append-only table that a run is, and what is projected from it in the same transaction: runs, decisions,
 * approvals, tasks. Futures complete on the caller's context, and not before the commit is known.
 */
public interface Journal {
    /** With which a run is created; every claim, and every append of nobody's, raises it. */
    long FIRST_FENCE = 1;

    /**
     * Appends {@code run.accepted}, with the idempotency row. Fails at once with {@code overload-journal} (503) while
     * the database is away, with {@code caller-idempotency-key-reused} (422) for the same key and another body. A twin
     * that is being committed is waited for.
     *
     * @param own whether this node drives it, or leaves it to whoever claims it
     */
    Future<Creation> create(RunRequest request, @Nullable IdempotencyKey key, boolean own);

    /** @param bodySha256 of what was asked with the key, to tell a retry from a mistake */
    record IdempotencyKey(String principal, String route, String key, String bodySha256) {}

    /**
     * @param replayed the key was known: this is the earlier run, and nothing was appended
     * @param fence to append with, when owned by this node
     */
    record Creation(UUID runId, boolean replayed, long fence, Instant at) {}

    /**
     * The owner's append: these events at {@code before.lastSeq() + 1}, with everything projected from them. Committed
     * once the future completes, however long the database is away; at most one append a run may be under way. Fails
     * with {@link LostRun}, {@link TaskConflict}, {@link NoRoom}, or {@code internal-journal} for events the database
     * refuses.
     */
    Future<Appended> append(UUID runId, long fence, RunState before, List<RunEvent> events);

    /**
     * @param at the database's time, that of every event in the append
     * @param cancelRequested somebody asked for the run to be cancelled
     */
    record Appended(Instant at, boolean cancelRequested) {}

    /**
     * The append to a run that nobody owns (parked, or not yet claimed): locks the run, folds it, asks {@code reaction}
     * for events, appends them with {@code fence + 1} and leaves the run without an owner. What {@code reaction} throws
     * is the failure, and nothing was changed. Fails with {@link LostRun} when a living node owns the run.
     */
    Future<RunState> appendUnowned(UUID runId, Reaction reaction);

    /** Pure; may be called again after a serialization failure. */
    @FunctionalInterface
    interface Reaction {
        /**
         * @param now the database's time
         * @return the events to append; none to leave everything as it is
         */
        List<RunEvent> events(RunState run, Instant now);
    }

    /** All events, oldest first; fails with {@code caller-not-found}. */
    Future<List<Recorded>> history(UUID runId);

    /** Marks the run as to be cancelled; its status now. Fails with {@code caller-not-found}. */
    Future<RunStatus> requestCancel(UUID runId);

    /**
     * Takes up to {@code max} claimable runs for this node: status queued or running, owner null or declared dead, of a
     * format this node reads. Those that were under way first; new ones by tenants in turn, oldest first in each.
     */
    Future<List<Claim>> claim(int max);

    /**
     * @param cause {@code node_dead}, {@code released}, {@code answered}; or {@code new} for a run that is still queued, whoever had it
     * @param stalls takeovers from dead nodes with nothing but {@code run.resumed} between them
     */
    record Claim(UUID runId, long fence, String cause, int stalls) {}

    /** Gives a run back, so that another node continues it at once. False if it was not this fence's any more. */
    Future<Boolean> release(UUID runId, long fence);

    /**
     * Runs that are this node's and of which nothing is known: they are not among {@code known}, nor is their creation
     * still to be settled. At most {@code max}, the oldest.
     */
    Future<List<Stray>> strays(Collection<Holding> known, int max);

    /** A run in the hands of one owner: the next has another fence. */
    record Holding(UUID runId, long fence) {}

    /** @param at the database's time when it was seen */
    record Stray(Holding holding, Instant at) {}

    /** How many runs wait for their first owner; counts up to {@code max}. */
    Future<Integer> waiting(int max);

    /** Runs without an owner that are past their deadline, at most {@code max}. */
    Future<List<UUID>> overdue(int max);

    /** Runs whose approval has expired, at most {@code max}. */
    Future<List<UUID>> expiredApprovals(int max);

    /** Removes what is past its time: idempotency rows after 24 h, dead nodes nobody refers to. */
    Future<Void> cleanUp();

    /** Enters this process as a live node, under a fresh id. */
    Future<Heartbeat> register();

    /** Renews this node's row; empty when the row is not live any more: everything this node owned is lost. */
    Future<@Nullable Heartbeat> heartbeat(UUID nodeId);

    /**
     * @param at the database's time
     * @param cancelRequested runs of this node that are to be cancelled
     */
    record Heartbeat(UUID nodeId, Instant at, List<UUID> cancelRequested) {}

    /** Declares nodes dead whose time has expired; with {@code allOthers}, every other node (a sole server). */
    Future<Integer> declareDead(UUID nodeId, boolean allOthers);

    /** Leaves the node table in order, so that nobody has to wait for the expiry. */
    Future<Void> deregister(UUID nodeId);

    /** The run is another owner's now, or ended: the driver stops, and does nothing more for it. */
    final class LostRun extends RuntimeException {
        private static final long serialVersionUID = 1L;

        public LostRun(UUID runId) {
            super("run " + runId + " is not this owner's any more", null, false, false);
        }
    }

    /** Too much waits for the database already; nothing was appended, and the same append may be tried again. */
    final class NoRoom extends RuntimeException {
        private static final long serialVersionUID = 1L;

        public NoRoom() {
            super("too much waits for the database", null, false, false);
        }
    }

    /** Another run changed the task first; nothing was appended. */
    final class TaskConflict extends RuntimeException {
        private static final long serialVersionUID = 1L;

        public TaskConflict(UUID taskId) {
            super("task " + taskId + " was changed meanwhile", null, false, false);
        }
    }
}
