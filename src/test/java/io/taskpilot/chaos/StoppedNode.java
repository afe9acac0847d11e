package io.taskpilot.chaos;

import java.io.IOException;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The windows that chance hardly hits, held open. A node is stopped with one run right before an append and another
 * right after the commit of its {@code tool.started}; others take both over; then it goes on. It must write nothing to
 * either and start nothing for the other, neither before its next heartbeat has told it what has happened nor after.
 */
final class StoppedNode {
    private static final String STARTED = "after-append tool.started";
    private static final String STARTING = "before-append tool.started";
    private static final String COMPLETED = "before-append tool.completed";
    private static final String PROPOSED = "before-append task.proposed";
    private static final String RESUMED = "before-append run.resumed";
    private static final String RENEWAL = "before-heartbeat";
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    /** How long a window is held open for what must not happen in it. */
    private static final long WINDOW_MILLIS = 1_200;

    private final Cluster cluster;
    private final Load load;
    private final List<String> violations = new ArrayList<>();

    StoppedNode(Cluster cluster, Load load) {
        this.cluster = cluster;
        this.load = load;
    }

    List<String> violations() {
        return List.copyOf(violations);
    }

    /** The commit of the decision is held back: the effect must wait for it. */
    void decisionIsCommittedBeforeTheEffect() throws Exception {
        var node = cluster.node(1);
        node.command("catch " + STARTING);
        var run = load.submit(node, "Create a low priority task \"Decide first\" and notify once about it");
        load.followAside(run);
        reach(node, STARTING);
        TimeUnit.MILLISECONDS.sleep(WINDOW_MILLIS);
        node.command("go " + STARTING);
    }

    /** @param millis for how long it is stopped, at least */
    void findsThatItLostItsRuns(long millis) throws Exception {
        var node = cluster.node(0);
        var others = List.of(cluster.node(1), cluster.node(2));
        node.command("catch " + PROPOSED);
        var append = load.submit(node, "Create a low priority task \"Append of the past\"");
        reach(node, PROPOSED);
        node.command("catch " + STARTED);
        var effect = load.submit(node, "Create a low priority task \"Effect of the past\" and notify patient about it");
        reach(node, STARTED);
        node.command("hold " + RENEWAL);
        node.command(
                "hold " + COMPLETED); // that run's other call is over at once, and its append would tell of the loss
        load.followAside(effect);
        load.followAside(append);
        others.forEach(other -> other.command("hold " + RESUMED));
        var lost = node.livingIdentity();

        var stopped = System.nanoTime();
        node.freeze();
        awaitOwner(effect, others);
        awaitOwner(append, others);
        TimeUnit.NANOSECONDS.sleep(stopped + TimeUnit.MILLISECONDS.toNanos(millis) - System.nanoTime());
        var appendBefore = events(append);
        var effectBefore = events(effect);
        node.thaw();
        node.command("go " + PROPOSED);
        node.command("go " + STARTED);
        TimeUnit.MILLISECONDS.sleep(WINDOW_MILLIS); // it has not heard yet that it was declared dead
        reach(node, RENEWAL);
        node.command("go " + RENEWAL);
        awaitNewIdentity(node, lost, effect);
        TimeUnit.MILLISECONDS.sleep(WINDOW_MILLIS); // and now it has
        node.command("go " + COMPLETED);
        if (!node.awaitAnnouncement("refused " + Invariants.uuid(append) + " LostRun", PATIENCE)) {
            violations.add("%s was taken over, and an append of its old owner was not refused".formatted(append));
        }
        wroteNothing(append, appendBefore);
        wroteNothing(effect, effectBefore);
        others.forEach(other -> other.command("go " + RESUMED));
    }

    /** A renewal that succeeds gives the lease back instead, and then the effect starts: no need to wait any longer. */
    private void awaitNewIdentity(Node node, @Nullable UUID lost, String effect) throws InterruptedException {
        var deadline = System.nanoTime() + PATIENCE.toNanos();
        while (Objects.equals(node.livingIdentity(), lost)
                && !cluster.receiver().received(effect)) {
            if (System.nanoTime() - deadline > 0) {
                violations.add(node.name() + " lost its runs, and did not register under a new id");
                return;
            }
            TimeUnit.MILLISECONDS.sleep(50);
        }
    }

    private void wroteNothing(String runId, int before) throws SQLException {
        var now = events(runId);
        if (now != before) {
            violations.add(
                    "%s was taken over at seq %d, and its old owner went on to seq %d".formatted(runId, before, now));
        }
    }

    private void reach(Node node, String point) {
        if (!node.awaitAnnouncement("reached " + point, PATIENCE)) {
            violations.add("%s did not get to %s".formatted(node.name(), point));
        }
    }

    private void awaitOwner(String runId, List<Node> others) throws SQLException, InterruptedException, IOException {
        var deadline = System.nanoTime() + PATIENCE.toNanos();
        while (System.nanoTime() - deadline < 0) {
            var owner = owner(runId);
            if (owner != null && others.stream().anyMatch(other -> other.was(owner))) {
                return;
            }
            TimeUnit.MILLISECONDS.sleep(100);
        }
        violations.add(runId + " was not taken over from a node that was stopped");
    }

    private @Nullable UUID owner(String runId) throws SQLException {
        try (var connection = cluster.postgres().connect();
                var query = connection.prepareStatement("select owner from runs where id = ?")) {
            query.setObject(1, Invariants.uuid(runId));
            try (var row = query.executeQuery()) {
                return row.next() ? row.getObject(1, UUID.class) : null;
            }
        }
    }

    private int events(String runId) throws SQLException {
        try (var connection = cluster.postgres().connect()) {
            return Invariants.journal(connection, runId).size();
        }
    }
}
