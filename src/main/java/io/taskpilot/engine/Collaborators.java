package io.taskpilot.engine;

import io.taskpilot.run.Workflow;
import io.vertx.core.Vertx;

/** What every driver of this node works with. */
record Collaborators(
        Vertx vertx, Workflow workflow, StepPerformer performer, Journal journal, Lease lease, RunMetrics metrics) {}
