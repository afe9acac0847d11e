package io.taskpilot.engine;

import io.taskpilot.run.Agent;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The text of one answer while the model writes it, on its way to whoever watches the run. Nothing here decides anything
 * and nobody waits for it; it may end at any time, and the journal will have the whole answer. Belongs to the driver's
 * context.
 */
final class LiveAnswer implements Consumer<String> {
    private static final long GATHER_MILLIS = 50;
    private static final int MOST_WAITING = 64 * 1024;

    private final Vertx vertx;
    private final UUID runId;
    private final long seq;
    private final Agent agent;
    private final @Nullable StreamWindow window;
    private final Function<String, Future<Boolean>> rail;
    private final Consumer<AgentDelta> out;
    private final TextPieces pieces = new TextPieces();
    private int offset;
    private long timer = -1;
    private boolean judging;
    private boolean held;
    private boolean ended;

    /**
     * @param seq of the event that the answer comes after
     * @param window null lets text leave unjudged
     * @param rail whether a part of the text may be seen
     */
    LiveAnswer(
            Vertx vertx,
            UUID runId,
            long seq,
            Agent agent,
            @Nullable StreamWindow window,
            Function<String, Future<Boolean>> rail,
            Consumer<AgentDelta> out) {
        this.vertx = vertx;
        this.runId = runId;
        this.seq = seq;
        this.agent = agent;
        this.window = window;
        this.rail = rail;
        this.out = out;
    }

    /** Takes the next piece that the model wrote. */
    @Override
    public void accept(String piece) {
        if (!ended) {
            pass(pieces.whole(piece));
        }
    }

    private void pass(String text) {
        if (window == null) {
            leave(text);
        } else {
            window.add(text);
            look(window);
        }
    }

    /** One part at a time; the text gathers meanwhile. */
    private void look(StreamWindow at) {
        if (at.waiting() > MOST_WAITING) {
            end();
        } else if (!judging && !held && at.isDue()) {
            judging = true;
            rail.apply(at.next()).onComplete(passed -> {
                judging = false;
                held = passed.failed() || !passed.result();
                if (!held && !ended) {
                    leave(at.passed());
                    look(at);
                }
            });
        }
    }

    /** The model has written all of it. */
    void written() {
        if (!ended) {
            pass(pieces.end());
            if (window == null) {
                flush();
                end();
            }
        }
    }

    /** The rail has passed the whole answer, as it is: what is held back leaves. */
    void passed() {
        if (!ended && window != null) {
            leave(window.rest());
            flush();
            end();
        }
    }

    /** Nothing leaves any more. */
    void end() {
        ended = true;
        vertx.cancelTimer(timer);
    }

    private void leave(String text) {
        pieces.gather(text).forEach(this::send);
        if (timer < 0 && !text.isEmpty()) {
            timer = vertx.setTimer(GATHER_MILLIS, unused -> flush());
        }
    }

    private void flush() {
        vertx.cancelTimer(timer);
        timer = -1;
        var text = pieces.flush();
        if (!text.isEmpty()) {
            send(text);
        }
    }

    private void send(String text) {
        out.accept(new AgentDelta(runId, seq, agent, offset, text));
        offset += text.length();
    }
}
