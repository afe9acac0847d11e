package io.taskpilot.engine;

import io.taskpilot.resilience.Deadline;
import io.taskpilot.run.Attempt;
import io.taskpilot.telemetry.OpenSpan;
import io.taskpilot.telemetry.Spans;
import io.taskpilot.telemetry.Trace;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiFunction;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What every call to the outside carries: how long it may take, whether it may still begin, how it is broken off, and
 * where in a trace it is. Keeps what was tried for it. Belongs to one event-loop context; not thread-safe.
 */
public final class CallContext {
    private static final Logger log = LoggerFactory.getLogger(CallContext.class);

    /** Nobody waits any more for what the call was to bring, or would have brought. */
    static final class Aborted extends RuntimeException {
        private static final long serialVersionUID = 1L;

        Aborted() {
            super("the call was broken off", null, false, false);
        }
    }

    /** What becomes of a call, the same wherever in its trace one looks at it from. */
    private static final class Course {
        private final List<Runnable> aborts = new ArrayList<>();
        private final List<Attempt> attempts = new ArrayList<>();
        private boolean aborted;
    }

    private final String requestId;
    private final Deadline deadline;
    private final BooleanSupplier mayStart;
    private final Trace trace;
    private final Course course;

    private CallContext(String requestId, Deadline deadline, BooleanSupplier mayStart, Trace trace, Course course) {
        this.requestId = requestId;
        this.deadline = deadline;
        this.mayStart = mayStart;
        this.trace = trace;
        this.course = course;
    }

    /** @param mayStart the lease that effects need; asked in the event-loop turn of the write */
    public CallContext(String requestId, Deadline deadline, BooleanSupplier mayStart) {
        this(requestId, deadline, mayStart, Trace.NONE, new Course());
    }

    /** For a call that belongs to no run, and so needs no lease. */
    public static CallContext ofRequest(String requestId, Deadline deadline) {
        return new CallContext(requestId, deadline, () -> true);
    }

    /** The same call, at another place of its trace. */
    public CallContext at(Trace place) {
        return new CallContext(requestId, deadline, mayStart, place, course);
    }

    /**
     * The same call with less time: {@code work} gets a context that is aborted with this one, and whose deadline is not
     * further away than {@code budget} from now.
     */
    public <T> Future<T> within(Duration budget, Function<CallContext, Future<T>> work) {
        var shorter = new CallContext(requestId, deadline.within(budget), this::mayStart, trace, new Course());
        var forget = onAbort(shorter::abort);
        return work.apply(shorter).onComplete(unused -> forget.run());
    }

    /** The same call under a span of its own, which ends with {@code work}. */
    public <T> Future<T> under(Spans.Plan plan, BiFunction<CallContext, OpenSpan, Future<T>> work) {
        return trace.around(plan, span -> work.apply(at(span.here()), span));
    }

    /** Where in a trace it is. */
    public Trace trace() {
        return trace;
    }

    /** Puts a try to reach somebody outside on record; the first {@link Attempt#MOST} are kept. */
    public void attempted(Attempt attempt) {
        if (course.attempts.size() < Attempt.MOST) {
            course.attempts.add(attempt);
        }
    }

    /** What was tried so far, also by a call that was broken off. */
    public List<Attempt> attempts() {
        return List.copyOf(course.attempts);
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
        return !course.aborted && mayStart.getAsBoolean();
    }

    public boolean isAborted() {
        return course.aborted;
    }

    /**
     * Has {@code abort} called once when the call is broken off; at once if it already is.
     *
     * @return takes it back when run: the call is over, there is nothing left to break off
     */
    public Runnable onAbort(Runnable abort) {
        if (course.aborted) {
            abort.run();
            return () -> {};
        }
        course.aborts.add(abort);
        return () -> course.aborts.remove(abort);
    }

    /** The work's result, or {@link Aborted} as soon as the call is broken off: the work may go on, and nobody waits. */
    <T> Future<T> orAborted(Future<T> work) {
        var first = Promise.<T>promise();
        var forget = onAbort(() -> first.tryFail(new Aborted()));
        if (!isAborted()) {
            work.onComplete(first::tryComplete, first::tryFail);
        }
        return first.future().onComplete(unused -> forget.run());
    }

    /** Breaks the call off: sockets are reset, nobody waits for the answer. Idempotent. */
    public void abort() {
        if (course.aborted) {
            return;
        }
        course.aborted = true;
        for (var abort : List.copyOf(course.aborts)) {
            try {
                abort.run();
            } catch (RuntimeException e) {
                log.warn("abort failed request_id={}", requestId, e); // the others must be broken off all the same
            }
        }
        course.aborts.clear();
    }
}
