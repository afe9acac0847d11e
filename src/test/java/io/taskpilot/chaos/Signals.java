package io.taskpilot.chaos;

import java.io.IOException;
import java.util.concurrent.TimeUnit;

/** Sends a signal to one process, by its id. */
final class Signals {
    private Signals() {}

    /** @param name as in {@code STOP} */
    static void send(String name, long pid) throws IOException {
        try {
            new ProcessBuilder("kill", "-" + name, String.valueOf(pid))
                    .redirectErrorStream(true)
                    .start()
                    .waitFor(5, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}
