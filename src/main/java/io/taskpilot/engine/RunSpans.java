package io.taskpilot.engine;

import io.taskpilot.engine.Stretch.Invocation;
import io.taskpilot.run.RunEvent;
import io.taskpilot.run.RunRequest;
import io.taskpilot.run.RunState;
import io.taskpilot.run.RunStatus;
import io.taskpilot.run.Workflow;
import io.taskpilot.telemetry.Spans;
import io.taskpilot.telemetry.Trace;
import java.util.List;
import java.util.UUID;

/** What the spans of a run have in common, whichever nodes make them: their ids follow from the run's. */
public final class RunSpans {
    private RunSpans() {}

    /**
     * Makes the span of the whole run; to be called by whoever committed its terminal event.
     *
     * @param any where no trace has begun yet
     */
    public static void ended(Trace any, Lease lease, RunState run) {
        var request = run.request();
        var span = any.of(request.traceparent())
                .begin(Spans.workflow(Workflow.NAME), workflow(request), List.of(), lease.here(run.acceptedAt()))
                .set(Spans.REQUEST_ID, request.requestId())
                .set(Spans.RUN_ID, "run_" + request.runId())
                .set(Spans.TENANT, request.tenant())
                .set(Spans.RUN_STATUS, run.status().word())
                .set(Spans.RUN_ATTEMPT, (long) run.attempt());
        var end = run.ended();
        var failure = end == null ? "" : failure(end);
        if (!failure.isEmpty()) {
            span.failed(failure);
        }
        span.end();
    }

    /** The place of the run's span, which nobody has begun yet. */
    static Trace place(RunRequest request, Trace submitted) {
        return submitted.within(workflow(request), request.requestId());
    }

    /** A verdict is no failure, and neither is what somebody asked for. */
    static String failure(RunEvent.Ended ended) {
        var problem = ended.problem();
        return problem != null && (ended.status() == RunStatus.FAILED || ended.status() == RunStatus.TIMED_OUT)
                ? problem.slug()
                : "";
    }

    private static String workflow(RunRequest request) {
        return id(request.runId(), "workflow");
    }

    static String id(UUID runId, Invocation invocation) {
        return id(runId, invocation.agent().title() + " " + invocation.stretch());
    }

    static String id(UUID runId, String what) {
        return Trace.spanId(runId + " " + what);
    }
}
