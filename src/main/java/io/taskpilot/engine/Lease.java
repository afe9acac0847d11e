package io.taskpilot.engine;

import java.time.Duration;
import java.time.Instant;
import java.util.UUID;

/**
 * What this node may rely on: who it is, until when it may start effects, and the database's time. Written by the
 * keeper, read by every loop.
 */
public final class Lease {
    /** A renewal holds for this long after the database made it. */
    public static final Duration TERM = Duration.ofSeconds(10);

    /** Effects stop starting this long before the term ends. */
    private static final Duration MARGIN = Duration.ofSeconds(2);

    private record Grant(UUID nodeId, long heldUntilNanos, Duration databaseAhead) {}

    private volatile Grant grant = new Grant(new UUID(0, 0), System.nanoTime(), Duration.ZERO);

    /**
     * @param sentNanos {@link System#nanoTime} when the renewal was sent, so that a slow answer shortens the lease
     * @param databaseTime from the answer
     */
    void renewed(UUID nodeId, long sentNanos, Instant databaseTime) {
        var until = sentNanos + TERM.minus(MARGIN).toNanos();
        grant = new Grant(nodeId, until, Duration.between(Instant.now(), databaseTime));
    }

    /** Nothing may start until the next renewal. */
    void lost() {
        grant = new Grant(grant.nodeId(), System.nanoTime(), grant.databaseAhead());
    }

    /** True while an effect may start. Monotonic clock. */
    public boolean isHeld() {
        return grant.heldUntilNanos() - System.nanoTime() > 0;
    }

    /** True while an effect may start for a run that this node took as {@code owner}. */
    boolean isHeldBy(UUID owner) {
        var now = grant;
        return now.nodeId().equals(owner) && now.heldUntilNanos() - System.nanoTime() > 0;
    }

    /** Fresh for every start of the process, and after the node was declared dead. */
    public UUID nodeId() {
        return grant.nodeId();
    }

    /** A moment of the database on this node's clock, as far as it knows both. */
    Instant here(Instant databaseTime) {
        return databaseTime.minus(grant.databaseAhead());
    }

    /** The database's time as far as this node knows it, good to about one round trip. */
    public Instant now() {
        return Instant.now().plus(grant.databaseAhead());
    }
}
