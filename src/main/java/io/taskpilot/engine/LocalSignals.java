package io.taskpilot.engine;

import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.util.Collection;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;

/** Signals within one process. */
public final class LocalSignals implements Signals {
    private final Vertx vertx;
    private final Audience<UUID> watchers = new Audience<>();
    private final Audience<AgentDelta> readers = new Audience<>();
    private final List<Runnable> claimers = new CopyOnWriteArrayList<>();
    private final List<Consumer<UUID>> cancellers = new CopyOnWriteArrayList<>();
    private final List<Runnable> missers = new CopyOnWriteArrayList<>();

    public LocalSignals(Vertx vertx) {
        this.vertx = vertx;
    }

    @Override
    public void changed(Collection<UUID> runIds) {
        runIds.forEach(runId -> watchers.tell(runId, runId));
    }

    @Override
    public void said(AgentDelta delta) {
        readers.tell(delta.runId(), delta);
    }

    @Override
    public void claimable() {
        claimers.forEach(Runnable::run);
    }

    @Override
    public void cancelRequested(UUID runId) {
        cancellers.forEach(canceller -> canceller.accept(runId));
    }

    @Override
    public Future<Runnable> onChanged(UUID runId, Runnable action) {
        return Future.succeededFuture(listen(runId, action));
    }

    /** As {@link #onChanged}; here there is nothing to wait for. */
    Runnable listen(UUID runId, Runnable action) {
        return watchers.join(vertx.getOrCreateContext(), runId, changed -> action.run());
    }

    @Override
    public Future<Runnable> onSaid(UUID runId, Consumer<AgentDelta> listener) {
        return Future.succeededFuture(read(runId, listener));
    }

    /** As {@link #onSaid}. */
    Runnable read(UUID runId, Consumer<AgentDelta> listener) {
        return readers.join(vertx.getOrCreateContext(), runId, listener);
    }

    @Override
    public void onClaimable(Runnable listener) {
        claimers.add(listener);
    }

    @Override
    public void onCancelRequested(Consumer<UUID> listener) {
        cancellers.add(listener);
    }

    @Override
    public void onMissed(Runnable listener) {
        missers.add(listener);
    }

    /** Signals may have been lost: whoever waits for any looks once. */
    void missed() {
        missers.forEach(Runnable::run);
        claimable();
    }
}
