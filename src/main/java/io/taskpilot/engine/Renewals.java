package io.taskpilot.engine;

/**
 * How long a node's own renewals have held without a break: whether it may judge others. Times are {@link
 * System#nanoTime} of when a renewal was sent.
 */
final class Renewals {
    private long sinceNanos;
    private long lastNanos;

    void registered(long sentNanos) {
        sinceNanos = sentNanos;
        lastNanos = sentNanos;
    }

    void renewed(long sentNanos) {
        if (sentNanos - lastNanos > Lease.TERM.toNanos()) {
            sinceNanos = sentNanos; // the row had expired meanwhile, as everybody's may have
        }
        lastNanos = sentNanos;
    }

    /** After an outage of the database all nodes look expired; a term later those that live have renewed. */
    boolean heldForATerm(long nowNanos) {
        var term = Lease.TERM.toNanos();
        return nowNanos - sinceNanos > term && nowNanos - lastNanos <= term;
    }
}
