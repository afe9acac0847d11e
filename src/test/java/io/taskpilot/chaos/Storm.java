package io.taskpilot.chaos;

import io.taskpilot.chaos.Fault.Kind;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;

/** Has the faults of a plan happen: those of one target after each other, those of different targets at once. */
final class Storm {
    private static final Duration REACH = Duration.ofSeconds(3);
    /** Accepting, the grace of 45 s, which it takes while PostgreSQL is away, and closing what is open. */
    private static final Duration DRAIN = Duration.ofSeconds(60);

    /** What may fail on a disk or a wire, where no caller can mend it. */
    interface Action {
        void run() throws IOException;
    }

    private final Cluster cluster;
    private final Takeovers takeovers;
    private final List<String> log = new CopyOnWriteArrayList<>();
    private final List<Kind> done = new CopyOnWriteArrayList<>();
    private final List<String> violations = new CopyOnWriteArrayList<>();
    private final Instant began = Instant.now();

    Storm(Cluster cluster, Takeovers takeovers) {
        this.cluster = cluster;
        this.takeovers = takeovers;
    }

    static void unchecked(Action action) {
        try {
            action.run();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Blocks until everything planned has happened and everything is up again. */
    void rage(List<Fault> plan) throws InterruptedException {
        var targetToFaults = new ConcurrentHashMap<String, List<Fault>>();
        plan.forEach(fault -> targetToFaults
                .computeIfAbsent(fault.target(), unused -> new ArrayList<>())
                .add(fault));
        var start = System.nanoTime();
        var lanes = new ArrayList<Thread>();
        targetToFaults.forEach((target, faults) -> {
            var lane = new Thread(() -> go(start, faults), "storm-" + target);
            lane.start();
            lanes.add(lane);
        });
        for (var lane : lanes) {
            lane.join();
        }
    }

    private void go(long startNanos, List<Fault> faults) {
        for (var fault : faults) {
            try {
                pause(fault.atMillis() - TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - startNanos));
                say(fault + " begins");
                var happened = perform(fault);
                say(fault + " is over");
                done.add(happened);
            } catch (InterruptedException e) {
                return; // the harness is being closed
            } catch (IOException | SQLException | RuntimeException e) {
                violations.add("the harness could not finish %s: %s".formatted(fault, e));
                return;
            }
        }
    }

    /** @return what came of it: a point may not be reached, and then the node goes just so */
    private Kind perform(Fault fault) throws IOException, InterruptedException, SQLException {
        if (fault.target().equals("postgres")) {
            postgres(fault);
        } else if (fault.target().equals("redis")) {
            redis(fault);
        } else {
            return node(fault, cluster.node(fault.target().charAt(5) - 'a'));
        }
        return fault.kind();
    }

    private Kind node(Fault fault, Node node) throws IOException, InterruptedException {
        switch (fault.kind()) {
            case KILL, KILL_PAIR -> {
                takeovers.killing(node);
                node.kill();
                pause(fault.forMillis());
                node.start();
            }
            case STOP -> {
                node.freeze();
                pause(fault.forMillis());
                node.thaw();
            }
            case DRAIN -> {
                takeovers.draining(node);
                node.terminate();
                if (!node.awaitEnd(DRAIN)) {
                    violations.add("%s did not stop in order within %s of SIGTERM".formatted(node.name(), DRAIN));
                }
                node.start();
            }
            case DIE_AT -> {
                node.command("die " + fault.point());
                var reached = node.awaitExit(REACH);
                node.kill();
                node.start();
                return reached ? Kind.DIE_AT : Kind.KILL;
            }
            case STOP_AT -> {
                return stopAt(fault, node);
            }
            case CUT_OFF -> {
                node.cutOff();
                pause(fault.forMillis());
                node.reconnect();
            }
            default -> throw new IllegalStateException(fault.toString());
        }
        return fault.kind();
    }

    private Kind stopAt(Fault fault, Node node) throws IOException, InterruptedException {
        node.command("stop " + fault.point());
        var reached = node.awaitAnnouncement("reached " + fault.point(), REACH);
        if (reached) {
            node.frozen();
        } else {
            node.command("go " + fault.point()); // never mind
            node.freeze();
        }
        pause(fault.forMillis());
        node.thaw();
        return reached ? Kind.STOP_AT : Kind.STOP;
    }

    private void postgres(Fault fault) throws IOException, InterruptedException, SQLException {
        var postgres = cluster.postgres();
        switch (fault.kind()) {
            case POSTGRES_FAST, POSTGRES_LONG -> postgres.stopFast();
            case POSTGRES_IMMEDIATE -> postgres.stopImmediately();
            case POSTGRES_KILL -> postgres.kill();
            case POSTGRES_STOP -> {
                postgres.freeze();
                pause(fault.forMillis());
                postgres.thaw();
                return;
            }
            case POSTGRES_CUT -> {
                cut();
                return;
            }
            default -> throw new IllegalStateException(fault.toString());
        }
        pause(fault.forMillis());
        postgres.start();
    }

    private void cut() throws SQLException {
        try (var connection = cluster.postgres().connect();
                var statement = connection.createStatement()) {
            statement.execute("select pg_terminate_backend(pid) from pg_stat_activity"
                    + " where application_name = 'taskpilot' and pid <> pg_backend_pid()");
        }
    }

    private void redis(Fault fault) throws InterruptedException {
        switch (fault.kind()) {
            case REDIS_KILL -> {
                cluster.redis().kill();
                pause(fault.forMillis());
                cluster.redis().startAgain();
            }
            case REDIS_STOP -> {
                cluster.redis().hang();
                pause(fault.forMillis());
                cluster.redis().goOn();
            }
            case REDIS_FLUSH -> cluster.redis().flush();
            default -> throw new IllegalStateException(fault.toString());
        }
    }

    /** The planned length of a fault, or the time until the next one. */
    private static void pause(long millis) throws InterruptedException {
        TimeUnit.MILLISECONDS.sleep(Math.max(0, millis));
    }

    void say(String what) {
        log.add("%s +%.1fs %s"
                .formatted(Instant.now(), Duration.between(began, Instant.now()).toMillis() / 1e3, what));
    }

    List<String> log() {
        return List.copyOf(log);
    }

    long count(Kind kind) {
        return done.stream().filter(kind::equals).count();
    }

    List<String> violations() {
        return List.copyOf(violations);
    }
}
