package io.taskpilot.engine;

import io.taskpilot.resilience.Deadline;
import io.taskpilot.run.Attempt;
import io.vertx.core.Future;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What every call to the outside carries: how long it may take, whether it may still begin, and how it is broken off.
 * Keeps what was tried for it. Belongs to one event-loop context; not thread-safe.
 */
public final class CallContext {
    private static final Logger log = LoggerFactory.getLogger(CallContext.class);

    private final String requestId;
    private final Deadline deadline;
    private final BooleanSupplier mayStart;
    private final List<Runnable> aborts = new ArrayList<>();
    private final List<Attempt> attempts = new ArrayList<>();
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

    /**
     * The same call with less time: {@code work} gets a context that is aborted with this one, and whose deadline is not
     * further away than {@code budget} from now.
     */
    public <T> Future<T> within(Duration budget, Function<CallContext, Future<T>> work) {
        var shorter = new CallContext(requestId, deadline.within(budget), this::mayStart);
        var forget = onAbort(shorter::abort);
        return work.apply(shorter).onComplete(unused -> forget.run());
    }

    /** Puts a try to reach somebody outside on record; the first {@link Attempt#MOST} are kept. */
    public void attempted(Attempt attempt) {
        if (attempts.size() < Attempt.MOST) {
            attempts.add(attempt);
        }
    }

    /** What was tried so far, also by a call that was broken off. */
    public List<Attempt> attempts() {
        return List.copyOf(attempts);
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

    /**
     * Has {@code abort} called once when the call is broken off; at once if it already is.
     *
     * @return takes it back when run: the call is over, there is nothing left to break off
     */
    public Runnable onAbort(Runnable abort) {
        if (aborted) {
            abort.run();
            return () -> {};
        }
        aborts.add(abort);
        return () -> aborts.remove(abort);
    }

    /** Breaks the call off: sockets are reset, nobody waits for the answer. Idempotent. */
    public void abort() {
        if (aborted) {
            return;
        }
        aborted = true;
        for (var abort : List.copyOf(aborts)) {
            try {
                abort.run();
            } catch (RuntimeException e) {
                log.warn("abort failed request_id={}", requestId, e); // the others must be broken off all the same
            }
        }
        aborts.clear();
    }
}
