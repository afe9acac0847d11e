package io.taskpilot.app;

import com.fasterxml.jackson.databind.JsonNode;
import io.taskpilot.app.Terminal.Look;
import io.taskpilot.run.RunStatus;
import java.io.PrintStream;
import java.net.URI;
import java.util.List;
import java.util.Map;

/** How a run is shown while it goes on. */
sealed interface RunDisplay {
    void event(JsonNode event);

    /** Text of an answer that is being written; the event that ends it has all of it. */
    void live(JsonNode delta);

    void note(String text);

    void finished(ApiClient client, String runId, RunStatus status) throws InterruptedException;

    /** The watcher is about to be gone; the run is not. */
    void interrupted(String runId);

    /**
     * Where the run is to be found from another terminal.
     *
     * @param command how commands are typed there, {@code %s} standing for what one is to do
     * @param api of the server that has the run, now or when it is started again
     * @param key as a shell fills it in; empty without one
     * @param external the server outlives this process
     */
    record Place(String command, URI api, String key, boolean external) {
        String command(String doing) {
            return command.formatted(doing);
        }

        String curl(String path) {
            var header = key.isEmpty() ? "" : " -H \"Authorization: Bearer " + key + "\"";
            return "curl " + api.resolve(path) + header;
        }
    }

    /** For scripts: each event as a line of JSON, then the run as one. */
    record Json(PrintStream out) implements RunDisplay {
        @Override
        public void event(JsonNode event) {
            out.println(ApiClient.json(event));
        }

        @Override
        public void live(JsonNode delta) {}

        @Override
        public void note(String text) {}

        @Override
        public void finished(ApiClient client, String runId, RunStatus status) throws InterruptedException {
            out.println(ApiClient.json(client.get("/v1/runs/" + runId, Map.of())));
        }

        @Override
        public void interrupted(String runId) {}
    }

    /** For people: the timeline. On a terminal its last line says what is going on, and is written over. */
    final class Lines implements RunDisplay {
        private static final String ERASE = "\r\033[K";

        private final PrintStream out;
        private final Terminal terminal;
        private final Place place;
        private final Timeline timeline;
        private final RunSummary summary = new RunSummary();
        private boolean isOver;

        Lines(PrintStream out, Terminal terminal, Place place) {
            this.out = out;
            this.terminal = terminal;
            this.place = place;
            timeline = new Timeline(terminal, place);
        }

        @Override
        public void event(JsonNode event) {
            summary.add(event);
            print(timeline.lines(event));
            progress(timeline.waitingFor(event));
        }

        @Override
        public void live(JsonNode delta) {
            progress(timeline.saying(delta));
        }

        @Override
        public void note(String text) {
            print(List.of(terminal.paint(Look.YELLOW, " ".repeat(11) + text)));
        }

        private synchronized void print(List<String> lines) {
            if (isOver) {
                return;
            }
            var text = lines.isEmpty() ? "" : String.join("\n", lines) + "\n";
            out.print(terminal.live() ? ERASE + text : text); // one write: a half line is never seen
            out.flush();
        }

        private synchronized void progress(String text) {
            if (!isOver && terminal.live() && !text.isEmpty()) {
                out.print(ERASE
                        + terminal.paint(
                                Look.DIM, " ".repeat(11) + terminal.cut(text, terminal.width() - 12) + " ..."));
                out.flush();
            }
        }

        @Override
        public void finished(ApiClient client, String runId, RunStatus status) {
            print(summary.lines(terminal, status.word(), next(runId, status)));
        }

        private List<String> next(String runId, RunStatus status) {
            var decisions = place.command("decisions --run " + runId);
            var run = place.curl("/v1/runs/" + runId);
            if (place.external()) {
                var events = place.curl("/v1/runs/" + runId + "/events") + " -N -H 'Accept: text/event-stream'";
                return List.of(decisions, run, events);
            }
            return status == RunStatus.AWAITING_APPROVAL
                    ? List.of(place.command("serve") + "   and then, from another terminal", place.command("approvals"))
                    : List.of(place.command("serve") + "   and then, from another terminal", decisions, run);
        }

        /** The last words: what a closing server does to the stream is no news. */
        @Override
        public synchronized void interrupted(String runId) {
            if (!runId.isEmpty()) {
                print(List.of(
                        place.external()
                                ? "stopped watching; " + runId + " goes on at its server"
                                : "stopping; " + runId + " is kept, and goes on with " + place.command("serve")));
            }
            isOver = true;
        }
    }
}
