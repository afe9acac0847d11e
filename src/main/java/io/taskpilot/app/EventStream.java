package io.taskpilot.app;

import java.io.IOException;
import java.util.Optional;

/** An open response of Server-Sent Events. */
final class EventStream implements AutoCloseable {
    private final SseParser parser = new SseParser();
    private final LineStream lines;

    EventStream(LineStream lines) {
        this.lines = lines;
    }

    /**
     * Waits for the next event; empty when the server ended the stream.
     *
     * @throws IOException when the connection broke or was silent for too long
     */
    Optional<SseParser.Event> next() throws IOException, InterruptedException {
        while (true) {
            var line = lines.next();
            if (line.isEmpty()) {
                return Optional.empty();
            }
            var event = parser.line(line.get());
            if (event != null) {
                return Optional.of(event);
            }
        }
    }

    /** Gives the connection up. */
    @Override
    public void close() {
        lines.close();
    }
}
