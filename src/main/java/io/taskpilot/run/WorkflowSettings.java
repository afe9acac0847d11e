package io.taskpilot.run;

import java.time.Duration;
import java.util.List;

/**
 * What an operator may choose of the workflow.
 *
 * @param maxToolCalls per run, 1..100
 * @param tellDenials policy's deny goes back to the agent as a tool error instead of ending the run
 * @param approvalTtl how long a person may take, where policy does not say
 * @param approverRoles who may answer, where policy does not say
 */
public record WorkflowSettings(
        int maxToolCalls, boolean tellDenials, Duration approvalTtl, List<String> approverRoles) {
    public WorkflowSettings {
        approverRoles = List.copyOf(approverRoles);
    }
}
