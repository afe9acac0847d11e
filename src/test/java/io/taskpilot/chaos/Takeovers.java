package io.taskpilot.chaos;

import io.taskpilot.journal.PostgresProcess;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * How long runs stood still: from the moment their node was killed, or told to drain, to their next event. Runs whose
 * last event was the start of a tool call are left out after SIGTERM, as that call is awaited where it is.
 */
final class Takeovers {
    private static final String OWNED = """
            select r.id, r.last_seq, e.type from runs r join events e on e.run_id = r.id and e.seq = r.last_seq
            where r.owner = ? and r.status in ('queued', 'running')
            """;

    private static final String NEXT = "select min(at) from events where run_id = ? and seq > ? and at > ?";

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

    /** Faults that hit a node while PostgreSQL was away. */
    int unmeasured() {
        return unmeasured.get();
    }

    List<Takeover> measured() throws SQLException {
        var measured = new ArrayList<Takeover>();
        try (var connection = postgres.connect();
                var query = connection.prepareStatement(NEXT)) {
            for (var each : interrupted) {
                query.setObject(1, each.runId());
                query.setLong(2, each.seq());
                query.setObject(3, each.at().atOffset(ZoneOffset.UTC));
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
