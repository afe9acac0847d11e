package io.taskpilot.chaos;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/**
 * A node whose renewal comes at the last moment, while others judge it already: they see a row that has expired, and
 * wait behind the renewal for the row's lock. Once it is theirs the node lives, and so it keeps its run; who claims in
 * the statement that judges goes by what that saw when it began, and takes a run whose owner has a lease.
 *
 * <p>The lock is the harness's until both wait for it. Where the machine is too slow for that, a node may well be
 * declared dead, and nothing is shown: then the same is tried again.
 */
final class LateRenewal {
    private static final String RENEWAL = "before-heartbeat";
    private static final String STARTED = "after-append tool.started";
    private static final String COMPLETED = "before-append tool.completed";
    private static final int TRIES = 6;

    /** The renewal is let go so long before the row expires. */
    private static final Duration LEAD = Duration.ofMillis(600);

    /** Less than a session waits for a lock, from the renewal on. */
    private static final Duration LONGEST_WAIT = Duration.ofMillis(1_800);

    /** A lease, about. */
    private static final Duration IN_TIME = Duration.ofSeconds(6);

    private static final Duration PATIENCE = Duration.ofSeconds(10);
    private static final long POLL_MILLIS = 20;

    private static final String MILLIS_LEFT = """
            select extract(epoch from expires_at - clock_timestamp()) * 1000 from nodes where id = ? and state = 'live'
            """;

    private static final String LOCK = "select 1 from nodes where id = ? for no key update";

    private static final String WAITING = """
            select count(*) from pg_stat_activity where application_name = 'taskpilot' and wait_event_type = 'Lock'
            """;

    /** In one look, as the node may be declared dead between two. */
    private static final String TAKEN_FROM_THE_LIVING = """
            select count(*) from runs r where r.id = ? and r.owner is distinct from ?
              and exists (select 1 from nodes n where n.id = ? and n.state = 'live')
            """;

    private final Cluster cluster;
    private final Load load;
    private final List<String> violations = new ArrayList<>();

    LateRenewal(Cluster cluster, Load load) {
        this.cluster = cluster;
        this.load = load;
    }

    List<String> violations() {
        return List.copyOf(violations);
    }

    void keepsTheRun() throws Exception {
        for (var i = 0; i < TRIES; i++) {
            if (isShown()) {
                return;
            }
        }
        violations.add("a renewal was not held until its node was judged in %d tries: the machine is too slow"
                .formatted(TRIES));
    }

    /** False when it did not come to that. */
    private boolean isShown() throws Exception {
        var node = cluster.node(0);
        node.command("hold " + RENEWAL);
        var held = node.awaitAnnouncement("reached " + RENEWAL, PATIENCE);
        node.command("catch " + STARTED);
        node.command("hold " + COMPLETED); // so that the run's other call does not tell of a loss
        var owner = Objects.requireNonNull(node.livingIdentity());
        var run = load.submit(node, "Create a low priority task \"Just in time\" and notify patient about it");
        load.followAside(run);
        held &= node.awaitAnnouncement("reached " + STARTED, IN_TIME);
        try (var holder = cluster.postgres().connect();
                var observer = cluster.postgres().connect()) {
            held = held && isJudgedBehindTheRenewal(node, owner, holder, observer);
            var taken = count(observer, TAKEN_FROM_THE_LIVING, Invariants.uuid(run), owner, owner) > 0;
            if (taken) {
                violations.add("%s was taken from %s, which had renewed its lease".formatted(run, node.name()));
            }
            node.command("go " + RENEWAL); // where it did not come to that
            node.command("go " + STARTED);
            if ((held || taken) && !await(PATIENCE, () -> cluster.receiver().received(run))) {
                violations.add("%s renewed its lease, and did not go on with %s".formatted(node.name(), run));
            }
            node.command("go " + COMPLETED);
            return held || taken;
        }
    }

    /** False as well when the row is not left as it is until both wait: others claimed without a word to it. */
    private boolean isJudgedBehindTheRenewal(Node node, UUID owner, Connection holder, Connection observer)
            throws SQLException, InterruptedException {
        TimeUnit.MILLISECONDS.sleep(millisLeft(observer, owner) - LEAD.toMillis());
        holder.setAutoCommit(false);
        count(holder, LOCK, owner);
        node.command("go " + RENEWAL);
        var began = System.nanoTime();
        var first = await(LEAD, () -> waiting(observer) > 0) && millisLeft(observer, owner) > 0;
        var second = first
                && await(LONGEST_WAIT.minusNanos(System.nanoTime() - began), () -> waiting(observer) > 1)
                && millisLeft(observer, owner) < 0;
        holder.commit();
        return second && await(PATIENCE, () -> waiting(observer) == 0) && millisLeft(observer, owner) > 0;
    }

    private static long millisLeft(Connection connection, UUID node) throws SQLException {
        return count(connection, MILLIS_LEFT, node);
    }

    private static long waiting(Connection connection) {
        try {
            return count(connection, WAITING);
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    /** The number in the only row; 0 where there is none. */
    private static long count(Connection connection, String sql, UUID... ids) throws SQLException {
        try (var query = connection.prepareStatement(sql)) {
            for (var i = 0; i < ids.length; i++) {
                query.setObject(i + 1, ids[i]);
            }
            try (var row = query.executeQuery()) {
                return row.next() ? row.getLong(1) : 0;
            }
        }
    }

    private static boolean await(Duration patience, BooleanSupplier condition) throws InterruptedException {
        var deadline = System.nanoTime() + patience.toNanos();
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() - deadline > 0) {
                return false;
            }
            TimeUnit.MILLISECONDS.sleep(POLL_MILLIS);
        }
        return true;
    }
}
