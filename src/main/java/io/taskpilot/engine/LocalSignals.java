package io.taskpilot.engine;

import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;

/** Signals within one process. */
public final class LocalSignals implements Signals {
    private record Listener(Context context, Runnable action) {}

    private final Vertx vertx;
    private final Map<UUID, List<Listener>> runToListeners = new ConcurrentHashMap<>();
    private final List<Runnable> claimers = new CopyOnWriteArrayList<>();
    private final List<Consumer<UUID>> cancellers = new CopyOnWriteArrayList<>();
    private final List<Runnable> missers = new CopyOnWriteArrayList<>();

    public LocalSignals(Vertx vertx) {
        this.vertx = vertx;
    }

    @Override
    public void changed(Collection<UUID> runIds) {
        for (var runId : runIds) {
            for (var listener : runToListeners.getOrDefault(runId, List.of())) {
                listener.context().runOnContext(unused -> listener.action().run());
            }
        }
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
        var listener = new Listener(vertx.getOrCreateContext(), action);
        runToListeners.compute(runId, (id, listeners) -> {
            var longer = listeners == null ? new CopyOnWriteArrayList<Listener>() : listeners;
            longer.add(listener);
            return longer;
        });
        return () -> remove(runId, listener);
    }

    private void remove(UUID runId, Listener listener) {
        runToListeners.computeIfPresent(runId, (id, listeners) -> {
            listeners.remove(listener);
            return listeners.isEmpty() ? null : listeners;
        });
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
