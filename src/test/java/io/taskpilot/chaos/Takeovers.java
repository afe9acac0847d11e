package io.taskpilot.chaos;

import io.taskpilot.journal.PostgresProcess;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;

/**
 * How long runs stood still: from the moment their node was killed, or told to drain, until another had taken them up.
 * Runs with a tool call under way are left out after SIGTERM, as that call is awaited where it is.
 */
final class Takeovers {
    private static final String OWNED = """
            select r.id, r.last_seq, e.type from runs r join events e on e.run_id = r.id and e.seq = r.last_seq
            where r.owner = ? and r.status in ('queued', 'running')
            """;

    /** Not just the next event: that may be the last one of the node that goes. */
    private static final String TAKEN_UP = """
            select min(e.at) from events e where e.run_id = ? and e.seq > ? and e.type in ('run.started', 'run.resumed')
              and not (? and exists (select 1 from events s where s.run_id = e.run_id and s.seq > ? and s.seq < e.seq
                and s.type = 'tool.started'))
            """;

    static final Duration AFTER_KILL = Duration.ofSeconds(12);
    static final Duration AFTER_SIGTERM = Duration.ofSeconds(1);

    /** Fewer say nothing of a 99th percentile. */
    private static final int ENOUGH = 20;

    private record Interrupted(UUID runId, long seq, boolean drained, Instant at) {}

    /** @param undisturbed nothing else was out of order between the fault and the event */
    record Takeover(UUID runId, boolean drained, Duration took, boolean undisturbed) {}

    private final PostgresProcess postgres;
    private final Liveness liveness;
    private final AtomicInteger unmeasured = new AtomicInteger();
    private final List<Interrupted> interrupted = new CopyOnWriteArrayList<>();

    Takeovers(PostgresProcess postgres, Liveness liveness) {
        this.postgres = postgres;
        this.liveness = liveness;
    }

    void killing(Node node) {
        note(node, false);
    }

    void draining(Node node) {
        note(node, true);
    }

    private void note(Node node, boolean drained) {
        var owner = node.livingIdentity();
        if (owner == null) {
            return;
        }
        try (var connection = postgres.connect();
                var query = connection.prepareStatement(OWNED)) {
            query.setObject(1, owner);
            try (var rows = query.executeQuery()) {
                while (rows.next()) {
                    if (!drained || !rows.getString("type").equals("tool.started")) {
                        interrupted.add(new Interrupted(
                                rows.getObject("id", UUID.class), rows.getLong("last_seq"), drained, Instant.now()));
                    }
                }
            }
        } catch (SQLException away) {
            unmeasured.incrementAndGet(); // PostgreSQL is down as well, and nobody can say which runs it had
        }
    }

    /** @param sorted not empty */
    static Duration quantile(List<Duration> sorted, double share) {
        var index = Math.min(sorted.size() - 1, (int) Math.ceil(share * sorted.size()) - 1);
        return sorted.get(Math.max(0, index));
    }

    /** The goals that were missed by what was measured undisturbed, and often enough. */
    static List<String> missed(List<Takeover> measured) {
        return Stream.of(true, false)
                .flatMap(drained -> missed(measured, drained, drained ? AFTER_SIGTERM : AFTER_KILL).stream())
                .toList();
    }

    private static Optional<String> missed(List<Takeover> measured, boolean drained, Duration goal) {
        var times = measured.stream()
                .filter(each -> each.undisturbed() && each.drained() == drained)
                .map(Takeover::took)
                .sorted()
                .toList();
        if (times.size() < ENOUGH || quantile(times, 0.99).compareTo(goal) < 0) {
            return Optional.empty();
        }
        return Optional.of("take-over after %s: p99 %s over %d runs (goal: %s)"
                .formatted(drained ? "SIGTERM" : "kill -9", quantile(times, 0.99), times.size(), goal));
    }

    /** Faults that hit a node while PostgreSQL was away. */
    int unmeasured() {
        return unmeasured.get();
    }

    List<Takeover> measured() throws SQLException {
        var measured = new ArrayList<Takeover>();
        try (var connection = postgres.connect();
                var query = connection.prepareStatement(TAKEN_UP)) {
            for (var each : interrupted) {
                query.setObject(1, each.runId());
                query.setLong(2, each.seq());
                query.setBoolean(3, each.drained());
                query.setLong(4, each.seq());
                try (var row = query.executeQuery()) {
                    var at = row.next() ? row.getObject(1, OffsetDateTime.class) : null;
                    if (at != null) {
                        var next = at.toInstant();
                        measured.add(new Takeover(
                                each.runId(),
                                each.drained(),
                                Duration.between(each.at(), next),
                                liveness.wasCalm(each.at(), next)));
                    }
                }
            }
        }
        return measured;
    }
}
