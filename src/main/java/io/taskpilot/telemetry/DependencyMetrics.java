package io.taskpilot.telemetry;

import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

/** Whether what this server needs is there. Thread-safe. */
public final class DependencyMetrics {
    private final Meters meters;

    DependencyMetrics(Meters meters) {
        this.meters = meters;
    }

    /** Shows what {@code health} knows of {@code name}: degraded counts as up. */
    public void shown(String name, HealthRegistry health) {
        shown(name, () -> isUp(health, name));
    }

    /** The same for something that only makes things slower when it is away, so that its health is degraded then. */
    public void shown(String name, BooleanSupplier up) {
        meters.gauge(Metric.DEPENDENCY_UP, () -> up.getAsBoolean() ? 1 : 0, name);
    }

    private static boolean isUp(HealthRegistry health, String name) {
        var state = health.states().get(name);
        return state != null && state.level() != HealthRegistry.Level.DOWN;
    }

    /** @param state 0 closed, 1 half open, 2 open; read at every scrape */
    public void circuit(String name, Supplier<Number> state) {
        meters.gauge(Metric.CIRCUIT_STATE, state, name);
    }
}
