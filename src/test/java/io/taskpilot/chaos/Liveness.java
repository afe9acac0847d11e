package io.taskpilot.chaos;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Looks at the run table again and again: no run may be without a living owner for longer than 15 s in which PostgreSQL
 * answered and the same node was up and not stopped.
 */
final class Liveness implements AutoCloseable {
    static final Duration LIMIT = Duration.ofSeconds(15);

    /** A node judges others only after a whole term of its own. */
    private static final Duration SETTLED = Duration.ofSeconds(12);

    /** An outage that is longer has the nodes judge nobody for a whole term. */
    private static final Duration BREAK = Duration.ofSeconds(6);

    private static final long PERIOD_MILLIS = 250;
    private static final String ACTIVE = "select id, owner from runs where status in ('queued', 'running')";

    /** @param settledNodes up and not stopped for long enough to take over */
    private record Sample(Instant at, boolean postgresAnswers, int settledNodes) {}

    private final Cluster cluster;
    private final Map<UUID, Instant> runToOrphanedSince = new HashMap<>();
    private final Set<UUID> reported = new HashSet<>();
    private final List<Sample> samples = new CopyOnWriteArrayList<>();
    private final List<String> violations = new CopyOnWriteArrayList<>();
    private final Thread thread = new Thread(this::run, "chaos-liveness");
    private @Nullable Connection connection;
    private @Nullable Instant answersSince;
    private Instant awaySince = Instant.now();
    /** Since when no outage has broken the renewals of all nodes. */
    private Instant renewalsSince = Instant.EPOCH;

    private volatile boolean closing;

    Liveness(Cluster cluster) {
        this.cluster = cluster;
        thread.start();
    }

    private void run() {
        while (!closing) {
            var now = Instant.now();
            try {
                look(now);
            } catch (SQLException away) {
                awaySince = answersSince == null ? awaySince : now;
                answersSince = null;
                disconnect();
            }
            samples.add(new Sample(now, answersSince != null, settled(now)));
            try {
                TimeUnit.MILLISECONDS.sleep(PERIOD_MILLIS);
            } catch (InterruptedException e) {
                break; // told to stop
            }
        }
        disconnect();
    }

    private void look(Instant now) throws SQLException {
        var open = connection == null ? cluster.postgres().connect() : connection;
        connection = open;
        var active = new HashMap<UUID, @Nullable UUID>();
        try (var statement = open.createStatement();
                var rows = statement.executeQuery(ACTIVE)) {
            while (rows.next()) {
                active.put(rows.getObject(1, UUID.class), rows.getObject(2, UUID.class));
            }
        }
        if (answersSince == null) {
            answersSince = Instant.now();
            if (Duration.between(awaySince, answersSince).compareTo(BREAK) > 0) {
                renewalsSince = answersSince;
            }
        }
        runToOrphanedSince.keySet().retainAll(active.keySet());
        active.forEach((run, owner) -> judge(now, run, owner));
    }

    private void judge(Instant now, UUID run, @Nullable UUID owner) {
        if (owner != null && cluster.living(owner) != null) {
            runToOrphanedSince.remove(run);
            return;
        }
        var since = latest(runToOrphanedSince.computeIfAbsent(run, unused -> now), answersSince);
        var healthy = cluster.nodes().stream()
                .map(Node::healthySince)
                .filter(Objects::nonNull)
                .min(Instant::compareTo);
        if (healthy.isPresent()) {
            var alone = Duration.between(latest(since, healthy.get()), now);
            if (alone.compareTo(LIMIT) > 0 && reported.add(run)) {
                violations.add("run %s had no living owner (%s) for %.1f s that it could have been taken over in"
                        .formatted(run, owner, alone.toMillis() / 1e3));
            }
        }
    }

    private static Instant latest(Instant one, @Nullable Instant other) {
        return other == null || one.isAfter(other) ? one : other;
    }

    private int settled(Instant now) {
        return (int) cluster.nodes().stream()
                .map(Node::healthySince)
                .filter(since -> since != null
                        && Duration.between(latest(since, renewalsSince), now).compareTo(SETTLED) > 0)
                .count();
    }

    /** True if PostgreSQL answered and some settled node was up at every look between the two. */
    boolean wasCalm(Instant from, Instant to) {
        return samples.stream()
                .filter(sample -> !sample.at().isBefore(from) && !sample.at().isAfter(to))
                .allMatch(sample -> sample.postgresAnswers() && sample.settledNodes() > 0);
    }

    List<String> violations() {
        return new ArrayList<>(violations);
    }

    private void disconnect() {
        try {
            if (connection != null) {
                connection.close();
            }
        } catch (SQLException e) {
            answersSince = null; // it was broken already
        }
        connection = null;
    }

    @Override
    public void close() {
        closing = true;
        thread.interrupt();
        try {
            thread.join(10_000);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
