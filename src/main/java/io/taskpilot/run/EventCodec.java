package io.taskpilot.run;

import java.time.DateTimeException;
import java.util.Map;

/**
 * Events as JSON values: what the journal stores, clients stream and the archive keeps. {@code parse} reads what
 * {@code data} wrote, in this format and every earlier one that {@link #FORMAT} lists.
 */
public final class EventCodec {
    /** The format new runs are written in; a node claims only runs whose format it can read. */
    public static final int FORMAT = 1;

    private EventCodec() {}

    /** The event's type on the wire, as in {@code policy.decided}. */
    public static String type(RunEvent event) {
        if (event instanceof RunEvent.Accepted) {
            return "run.accepted";
        } else if (event instanceof RunEvent.Started) {
            return "run.started";
        } else if (event instanceof RunEvent.Resumed) {
            return "run.resumed";
        } else if (event instanceof RunEvent.GuardrailChecked) {
            return "guardrail.checked";
        } else if (event instanceof RunEvent.AgentStarted) {
            return "agent.started";
        } else if (event instanceof RunEvent.AgentCompleted) {
            return "agent.completed";
        } else if (event instanceof RunEvent.TaskProposed) {
            return "task.proposed";
        } else if (event instanceof RunEvent.ReviewCompleted) {
            return "review.completed";
        } else if (event instanceof RunEvent.PolicyDecided) {
            return "policy.decided";
        } else if (event instanceof RunEvent.ApprovalRequested) {
            return "approval.requested";
        } else if (event instanceof RunEvent.ApprovalDecided) {
            return "approval.decided";
        } else if (event instanceof RunEvent.ToolStarted) {
            return "tool.started";
        } else if (event instanceof RunEvent.ToolCompleted) {
            return "tool.completed";
        } else if (event instanceof RunEvent.ToolOutcomeUnknown) {
            return "tool.outcome_unknown";
        } else if (event instanceof RunEvent.Ended ended) {
            return "run." + ended.status().word();
        }
        throw new IllegalArgumentException("no type for " + event.getClass().getSimpleName());
    }

    /** The event's {@code data}: maps, lists, texts, numbers and booleans; nulls are left out. */
    public static Map<String, Object> data(RunEvent event) {
        return EventWriter.data(event);
    }

    /** @throws IllegalArgumentException when the type is unknown or the data does not fit it */
    public static RunEvent parse(String type, Map<String, Object> data) {
        try {
            return EventReader.event(type, data);
        } catch (ClassCastException | NullPointerException | DateTimeException e) {
            throw new IllegalArgumentException("data does not fit " + type, e);
        }
    }

    /** A run's output as the API shows it. */
    public static Map<String, Object> output(RunOutput output) {
        return EventWriter.output(output);
    }
}
