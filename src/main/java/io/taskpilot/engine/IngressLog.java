package io.taskpilot.engine;

import io.taskpilot.run.Decision;
import io.vertx.core.Future;

/** Keeps the decisions on calls of the API that were not let in. */
@FunctionalInterface
public interface IngressLog {

    /**
     * Completes once the decision is committed. Fails with {@code overload-journal} (503) while the database is away or
     * late, and with {@code overload-decisions} (503) when too many wait; it may be committed all the same.
     */
    Future<Void> record(Entry entry);

    /**
     * A decision that belongs to no run.
     *
     * @param traceId empty when there is no trace
     */
    record Entry(Decision decision, String requestId, String traceId, String tenant, String principal) {}
}
