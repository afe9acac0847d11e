package io.taskpilot.engine;

import io.taskpilot.run.Problem;
import io.taskpilot.run.RunEvent;
import io.taskpilot.run.RunState;
import io.taskpilot.run.RunStatus;
import io.taskpilot.run.Workflow;
import java.time.Instant;
import java.util.List;

/** The end of a run that took longer than it may, driven or waiting. Pure. */
final class Overdue {
    private Overdue() {}

    static Problem problem(RunState run) {
        var limit = run.request().timeout().toSeconds();
        return new Problem("limit-run-timeout", "not finished within %d s".formatted(limit));
    }

    /** Nothing when the run ended meanwhile, is parked, or has time left. */
    static List<RunEvent> end(Workflow workflow, RunState run, Instant now) {
        var waits = run.status() == RunStatus.QUEUED || run.status() == RunStatus.RUNNING;
        return waits && run.deadline().isBefore(now)
                ? workflow.stop(run, RunStatus.TIMED_OUT, problem(run))
                : List.of();
    }
}
