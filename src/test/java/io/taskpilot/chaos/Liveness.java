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
 * answered, this looked, and the same node was up and not stopped; nor may one stand still for so long under a living owner, unless a
 * tool call may be under way.
 */
final class Liveness implements AutoCloseable {
    static final Duration LIMIT = Duration.ofSeconds(15);

    /** A node judges others only after a whole term of its own. */
    private static final Duration SETTLED = Duration.ofSeconds(12);

    /** An outage that is longer has the nodes judge nobody for a whole term. */
    private static final Duration BREAK = Duration.ofSeconds(6);

    /** The longest time-out of a tool here, and the 5 s for which a new owner waits after it. */
    private static final Duration CALL = Duration.ofSeconds(25);

    private static final long PERIOD_MILLIS = 250;

    /** Between two looks that are as close as they should be. */
    private static final Duration GAP = Duration.ofSeconds(1);

    private static final String ACTIVE = """
            select r.id, r.owner, r.last_seq, e.type, exists (
                select 1 from events s where s.run_id = r.id and s.type = 'tool.started' and not exists (
                  select 1 from events f where f.run_id = r.id and f.seq > s.seq
                    and f.type in ('tool.completed', 'tool.outcome_unknown')
                    and f.data ->> 'call_id' = s.data ->> 'call_id')) as calling
            from runs r join events e on e.run_id = r.id and e.seq = r.last_seq
            where r.status in ('queued', 'running')
            """;

    /**
     * @param type of its last event
     * @param calling whether a call was started whose end is not known, which the last event need not be of
     */
    private record Active(@Nullable UUID owner, long lastSeq, String type, boolean calling) {
        Duration patience() {
            return calling ? LIMIT.plus(CALL) : LIMIT;
        }
    }

    private record Standing(long seq, Instant since) {}

    /** @param settledNodes up and not stopped for long enough to take over */
    private record Sample(Instant at, boolean postgresAnswers, int settledNodes) {}

    private final Cluster cluster;
    private final Map<UUID, Instant> runToOrphanedSince = new HashMap<>();
    private final Map<UUID, Standing> runToStanding = new HashMap<>();
    private final Set<UUID> reported = new HashSet<>();
    private final List<Sample> samples = new CopyOnWriteArrayList<>();
    private final List<String> violations = new CopyOnWriteArrayList<>();
    private final Thread thread = new Thread(this::run, "chaos-liveness");
    private @Nullable Connection connection;
    private @Nullable Instant answersSince;
    private Instant awaySince = Instant.now();
    /** Since when no outage has broken the renewals of all nodes. */
    private Instant renewalsSince = Instant.EPOCH;

    /** Before, the harness holds runs up itself. */
    private volatile @Nullable Instant standingCountsFrom;

    private volatile boolean closing;

    Liveness(Cluster cluster) {
        this.cluster = cluster;
        thread.start();
    }

    /** From now on no run may stand still under a living owner. */
    void expectProgress() {
        standingCountsFrom = Instant.now();
    }

    private void run() {
        var last = Instant.now();
        while (!closing) {
            var now = Instant.now();
            skip(Duration.between(last, now).minus(GAP));
            last = now;
            try {
                look(now);
            } catch (SQLException away) {
                awaySince = answersSince == null ? awaySince : now;
                answersSince = null;
                disconnect();
            } catch (RuntimeException e) {
                violations.add("the harness could not look at the runs: " + e);
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

    /** The machine stood still, or nearly: what was not looked at does not count against anybody. */
    private void skip(Duration unseen) {
        if (unseen.compareTo(Duration.ZERO) > 0) {
            runToOrphanedSince.replaceAll((run, since) -> since.plus(unseen));
            runToStanding.replaceAll((run, standing) ->
                    new Standing(standing.seq(), standing.since().plus(unseen)));
        }
    }

    private void look(Instant now) throws SQLException {
        var open = connection == null ? cluster.postgres().connect() : connection;
        connection = open;
        var active = new HashMap<UUID, Active>();
        try (var statement = open.createStatement();
                var rows = statement.executeQuery(ACTIVE)) {
            while (rows.next()) {
                active.put(
                        rows.getObject(1, UUID.class),
                        new Active(
                                rows.getObject(2, UUID.class), rows.getLong(3), rows.getString(4), rows.getBoolean(5)));
            }
        }
        if (answersSince == null) {
            answersSince = Instant.now();
            if (Duration.between(awaySince, answersSince).compareTo(BREAK) > 0) {
                renewalsSince = answersSince;
            }
        }
        runToOrphanedSince.keySet().retainAll(active.keySet());
        runToStanding.keySet().retainAll(active.keySet());
        active.forEach((run, how) -> judge(now, run, how));
    }

    private void judge(Instant now, UUID run, Active how) {
        var owner = how.owner();
        var living = owner == null ? null : cluster.living(owner);
        var standing = runToStanding.compute(
                run,
                (same, before) ->
                        before != null && before.seq() == how.lastSeq() ? before : new Standing(how.lastSeq(), now));
        if (living != null) {
            runToOrphanedSince.remove(run);
            var counts = standingCountsFrom;
            var since = latest(latest(standing.since(), answersSince), living.healthySince());
            var still = counts == null ? Duration.ZERO : Duration.between(latest(since, counts), now);
            if (still.compareTo(how.patience()) > 0 && reported.add(run)) {
                violations.add("run %s stood still after %s for %.1f s though its owner %s lives"
                        .formatted(run, how.type(), still.toMillis() / 1e3, living.name()));
            }
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
