package io.taskpilot.engine;

import io.vertx.core.Future;
import java.util.Collection;
import java.util.UUID;
import java.util.function.Consumer;

/**
 * Wakes whoever waits for a run. A lost signal costs latency only: what it tells of is in PostgreSQL, which is polled.
 */
public interface Signals {

    /** These runs have new events. Called after the commit, once a batch. */
    void changed(Collection<UUID> runIds);

    /** An answer goes on with this text. Whoever can't be told at once never is: the journal will have the whole answer. */
    void said(AgentDelta delta);

    /** There may be runs to claim. */
    void claimable();

    /** This run is to be cancelled. */
    void cancelRequested(UUID runId);

    /**
     * Completes once changes from now on are heard, or cannot be: within a second in any case. {@code listener} is called on the caller's context.
     *
     * @return closes the subscription when run
     */
    Future<Runnable> onChanged(UUID runId, Runnable listener);

    /**
     * Completes as {@link #onChanged} does. {@code listener} is told of live text on the caller's context, in the order of
     * its saying, and unless much is said at once before it hears of an event that the same node committed later.
     *
     * @return closes the subscription when run
     */
    Future<Runnable> onSaid(UUID runId, Consumer<AgentDelta> listener);

    /** Called on any thread. */
    void onClaimable(Runnable listener);

    /** Called on any thread. */
    void onCancelRequested(Consumer<UUID> listener);

    /** Called on any thread when signals of other nodes may have been lost, once they are heard again. */
    void onMissed(Runnable listener);
}
