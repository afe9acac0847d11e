package io.taskpilot.chaos;

/**
 * Something bad that is to happen.
 *
 * @param atMillis after the storm begins, or as soon after that as the target is up again
 * @param target {@code node-a}..., {@code postgres} or {@code redis}
 * @param forMillis how long it lasts
 * @param point where in its work the node stops or dies; empty for anywhere
 */
record Fault(long atMillis, Kind kind, String target, long forMillis, String point) {
    /** What happens. */
    enum Kind {
        KILL("`kill -9` of a node"),
        KILL_PAIR("`kill -9` of two nodes at once (each)"),
        STOP("SIGSTOP of a node, then SIGCONT"),
        DRAIN("SIGTERM of a node, and a restart"),
        DIE_AT("a node dies at a pause point"),
        STOP_AT("a node stops at a pause point, then SIGCONT"),
        CUT_OFF("a node gets nothing through to PostgreSQL or back, silently"),
        POSTGRES_FAST("PostgreSQL: fast stop, and a restart"),
        POSTGRES_IMMEDIATE("PostgreSQL: immediate stop, and a restart"),
        POSTGRES_KILL("PostgreSQL: `kill -9` of all its processes, and a restart"),
        POSTGRES_STOP("PostgreSQL: SIGSTOP, then SIGCONT"),
        POSTGRES_CUT("PostgreSQL: all connections cut"),
        POSTGRES_LONG("PostgreSQL: away for over half a minute"),
        REDIS_KILL("Redis: `kill -9`, and a restart"),
        REDIS_STOP("Redis: SIGSTOP (accepts, never answers), then SIGCONT"),
        REDIS_FLUSH("Redis: flushed");

        private final String words;

        Kind(String words) {
            this.words = words;
        }

        String words() {
            return words;
        }
    }

    @Override
    public String toString() {
        return "%6.1fs %s %s%s%s"
                .formatted(
                        atMillis / 1e3,
                        kind,
                        target,
                        point.isEmpty() ? "" : " at " + point,
                        forMillis == 0 ? "" : " for %d ms".formatted(forMillis));
    }
}
