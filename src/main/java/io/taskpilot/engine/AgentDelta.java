package io.taskpilot.engine;

import io.taskpilot.run.Agent;
import java.util.UUID;

/**
 * Text of an answer that is still being written, as {@code agent.delta} shows it: best effort, and in no journal.
 *
 * @param seq of the event it comes after, the {@code agent.started} of the answer
 * @param offset how many UTF-16 units of the answer's text come before; 0 begins the answer, also when it was begun before
 * @param text of at most {@link #MOST_CHARS} UTF-16 units, no character cut in two
 */
public record AgentDelta(UUID runId, long seq, Agent agent, int offset, String text) {
    public static final int MOST_CHARS = 1_024;

    public AgentDelta {
        if (seq < 1 || offset < 0 || text.isEmpty() || text.length() > MOST_CHARS) {
            throw new IllegalArgumentException(
                    "seq %d, offset %d, %d characters".formatted(seq, offset, text.length()));
        }
    }
}
