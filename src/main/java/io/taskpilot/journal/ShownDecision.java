package io.taskpilot.journal;

import io.taskpilot.config.TaskPilotConfig.Decisions;
import io.taskpilot.run.Decision;
import io.taskpilot.run.RunEvent;
import io.taskpilot.run.RunState;
import io.taskpilot.run.ToolCall;
import org.jspecify.annotations.Nullable;

/**
 * What a row of the decision log tells of a tool call. The row's digest is of the real arguments; what a policy or a
 * person said of them is kept without what is to be hidden, and the arguments themselves only if that is configured.
 */
final class ShownDecision {
    static final ShownDecision PLAIN = new ShownDecision(Decisions.plain(null));
    private static final int LONGEST = 2_000;

    private final Decisions settings;

    ShownDecision(Decisions settings) {
        this.settings = settings;
    }

    /** @param before the run's state before the event that carries the decision */
    Decision of(Decision decision, RunState before, RunEvent event) {
        var call = call(before, event);
        if (call == null) {
            return decision;
        }
        var reason = settings.redact().text(decision.reason(), call.arguments());
        var asked = before.asked();
        if (asked != null) {
            reason = settings.redact().text(reason, asked.call().arguments()); // an edited call has others
        }
        var arguments = settings.arguments() ? " arguments=" + arguments(call) : "";
        return decision.told(reason, decision.context() + arguments);
    }

    private static @Nullable ToolCall call(RunState before, RunEvent event) {
        if (event instanceof RunEvent.PolicyDecided decided) {
            return decided.call();
        }
        if (event instanceof RunEvent.ApprovalDecided decided && before.asked() != null) {
            var call = before.asked().call();
            return decided.arguments() == null ? call : call.with(decided.arguments());
        }
        return null;
    }

    private String arguments(ToolCall call) {
        var json = JsonText.encode(settings.redact().arguments(call.arguments()));
        return json.length() > LONGEST ? json.substring(0, LONGEST) + "..." : json;
    }
}
