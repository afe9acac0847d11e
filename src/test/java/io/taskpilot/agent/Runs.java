package io.taskpilot.agent;

import io.taskpilot.run.Agent;
import io.taskpilot.run.AgentAnswer;
import io.taskpilot.run.DecisionResult;
import io.taskpilot.run.PolicyVerdict;
import io.taskpilot.run.RailPhase;
import io.taskpilot.run.Recorded;
import io.taskpilot.run.RunEvent;
import io.taskpilot.run.RunRequest;
import io.taskpilot.run.RunState;
import io.taskpilot.run.TaskProposal;
import io.taskpilot.run.ToolCall;
import io.taskpilot.run.Usage;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/** Run states as far as an agent can tell them apart. */
final class Runs {
    static final UUID RUN = UUID.fromString("0198c0de-0000-7000-8000-000000000001");

    private Runs() {}

    static RunState of(String input) {
        var request = new RunRequest(
                RUN, "default", "local", List.of(), "req-1", input, Map.of(), Duration.ofMinutes(5), false);
        return and(RunState.empty(), new RunEvent.Accepted(request), new RunEvent.Started());
    }

    static RunState proposed(String input, TaskProposal task) {
        return and(of(input), new RunEvent.TaskProposed(RUN, task));
    }

    static RunState and(RunState run, RunEvent... events) {
        var state = run;
        for (var event : events) {
            state = state.apply(new Recorded(state.lastSeq() + 1, Instant.EPOCH, event));
        }
        return state;
    }

    static RunEvent completed(Agent agent, int turn, AgentAnswer answer) {
        return new RunEvent.AgentCompleted(agent, turn, answer, Usage.NONE, "offline", "offline");
    }

    /** The call was started and the agent may see what it returned. */
    static RunState settled(RunState run, ToolCall call, boolean error, Object result) {
        var allowed = new PolicyVerdict(DecisionResult.ALLOW, "rule", List.of(), "1", List.of(), Duration.ZERO);
        return and(
                run,
                new RunEvent.PolicyDecided(call, allowed, Map.of(), "", 0),
                new RunEvent.ToolStarted(call.id(), call.tool(), call.key(RUN), Instant.EPOCH, false, true),
                new RunEvent.ToolCompleted(call.id(), call.tool(), error, result, List.of()),
                new RunEvent.GuardrailChecked(
                        RailPhase.TOOL_RESULT, DecisionResult.ALLOW, "", "", null, call.id(), null, false, "", 0));
    }

    static RunState refused(RunState run, ToolCall call, String rule, String reason) {
        var denied = new PolicyVerdict(DecisionResult.DENY, rule, List.of(reason), "1", List.of(), Duration.ZERO);
        return and(run, new RunEvent.PolicyDecided(call, denied, Map.of(), "", 0));
    }
}
