package io.taskpilot.app;

import io.taskpilot.outside.OutsideProcess;
import java.time.Duration;
import java.util.concurrent.TimeoutException;

/**
 * Something that a server needs, in a process of its own, and the wire by which the server is led to it.
 *
 * @param name as metrics and health have it
 * @param tooLate what the wire adds to each answer that is to come too late
 */
record Dependency(String name, Victim process, Wire wire, Duration tooLate) implements AutoCloseable {

    /** A process that is taken down and comes back. */
    record Victim(Act killing, Act starting, Act hanging, Act going) {
        static Victim of(OutsideProcess process) {
            return new Victim(process::kill, process::startAgain, process::hang, process::goOn);
        }

        void kill() throws Exception {
            killing.run();
        }

        /** On the port it had; returns when it answers. */
        void startAgain() throws Exception {
            starting.run();
        }

        void hang() throws Exception {
            hanging.run();
        }

        void goOn() throws Exception {
            going.run();
        }
    }

    /** What may fail. */
    @FunctionalInterface
    interface Act {
        void run() throws Exception;
    }

    @Override
    public void close() throws TimeoutException {
        wire.close();
    }
}
