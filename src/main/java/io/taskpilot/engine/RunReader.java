package io.taskpilot.engine;

import io.taskpilot.run.ApprovalAnswer;
import io.taskpilot.run.Attempt;
import io.taskpilot.run.Decision;
import io.taskpilot.run.Problem;
import io.taskpilot.run.Recorded;
import io.taskpilot.run.RunEvent;
import io.taskpilot.run.RunOutput;
import io.taskpilot.run.RunRequest;
import io.taskpilot.run.RunStatus;
import io.taskpilot.run.TaskProposal;
import io.taskpilot.run.Usage;
import io.vertx.core.Future;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Reads the journal and its projections. Futures complete on the caller's context; they fail with {@code
 * caller-not-found}, or with {@code overload-journal} (503) while the database is away. Lists are newest first and
 * page by key.
 */
public interface RunReader {
    Future<RunView> run(UUID runId);

    Future<Page<RunView>> runs(RunFilter filter, PageRequest page);

    /** Events with {@code seq > after}, oldest first, at most {@code limit}. Empty past the end. */
    Future<List<Recorded>> events(UUID runId, long after, int limit);

    /** The last {@code seq} of each, in one query; without those that are not there. */
    Future<Map<UUID, Long>> lastSeqs(Collection<UUID> runIds);

    Future<ApprovalView> approval(UUID approvalId);

    Future<Page<ApprovalView>> approvals(ApprovalFilter filter, PageRequest page);

    Future<TaskView> task(UUID taskId);

    Future<Page<TaskView>> tasks(TaskFilter filter, PageRequest page);

    Future<Page<DecisionView>> decisions(DecisionFilter filter, PageRequest page);

    /**
     * Hands every matching decision to {@code sink} in pages, the next page only once the sink's future completes.
     * Holds no transaction.
     */
    Future<Void> exportDecisions(DecisionFilter filter, Function<List<DecisionView>, Future<Void>> sink);

    /**
     * Checks the hash chains of all runs and the daily seals; or the chain of one run, with what seals say of it.
     * Memory does not grow with the log.
     *
     * @param progress is told how far it has come, page by page; the next page waits for its future, and what that
     *     fails with ends the verification
     */
    Future<Verification> verifyDecisions(@Nullable UUID runId, Function<Progress, Future<Void>> progress);

    Future<List<CostLine>> costReport(Instant since, String by);

    Future<GoldenSignals> goldenSignals(Instant since);

    /** Records what a person says of a finished run; the last word of a principal counts. */
    Future<Void> feedback(UUID runId, String principal, boolean correct, String comment);

    /** @param size 1..200 */
    record PageRequest(@Nullable String cursor, int size) {}

    /** @param next null on the last page */
    record Page<T>(List<T> items, @Nullable String next) {}

    /** Nulls match everything. */
    record RunFilter(@Nullable RunStatus status, @Nullable Instant since) {}

    /** @param status pending, answered or expired */
    record ApprovalFilter(@Nullable String status, @Nullable UUID runId) {}

    /** Nulls match everything. */
    record TaskFilter(
            @Nullable String status,
            @Nullable String priority,
            @Nullable UUID runId) {}

    /** Nulls match everything. */
    record DecisionFilter(
            @Nullable UUID runId,
            @Nullable String type,
            @Nullable String result,
            @Nullable String tool,
            @Nullable String agent,
            @Nullable Instant since) {}

    /** @param parked time spent waiting for people, the present wait included */
    record RunView(
            UUID id,
            String tenant,
            String principal,
            String requestId,
            RunStatus status,
            String input,
            Map<String, String> metadata,
            Duration timeout,
            boolean requireApproval,
            @Nullable RunOutput output,
            @Nullable Problem problem,
            List<String> unsettled,
            Usage usage,
            int attempt,
            long lastSeq,
            boolean cancelRequested,
            @Nullable UUID pendingApproval,
            Instant createdAt,
            @Nullable Instant startedAt,
            @Nullable Instant finishedAt,
            Duration parked) {

        /** As it was when it was accepted, before anything became of it. */
        public static RunView accepted(RunRequest request, Instant at) {
            return new RunView(
                    request.runId(),
                    request.tenant(),
                    request.principal(),
                    request.requestId(),
                    RunStatus.QUEUED,
                    request.input(),
                    request.metadata(),
                    request.timeout(),
                    request.requireApproval(),
                    null,
                    null,
                    List.of(),
                    Usage.NONE,
                    1,
                    1,
                    false,
                    null,
                    at,
                    null,
                    null,
                    Duration.ZERO);
        }
    }

    /**
     * @param answered null while pending
     * @param announced the last attempts to tell people, oldest first
     */
    record ApprovalView(
            UUID runId,
            RunEvent.ApprovalRequested asked,
            String status,
            Instant createdAt,
            @Nullable Answered answered,
            List<Attempt> announced) {}

    /** How an approval was answered. */
    record Answered(ApprovalAnswer answer, String by, String reason, Instant at) {}

    /** @param version counts changes from 1 */
    record TaskView(
            UUID id,
            UUID runId,
            TaskProposal task,
            String status,
            long version,
            Instant createdAt,
            Instant updatedAt) {}

    record DecisionView(
            Decision decision,
            UUID chainId,
            @Nullable UUID runId,
            String requestId,
            String traceId,
            String tenant,
            String principal,
            Instant createdAt,
            String prevHash,
            String hash) {}

    /** How much of the log was read so far. */
    record Progress(long chains, long rows, long seals) {}

    /**
     * @param checked what was read: all of it
     * @param sealedTo the last day with a seal; null for none, or where seals were not asked for
     * @param copies how many seals were compared with their copy in the object store
     * @param unread how many copies could not be: the store did not answer
     * @param found how much is wrong
     * @param broken what is wrong, in the order in which it was found; at most {@link #LONGEST_LIST}
     */
    record Verification(
            Progress checked,
            @Nullable LocalDate sealedTo,
            long copies,
            long unread,
            long found,
            List<Finding> broken) {
        public static final int LONGEST_LIST = 100;
    }

    /** What is wrong, and which check saw it. */
    record Finding(Check check, String what) {}

    /** What is compared with what. */
    enum Check {
        /** A row with the one before it, and with its own hash. */
        CHAIN,
        /** A chain with what its run says of it. */
        RUN,
        /** A chain with the seals that cover it, and a seal with its list of chains and with the seal before it. */
        SEAL,
        /** A seal with its copy in the object store. */
        COPY;

        public String word() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    record CostLine(String key, long runs, Usage usage) {}

    /** Rates are 0..1 and null when nothing was there to count. */
    record GoldenSignals(
            long runs,
            @Nullable Double successRate,
            @Nullable Double p95Seconds,
            @Nullable Double costPerSuccessfulRun,
            @Nullable Double policyViolationRate,
            @Nullable Double confirmedCorrect) {}
}
