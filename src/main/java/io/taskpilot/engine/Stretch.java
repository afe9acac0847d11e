package io.taskpilot.engine;

import io.taskpilot.run.Agent;
import io.taskpilot.run.Recorded;
import io.taskpilot.run.RunEvent;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How far a run had come when its last driver left it. Each driver's time with a run is a stretch; they are counted from
 * 1, by the events that begin them, so that every node counts the same.
 *
 * @param number of the last one
 * @param open the agent that was at work, if one was
 * @param since when it began, in that stretch
 * @param last the invocation that ended last, or was left open
 * @param at of the last event
 * @param answered where in a trace the last answer was given; empty when there is none
 */
record Stretch(
        int number,
        @Nullable Agent open,
        Instant since,
        @Nullable Invocation last,
        Instant at,
        String answered) {

    /** An agent at work, in one stretch. */
    record Invocation(Agent agent, int stretch) {}

    /** @param history from {@code run.accepted} on */
    static Stretch of(List<Recorded> history) {
        var state = new Stretch(1, null, Instant.EPOCH, null, Instant.EPOCH, "");
        for (var recorded : history) {
            state = state.next(recorded.event(), recorded.at());
        }
        return state;
    }

    private Stretch next(RunEvent event, Instant now) {
        if (event instanceof RunEvent.Resumed) {
            var left = open == null ? last : new Invocation(open, number);
            return new Stretch(number + 1, open, now, left, now, answered);
        }
        if (event instanceof RunEvent.AgentStarted started && started.agent() != open) {
            return new Stretch(number, started.agent(), now, last, now, answered);
        }
        if (open != null && ends(event, open)) {
            return new Stretch(number, null, now, new Invocation(open, number), now, answered);
        }
        var by = event instanceof RunEvent.ApprovalDecided decided ? decided.traceparent() : answered;
        return new Stretch(number, open, since, last, now, by);
    }

    /** Whether the agent's work is done with this event. */
    static boolean ends(RunEvent event, Agent agent) {
        return event instanceof RunEvent.Ended
                || (event instanceof RunEvent.TaskProposed && agent == Agent.PLANNER)
                || (event instanceof RunEvent.ReviewCompleted && agent == Agent.REVIEWER);
    }
}
