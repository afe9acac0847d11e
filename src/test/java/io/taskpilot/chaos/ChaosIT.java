package io.taskpilot.chaos;

import io.taskpilot.LongRunning;
import io.taskpilot.chaos.Takeovers.Takeover;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.CleanupMode;
import org.junit.jupiter.api.io.TempDir;

/**
 * Nothing is lost, doubled or stuck, whatever dies. Settings, as system properties: {@code chaos.seed} (else a fresh
 * one, which a failure prints), {@code chaos.seconds} of storm, {@code chaos.gapMillis} between faults, {@code
 * chaos.stopSeconds} a node is stopped at most, {@code chaos.report}, a file to write.
 */
@LongRunning
class ChaosIT {
    private static final long SEED =
            Long.getLong("chaos.seed", ThreadLocalRandom.current().nextInt(1_000_000));
    private static final long SECONDS = Long.getLong("chaos.seconds", 14);
    private static final long GAP_MILLIS = Long.getLong("chaos.gapMillis", 1_000);
    private static final long STOP_MILLIS = Long.getLong("chaos.stopSeconds", 4) * 1_000;
    private static final int PEOPLE = Integer.getInteger("chaos.people", 6);

    /** A lease: others take over right after it, and what was started is still in time then. */
    private static final long DECLARED_MILLIS = 10_000;

    /** A shorter storm has no calm in which to measure. */
    private static final long LONG_SECONDS = 300;

    private static final long SETTLE_SECONDS = 60;
    private static final int NODES = 3;

    @TempDir(cleanup = CleanupMode.ON_SUCCESS)
    Path directory;

    @Test
    @Timeout(value = 1, unit = TimeUnit.HOURS)
    void noRunIsLostDoubledOrStuck() throws Exception {
        try (var cluster = new Cluster(directory, NODES, SEED);
                var load = new Load(cluster);
                var liveness = new Liveness(cluster)) {
            var takeovers = new Takeovers(cluster.postgres(), liveness);
            var storm = new Storm(cluster, takeovers);
            storm.say("the cluster is up");
            var stopped = new StoppedNode(cluster, load);
            stopped.decisionIsCommittedBeforeTheEffect();
            storm.say("a decision was held back");
            stopped.findsThatItLostItsRuns(DECLARED_MILLIS);
            if (STOP_MILLIS > DECLARED_MILLIS) {
                stopped.findsThatItLostItsRuns(STOP_MILLIS);
            }
            storm.say("a stopped node went on");
            var late = new LateRenewal(cluster, load);
            late.keepsTheRun();
            storm.say("a late renewal was in time");
            var drained = new DrainedNode(cluster, load);
            drained.givesItsRunsBack();
            storm.say("a drained node gave its runs back");
            liveness.expectProgress();
            load.begin(PEOPLE); // not before: what is caught at a point must be the run that is meant
            storm.rage(Plan.of(SEED, NODES, SECONDS * 1_000, GAP_MILLIS, STOP_MILLIS));
            storm.say("the storm is over");
            var allEnded = load.finish(SETTLE_SECONDS);
            storm.say(allEnded ? "all runs have ended" : "not all runs have ended");

            var invariants = new Invariants(cluster, load.sightings());
            invariants.add(stopped.violations());
            invariants.add(late.violations());
            invariants.add(drained.violations());
            invariants.add(storm.violations());
            invariants.add(load.violations());
            invariants.add(liveness.violations());
            invariants.check();
            var measured = takeovers.measured();
            report(cluster, load, liveness, storm, takeovers, measured, invariants);
            if (SECONDS >= LONG_SECONDS) {
                invariants.add(Takeovers.missed(measured));
            }
            if (!invariants.hold()) {
                throw new AssertionError(failure(cluster, storm, invariants));
            }
        }
    }

    private static void report(
            Cluster cluster,
            Load load,
            Liveness liveness,
            Storm storm,
            Takeovers takeovers,
            List<Takeover> measured,
            Invariants invariants)
            throws SQLException, IOException {
        var reconnects = load.sightings().values().stream()
                .flatMap(List::stream)
                .mapToLong(Sighting::reconnects)
                .sum();
        var report = new Report(
                storm,
                invariants,
                measured,
                load.sightings().size(),
                liveness.violations().size(),
                reconnects,
                cluster.receiver().effects().size(),
                cluster.receiver().unseen(),
                takeovers.unmeasured());
        var command = "mvn verify -Pchaos -Dchaos.seed=%d -Dchaos.seconds=%d".formatted(SEED, SECONDS);
        var text = report.markdown(SEED, Duration.ofSeconds(SECONDS), command);
        var file = System.getProperty("chaos.report", "");
        if (file.isEmpty()) {
            System.out.println(String.join("\n", storm.log()) + "\n\n" + text);
        } else {
            Files.writeString(Path.of(file), text);
        }
    }

    private String failure(Cluster cluster, Storm storm, Invariants invariants) throws SQLException {
        var text = new StringBuilder("chaos.seed=%d (directory: %s)%n".formatted(SEED, directory));
        text.append(String.join("\n", storm.log())).append('\n');
        invariants
                .general()
                .forEach(
                        violation -> text.append("VIOLATED: ").append(violation).append('\n'));
        try (var connection = cluster.postgres().connect()) {
            for (var entry : invariants.byRun().entrySet()) {
                text.append("VIOLATED: ")
                        .append(entry.getKey())
                        .append(": ")
                        .append(entry.getValue())
                        .append("\n  journal: ")
                        .append(Invariants.journal(connection, entry.getKey()))
                        .append('\n');
            }
        }
        cluster.nodes()
                .forEach(node -> text.append(node.name())
                        .append(":\n")
                        .append(node.lastWords())
                        .append('\n'));
        return text.toString();
    }
}
