package io.taskpilot.engine;

import io.taskpilot.resilience.Deadline;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;

/**
 * What every call to the outside carries: how long it may take, whether it may still begin, and how it is broken off.
 * Belongs to one event-loop context; not thread-safe.
 */
public final class CallContext {
    private final String requestId;
    private final Deadline deadline;
    private final BooleanSupplier mayStart;
    private final List<Runnable> aborts = new ArrayList<>();
    private boolean aborted;

    /** @param mayStart the lease that effects need; asked in the event-loop turn of the write */
    public CallContext(String requestId, Deadline deadline, BooleanSupplier mayStart) {
        this.requestId = requestId;
        this.deadline = deadline;
        this.mayStart = mayStart;
    }

    /** For a call that belongs to no run, and so needs no lease. */
    public static CallContext ofRequest(String requestId, Deadline deadline) {
        return new CallContext(requestId, deadline, () -> true);
    }

    /** The same call with less time: aborted with this one, and not longer than {@code budget} from now. */
    public CallContext within(Duration budget) {
        var shorter = new CallContext(requestId, deadline.within(budget), this::mayStart);
        onAbort(shorter::abort);
        return shorter;
    }

    /** Sent on as {@code X-Request-Id}, and in every log line. */
    public String requestId() {
        return requestId;
    }

    public Deadline deadline() {
        return deadline;
    }

    /** False once aborted, or when the node can no longer be sure that it owns the run. */
    public boolean mayStart() {
        return !aborted && mayStart.getAsBoolean();
    }

    public boolean isAborted() {
        return aborted;
    }

    /** Has {@code abort} called once when the call is broken off; at once if it already is. */
    public void onAbort(Runnable abort) {
        if (aborted) {
            abort.run();
        } else {
            aborts.add(abort);
        }
    }

    /** Breaks the call off: sockets are reset, nobody waits for the answer. Idempotent. */
    public void abort() {
        if (!aborted) {
            aborted = true;
            aborts.forEach(Runnable::run);
            aborts.clear();
        }
    }
}
