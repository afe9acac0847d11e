package io.taskpilot.telemetry;

import java.time.Instant;
import java.util.Collections;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;

/**
 * What is known of the things this server needs. Whoever talks to one reports here what it saw; probes read it and
 * never call out. Thread-safe.
 */
public final class HealthRegistry {

    /** How well something does. */
    public enum Level {
        UP,
        /** Works, but less well than it is meant to. */
        DEGRADED,
        /** What needs it fails. */
        DOWN
    }

    /**
     * @param detail for people: an engine's name, what is missing; never a host or a secret
     * @param since when it took this level
     * @param settings of its own that an operator should see, and nobody else, as last read
     */
    public record State(Level level, String detail, Instant since, Map<String, String> settings) {}

    private final Map<String, State> nameToState = new ConcurrentHashMap<>();
    private final Set<String> optional = ConcurrentHashMap.newKeySet();
    private volatile boolean started;
    private volatile boolean draining;

    /** Nothing fails without it: when it is down, the server is degraded. */
    public void optional(String name) {
        optional.add(name);
    }

    /** Of everything together. */
    public Level level() {
        var worst = Level.UP;
        for (var entry : nameToState.entrySet()) {
            var level = entry.getValue().level();
            if (level == Level.DOWN && !optional.contains(entry.getKey())) {
                return Level.DOWN;
            }
            worst = level == Level.UP ? worst : Level.DEGRADED;
        }
        return worst;
    }

    public void up(String name, String detail) {
        set(name, Level.UP, detail);
    }

    public void degraded(String name, String detail) {
        set(name, Level.DEGRADED, detail);
    }

    public void down(String name, String detail) {
        set(name, Level.DOWN, detail);
    }

    private void set(String name, Level level, String detail) {
        nameToState.compute(
                name,
                (same, before) -> new State(
                        level,
                        detail,
                        before != null && before.level() == level ? before.since() : Instant.now(),
                        before != null ? before.settings() : Map.of()));
    }

    /** Shows a setting beside how {@code name} does; of something that nothing is known of yet, it is not shown. */
    public void setting(String name, String key, String value) {
        nameToState.computeIfPresent(name, (same, state) -> {
            var settings = new TreeMap<>(state.settings());
            settings.put(key, value);
            return new State(state.level(), state.detail(), state.since(), Collections.unmodifiableMap(settings));
        });
    }

    /** A copy, sorted by name. */
    public Map<String, State> states() {
        return new TreeMap<>(nameToState);
    }

    /** The start is over; until then {@code /health/started} and {@code /health/ready} say 503. */
    public void started() {
        started = true;
    }

    public boolean isStarted() {
        return started;
    }

    /** No more work from now on: {@code /health/ready} says 503. There is no way back. */
    public void draining() {
        draining = true;
    }

    public boolean isDraining() {
        return draining;
    }
}
