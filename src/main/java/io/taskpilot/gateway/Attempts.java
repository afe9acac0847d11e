package io.taskpilot.gateway;

import io.taskpilot.engine.RunReader;
import io.taskpilot.engine.RunReader.RunView;
import io.taskpilot.run.Recorded;
import io.taskpilot.run.RunEvent;
import io.vertx.core.Future;
import java.util.UUID;

/** Which attempt each event of a run belongs to, told in the order of the events. */
final class Attempts {
    private static final int PAGE = 200;

    private int attempt;

    private Attempts(int attempt) {
        this.attempt = attempt;
    }

    /** Ready for the event after {@code after}. Reads what went before only for a run that was taken over. */
    static Future<Attempts> after(RunReader reader, RunView run, long after) {
        if (run.attempt() == 1 || after == 0) {
            return Future.succeededFuture(new Attempts(1));
        }
        if (after >= run.lastSeq()) {
            return Future.succeededFuture(new Attempts(run.attempt()));
        }
        return counted(reader, run.id(), new Attempts(1), 0, after);
    }

    private static Future<Attempts> counted(RunReader reader, UUID run, Attempts attempts, long from, long to) {
        return reader.events(run, from, (int) Math.min(PAGE, to - from)).compose(events -> {
            events.forEach(attempts::of);
            var last = from + events.size();
            var done = last >= to || events.isEmpty();
            return done ? Future.succeededFuture(attempts) : counted(reader, run, attempts, last, to);
        });
    }

    /** The attempt of the event that was told last, or of the one that the reader had. */
    int last() {
        return attempt;
    }

    /** The event's attempt, its own step included. */
    int of(Recorded recorded) {
        if (recorded.event() instanceof RunEvent.Resumed resumed
                && resumed.cause().equals("node_dead")) {
            attempt++;
        }
        return attempt;
    }
}
