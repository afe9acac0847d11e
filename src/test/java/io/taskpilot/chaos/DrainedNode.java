package io.taskpilot.chaos;

import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * A node is told to drain with runs under way, and kept from leaving the node table: its runs must go on elsewhere
 * because it gave them back, and not because it is gone or its lease has run out.
 */
final class DrainedNode {
    private static final String LEAVING = "before-deregister";
    private static final int RUNS = 6;

    /** Well below the term of a lease. */
    private static final Duration GIVEN_BACK = Duration.ofSeconds(7);

    private static final Duration END = Duration.ofSeconds(40);

    private static final String NOT_RESUMED = """
            select count(*) from runs r where r.id = any(?::uuid[]) and r.status in ('queued', 'running')
              and not exists (select 1 from events e where e.run_id = r.id and e.type = 'run.resumed')
            """;

    private final Cluster cluster;
    private final Load load;
    private final List<String> violations = new ArrayList<>();

    DrainedNode(Cluster cluster, Load load) {
        this.cluster = cluster;
        this.load = load;
    }

    List<String> violations() {
        return List.copyOf(violations);
    }

    void givesItsRunsBack() throws Exception {
        var node = cluster.node(1);
        node.command("hold " + LEAVING);
        var runs = new ArrayList<String>();
        for (var i = 0; i < RUNS; i++) {
            runs.add(load.submit(node, "Create a low priority task \"Given back %d\"".formatted(i)));
        }
        runs.forEach(load::followAside);
        var told = System.nanoTime();
        node.terminate();
        var left = left(runs);
        while (left > 0 && System.nanoTime() - told < GIVEN_BACK.toNanos()) {
            TimeUnit.MILLISECONDS.sleep(20);
            left = left(runs);
        }
        if (left > 0) {
            violations.add("%d of %d runs were not given back by a node that drains".formatted(left, RUNS));
        }
        node.command("go " + LEAVING);
        if (!node.awaitEnd(END)) {
            violations.add("%s did not stop in order within %s of SIGTERM".formatted(node.name(), END));
        }
        node.start();
    }

    private long left(List<String> runs) throws SQLException {
        try (var connection = cluster.postgres().connect();
                var query = connection.prepareStatement(NOT_RESUMED)) {
            query.setArray(
                    1,
                    connection.createArrayOf(
                            "uuid", runs.stream().map(Invariants::uuid).toArray()));
            try (var row = query.executeQuery()) {
                row.next();
                return row.getLong(1);
            }
        }
    }
}
