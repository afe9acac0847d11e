package io.taskpilot.engine;

import io.taskpilot.engine.RunReader.ApprovalView;
import io.taskpilot.resilience.Deadline;
import io.taskpilot.telemetry.ApprovalMetrics;
import io.vertx.core.Future;
import io.vertx.core.VerticleBase;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tells people of approvals that wait for them, until it was heard: what could not be delivered is tried again as long as
 * the approval is pending, by whichever node comes first.
 */
public final class Announcer extends VerticleBase {
    private static final Logger log = LoggerFactory.getLogger(Announcer.class);
    private static final long PERIOD_MILLIS = 1_000;
    private static final int AT_A_TIME = 20;
    private static final Duration LONGEST = Duration.ofSeconds(60);

    /**
     * Delivers one announcement, and puts each try on record with the call; the same approval may be announced again.
     * Fails with what went wrong.
     */
    @FunctionalInterface
    public interface Sender {
        Future<Void> send(ApprovalView approval, CallContext call);
    }

    private final Announcements announcements;
    private final Sender sender;
    private final Duration retryAfter;
    private final ApprovalMetrics metrics;
    private long timer = -1;
    private boolean busy;

    /** @param retryAfter from the begin of a delivery to the next one, when it fails; longer than any takes */
    public Announcer(Announcements announcements, Sender sender, Duration retryAfter, ApprovalMetrics metrics) {
        this.announcements = announcements;
        this.sender = sender;
        this.retryAfter = retryAfter;
        this.metrics = metrics;
    }

    @Override
    public Future<?> start() {
        timer = vertx.setPeriodic(PERIOD_MILLIS, unused -> announce());
        return Future.succeededFuture();
    }

    @Override
    public Future<?> stop() {
        vertx.cancelTimer(timer);
        return Future.succeededFuture();
    }

    private void announce() {
        if (busy) {
            return;
        }
        busy = true;
        announcements
                .take(AT_A_TIME, retryAfter)
                .compose(due -> Future.join(due.stream().map(this::announce).toList()))
                .onFailure(cause -> log.warn("approvals cannot be announced cause={}", cause.toString()))
                .onComplete(unused -> busy = false);
    }

    private Future<Void> announce(ApprovalView approval) {
        var id = approval.asked().approvalId();
        var call = CallContext.ofRequest("apr_" + id, Deadline.in(LONGEST));
        return sender.send(approval, call)
                .onSuccess(unused -> metrics.announced("delivered"))
                .onFailure(cause -> {
                    metrics.announced("failed");
                    log.warn("approval not announced approval_id=apr_{} cause={}", id, cause.toString());
                })
                .transform((unused, cause) -> announcements.tried(id, call.attempts(), cause == null));
    }
}
