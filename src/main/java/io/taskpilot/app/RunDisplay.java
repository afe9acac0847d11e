package io.taskpilot.app;

import com.fasterxml.jackson.databind.JsonNode;
import io.taskpilot.app.Terminal.Look;
import io.taskpilot.run.RunStatus;
import java.io.PrintStream;
import java.util.List;
import java.util.Map;

/** How a run is shown while it goes on. */
sealed interface RunDisplay {
    void event(JsonNode event);

    void note(String text);

    /** @param external the server outlives this process */
    void finished(ApiClient client, String runId, RunStatus status, boolean external) throws InterruptedException;

    /** The watcher is about to be gone; the run is not. */
    void interrupted(String runId, boolean external);

    /** For scripts: each event as a line of JSON, then the run as one. */
    record Json(PrintStream out) implements RunDisplay {
        @Override
        public void event(JsonNode event) {
            out.println(ApiClient.json(event));
        }

        @Override
        public void note(String text) {}

        @Override
        public void finished(ApiClient client, String runId, RunStatus status, boolean external)
                throws InterruptedException {
            out.println(ApiClient.json(client.get("/v1/runs/" + runId, Map.of())));
        }

        @Override
        public void interrupted(String runId, boolean external) {}
    }

    /** For people: the timeline. On a terminal its last line says what is going on, and is written over. */
    final class Lines implements RunDisplay {
        private static final String ERASE = "\r\033[K";

        private final PrintStream out;
        private final Terminal terminal;
        private final String command;
        private final Timeline timeline;
        private final RunSummary summary = new RunSummary();

        /** @param command against the same server, {@code %s} standing for what it is to do */
        Lines(PrintStream out, Terminal terminal, String command) {
            this.out = out;
            this.terminal = terminal;
            this.command = command;
            timeline = new Timeline(terminal, command);
        }

        @Override
        public void event(JsonNode event) {
            summary.add(event);
            print(timeline.lines(event));
            progress(timeline.waitingFor(event));
        }

        @Override
        public void note(String text) {
            print(List.of(terminal.paint(Look.YELLOW, " ".repeat(11) + text)));
        }

        private void print(List<String> lines) {
            var text = lines.isEmpty() ? "" : String.join("\n", lines) + "\n";
            out.print(terminal.live() ? ERASE + text : text); // one write: a half line is never seen
            out.flush();
        }

        private void progress(String text) {
            if (terminal.live() && !text.isEmpty()) {
                out.print(
                        terminal.paint(Look.DIM, " ".repeat(11) + terminal.cut(text, terminal.width() - 12) + " ..."));
                out.flush();
            }
        }

        @Override
        public void finished(ApiClient client, String runId, RunStatus status, boolean external) {
            print(summary.lines(terminal, status.word(), next(client, runId, status, external)));
        }

        private List<String> next(ApiClient client, String runId, RunStatus status, boolean external) {
            var run = client.server().resolve("/v1/runs/" + runId);
            if (external) {
                return List.of(
                        "curl " + run,
                        "curl -N -H 'Accept: text/event-stream' " + run + "/events",
                        command.formatted("decisions --run " + runId));
            }
            return status == RunStatus.AWAITING_APPROVAL
                    ? List.of(
                            command.formatted("serve") + "   (the run waits in the data directory)",
                            command.formatted("approvals"))
                    : List.of(command.formatted("serve"), "curl " + run, command.formatted("decisions --run " + runId));
        }

        @Override
        public void interrupted(String runId, boolean external) {
            if (runId.isEmpty()) {
                return;
            }
            print(List.of(
                    external
                            ? "stopped watching; " + runId + " goes on at its server"
                            : "stopping; " + runId + " is kept, and goes on with " + command.formatted("serve")));
        }
    }
}
