package io.taskpilot.engine;

import io.taskpilot.engine.RunReader.ApprovalView;
import io.taskpilot.run.Attempt;
import io.vertx.core.Future;
import java.time.Duration;
import java.util.List;
import java.util.UUID;

/** Which approvals people were not told of. Futures complete on the caller's context. */
public interface Announcements {

    /** Pending approvals that are due, at most {@code max}; nobody else gets them before {@code pause} has passed. */
    Future<List<ApprovalView>> take(int max, Duration pause);

    /**
     * Keeps the last {@link Attempt#MOST} attempts to tell people.
     *
     * @param told they were: the approval is not due again
     */
    Future<Void> tried(UUID approvalId, List<Attempt> attempts, boolean told);
}
