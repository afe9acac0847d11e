package io.taskpilot.chaos;

import io.taskpilot.chaos.Fault.Kind;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** What happens when, from a seed alone: the same seed gives the same plan. */
final class Plan {
    /** About how long a node takes to be back, so that the plan spreads. */
    private static final long RESTART_MILLIS = 4_000;

    /** Everything at once for some time; PostgreSQL away for long; then, once all is well, one thing at a time. */
    private static final long CYCLE_MILLIS = 180_000;

    private static final long WILD_MILLIS = 50_000;
    private static final long AWAY_MILLIS = 36_000;
    private static final long CALM_FROM_MILLIS = 106_000;

    /** Until a kill was noticed and its runs were taken over, and the nodes can judge each other again. */
    private static final long AFTER_KILL_MILLIS = 16_000;

    private static final long AFTER_DRAIN_MILLIS = 7_000;

    private static final List<String> POINTS = List.of(
            "before-append task.proposed",
            "after-append agent.started",
            "before-append tool.started",
            "after-append tool.started",
            "before-append tool.completed",
            "after-append tool.completed",
            "before-append run.resumed",
            "after-append approval.requested",
            "before-append run.succeeded",
            "before-create",
            "after-create",
            "after-declareDead",
            "before-claim",
            "after-claim",
            "before-heartbeat",
            "after-heartbeat");

    private final Random random;
    private final int nodes;
    private final long longestStopMillis;
    private final long outageMillis;
    private final Map<String, Long> targetToFree = new HashMap<>();
    private final List<Fault> faults = new ArrayList<>();

    private Plan(long seed, int nodes, long longestStopMillis) {
        this.random = new Random(seed);
        this.nodes = nodes;
        this.longestStopMillis = longestStopMillis;
        this.outageMillis = Math.min(12_000, longestStopMillis);
    }

    /**
     * @param gapMillis between two faults, on average
     * @param longestStopMillis of a node
     */
    static List<Fault> of(long seed, int nodes, long millis, long gapMillis, long longestStopMillis) {
        var plan = new Plan(seed, nodes, longestStopMillis);
        var at = 0L;
        while (at < millis) {
            var into = at % CYCLE_MILLIS;
            if (into < WILD_MILLIS) {
                plan.any(at);
                at += 1 + plan.random.nextLong(2 * gapMillis);
            } else if (into < CALM_FROM_MILLIS) {
                plan.put(at, Kind.POSTGRES_LONG, "postgres", AWAY_MILLIS, 1_000);
                at += CALM_FROM_MILLIS - into;
            } else {
                at += plan.alone(at);
            }
        }
        plan.faults.sort(Comparator.comparingLong(Fault::atMillis));
        return plan.faults;
    }

    /**
     * One node at a time, as a deploy or a single crash is: what take-over times are for.
     *
     * @return milliseconds until the next
     */
    private long alone(long at) {
        var target = "node-" + (char) ('a' + random.nextInt(nodes));
        var kill = random.nextBoolean();
        put(at, kill ? Kind.KILL : Kind.DRAIN, target, 0, RESTART_MILLIS);
        return kill ? AFTER_KILL_MILLIS : AFTER_DRAIN_MILLIS;
    }

    private void any(long at) {
        var dice = random.nextInt(100);
        if (dice < 60) {
            node(at);
        } else if (dice < 80) {
            postgres(at);
        } else {
            redis(at);
        }
    }

    private void node(long at) {
        var target = "node-" + (char) ('a' + random.nextInt(nodes));
        var dice = random.nextInt(100);
        if (dice < 22) {
            put(at, Kind.KILL, target, random.nextInt(1_500), RESTART_MILLIS);
        } else if (dice < 28) {
            put(at, Kind.KILL_PAIR, "node-a", 100, RESTART_MILLIS);
            put(at, Kind.KILL_PAIR, "node-b", 100, RESTART_MILLIS);
        } else if (dice < 48) {
            put(at, Kind.STOP, target, 1_000 + random.nextLong(longestStopMillis), 0);
        } else if (dice < 64) {
            put(at, Kind.DRAIN, target, 0, RESTART_MILLIS + 2_000);
        } else if (dice < 72) {
            var wired = "node-" + (char) ('b' + random.nextInt(nodes - 1));
            put(at, Kind.CUT_OFF, wired, 1_000 + random.nextLong(outageMillis * 2), 0);
        } else if (dice < 88) {
            put(at, Kind.DIE_AT, target, 0, RESTART_MILLIS, point());
        } else {
            put(at, Kind.STOP_AT, target, 1_000 + random.nextLong(longestStopMillis), 0, point());
        }
    }

    private String point() {
        return POINTS.get(random.nextInt(POINTS.size()));
    }

    private void postgres(long at) {
        switch (random.nextInt(5)) {
            case 0 -> put(at, Kind.POSTGRES_FAST, "postgres", random.nextInt(3_000), 1_000);
            case 1 -> put(at, Kind.POSTGRES_IMMEDIATE, "postgres", random.nextInt(3_000), 1_500);
            case 2 -> put(at, Kind.POSTGRES_KILL, "postgres", random.nextInt(3_000), 1_500);
            case 3 -> put(at, Kind.POSTGRES_STOP, "postgres", 1_000 + random.nextLong(outageMillis), 0);
            default -> put(at, Kind.POSTGRES_CUT, "postgres", 0, 0);
        }
    }

    private void redis(long at) {
        switch (random.nextInt(3)) {
            case 0 -> put(at, Kind.REDIS_KILL, "redis", random.nextInt(3_000), 200);
            case 1 -> put(at, Kind.REDIS_STOP, "redis", 1_000 + random.nextLong(5_000), 0);
            default -> put(at, Kind.REDIS_FLUSH, "redis", 0, 0);
        }
    }

    private void put(long at, Kind kind, String target, long millis, long after) {
        put(at, kind, target, millis, after, "");
    }

    /** Never before the target's last one is over. */
    private void put(long at, Kind kind, String target, long millis, long after, String point) {
        var from = Math.max(at, targetToFree.getOrDefault(target, 0L));
        targetToFree.put(target, from + millis + after + 500);
        faults.add(new Fault(from, kind, target, millis, point));
    }
}
