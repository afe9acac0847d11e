package io.taskpilot.gateway;

import io.taskpilot.engine.AgentDelta;
import java.util.ArrayDeque;
import java.util.Map;
import java.util.Queue;
import java.util.function.Predicate;

/**
 * The live text of a run on its way to one reader: each piece after the event it follows and before the next, or not at
 * all. What comes early waits, a little of it; what comes late is in an event that the reader has. Belongs to the
 * stream's context.
 */
final class LiveText {
    private static final int MOST_EARLY = 32;

    private final Predicate<Map<String, Object>> sink;
    private final Runnable dropped;
    private final Queue<AgentDelta> early = new ArrayDeque<>();
    private long position;
    private int attempt;
    private boolean ended;

    /**
     * @param sink takes an event if it has room for it now, and says whether it did
     * @param dropped told of each piece that the reader was too slow for
     */
    LiveText(Predicate<Map<String, Object>> sink, Runnable dropped) {
        this.sink = sink;
        this.dropped = dropped;
    }

    /** Text that was said, on whichever node. */
    void heard(AgentDelta delta) {
        if (ended) {
            return; // told before it was known that nobody listens
        }
        if (attempt > 0 && delta.seq() <= position) {
            give(delta);
        } else if (early.size() < MOST_EARLY) {
            early.add(delta);
        } else {
            dropped.run();
        }
    }

    /** The reader is given nothing any more. */
    void end() {
        ended = true;
        early.clear();
    }

    /** The reader stands behind the event of that number; nothing is given to it before this was called once. */
    void at(long seq, int ofAttempt) {
        position = seq;
        attempt = ofAttempt;
        while (!early.isEmpty() && early.element().seq() <= position) {
            give(early.remove());
        }
    }

    private void give(AgentDelta delta) {
        if (delta.seq() == position && !sink.test(RunJson.delta(delta, attempt))) {
            dropped.run();
        }
    }
}
