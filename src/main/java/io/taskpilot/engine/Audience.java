package io.taskpilot.engine;

import io.vertx.core.Context;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;

/** Those in this process who listen to runs, each told on its own context, in the order of the telling. Thread-safe. */
final class Audience<T> {
    private record Listener<T>(Context context, Consumer<T> action) {}

    private final Map<UUID, List<Listener<T>>> runToListeners = new ConcurrentHashMap<>();

    void tell(UUID runId, T news) {
        for (var listener : runToListeners.getOrDefault(runId, List.of())) {
            listener.context().runOnContext(unused -> listener.action().accept(news));
        }
    }

    /** @return ends it when run */
    Runnable join(Context context, UUID runId, Consumer<T> action) {
        var listener = new Listener<>(context, action);
        runToListeners.compute(runId, (id, listeners) -> {
            var longer = listeners == null ? new CopyOnWriteArrayList<Listener<T>>() : listeners;
            longer.add(listener);
            return longer;
        });
        return () -> leave(runId, listener);
    }

    private void leave(UUID runId, Listener<T> listener) {
        runToListeners.computeIfPresent(runId, (id, listeners) -> {
            listeners.remove(listener);
            return listeners.isEmpty() ? null : listeners;
        });
    }
}
