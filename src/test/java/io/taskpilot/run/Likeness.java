package io.taskpilot.run;

import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** A history without the traces of takeovers and of time: what is left must be what one owner could have written. */
final class Likeness {
    private Likeness() {}

    static List<RunEvent> of(List<Recorded> history) {
        var kept = new ArrayList<RunEvent>();
        var underWay = new HashSet<String>();
        for (var recorded : history) {
            var event = timeless(recorded.event());
            if (event instanceof RunEvent.Resumed) {
                continue;
            }
            if (event instanceof RunEvent.AgentStarted && event.equals(lastOf(kept))) {
                continue; // the model call is repeated
            }
            if (event instanceof RunEvent.ToolStarted started && !underWay.add(started.callId())) {
                kept.remove(kept.size() - 1); // the call is repeated, and policy was asked again for it
                continue;
            }
            if (event instanceof RunEvent.ToolOutcomeUnknown unknown) {
                underWay.remove(unknown.callId());
            }
            kept.add(event);
        }
        return kept;
    }

    /** Only what is about one call. */
    static List<RunEvent> of(List<Recorded> history, String callId) {
        var questions = new HashSet<Object>();
        return of(history).stream()
                .filter(event -> isAbout(event, callId, questions))
                .toList();
    }

    private static boolean isAbout(RunEvent event, String callId, Set<Object> questions) {
        if (event instanceof RunEvent.PolicyDecided decided) {
            return decided.call().id().equals(callId);
        } else if (event instanceof RunEvent.ToolStarted started) {
            return started.callId().equals(callId);
        } else if (event instanceof RunEvent.ToolCompleted completed) {
            return completed.callId().equals(callId);
        } else if (event instanceof RunEvent.ToolOutcomeUnknown unknown) {
            return unknown.callId().equals(callId);
        } else if (event instanceof RunEvent.GuardrailChecked check) {
            return callId.equals(check.callId());
        } else if (event instanceof RunEvent.ApprovalRequested asked) {
            return asked.call().id().equals(callId) && questions.add(asked.approvalId());
        }
        return event instanceof RunEvent.ApprovalDecided decided && questions.contains(decided.approvalId());
    }

    private static RunEvent lastOf(List<RunEvent> events) {
        return events.get(events.size() - 1);
    }

    private static RunEvent timeless(RunEvent event) {
        if (event instanceof RunEvent.ToolStarted e) {
            return new RunEvent.ToolStarted(e.callId(), e.tool(), e.key(), Instant.EPOCH, e.external(), e.repeatable());
        }
        if (event instanceof RunEvent.ToolOutcomeUnknown e) {
            return new RunEvent.ToolOutcomeUnknown(e.callId(), e.tool(), "");
        }
        if (event instanceof RunEvent.ApprovalRequested e) {
            return new RunEvent.ApprovalRequested(
                    e.approvalId(),
                    e.kind(),
                    e.call(),
                    e.digest(),
                    e.rule(),
                    e.reason(),
                    e.policyRevision(),
                    e.roles(),
                    Instant.EPOCH);
        }
        return event;
    }
}
