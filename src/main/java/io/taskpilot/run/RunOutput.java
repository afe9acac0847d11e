package io.taskpilot.run;

import java.util.List;
import java.util.UUID;

/**
 * What a run gives back.
 *
 * @param tasks tasks this run executed or made
 * @param denied tools that policy refused while the run went on
 */
public record RunOutput(String text, List<UUID> tasks, List<String> denied) {
    public RunOutput {
        tasks = List.copyOf(tasks);
        denied = List.copyOf(denied);
    }
}
