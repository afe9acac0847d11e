package io.taskpilot.engine;

import io.taskpilot.run.Workflow;
import io.taskpilot.telemetry.Trace;
import io.vertx.core.Vertx;

/**
 * What every driver of this node works with.
 *
 * @param trace where no run's trace has begun yet
 */
record Collaborators(
        Vertx vertx,
        Workflow workflow,
        StepPerformer performer,
        Journal journal,
        Lease lease,
        RunMetrics metrics,
        Trace trace) {}
