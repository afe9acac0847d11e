package io.taskpilot.run;

import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What a run needs next. Performing it yields events; appending them is the only write. */
public sealed interface Step {
    /** Database time to wait for; {@link Instant#MIN} for none. */
    default Instant notBefore() {
        return Instant.MIN;
    }

    /** Nothing to do outside: append these. */
    record Append(List<RunEvent> events, Instant notBefore) implements Step {
        public Append {
            events = List.copyOf(events);
        }

        Append(RunEvent event) {
            this(List.of(event), Instant.MIN);
        }
    }

    /**
     * Have the guardrails look at a text; yields {@code guardrail.checked}.
     *
     * @param callId the call whose result, or whose arguments as a person gave them, the text is; null for the request
     */
    record CheckText(RailPhase phase, String text, @Nullable String callId) implements Step {}

    /** One model call and the output rail on its answer; yields {@code agent.completed} and {@code guardrail.checked}. */
    record AskAgent(Agent agent, int turn) implements Step {}

    /** Ask policy about calls; yields {@code policy.decided}, and {@code tool.started} for what is allowed. */
    record Decide(List<ToolCall> calls, Instant notBefore) implements Step {
        public Decide {
            calls = List.copyOf(calls);
        }
    }

    /** Await started calls, beginning those that are not under way; yields how at least one of them ended. */
    record RunTools(List<CallState> calls) implements Step {
        public RunTools {
            calls = List.copyOf(calls);
        }
    }

    /** A person has to answer first: nobody drives the run until then. */
    record Park() implements Step {}

    /** The run has ended. */
    record Done() implements Step {}
}
