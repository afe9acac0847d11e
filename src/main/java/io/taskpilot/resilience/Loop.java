package io.taskpilot.resilience;

import io.vertx.core.Future;
import io.vertx.core.Promise;
import java.util.Iterator;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * Turns that follow each other, each once the one before is done. A chain of {@code compose} would grow by a link a
 * turn and live as long as the whole; this holds one turn, however many there are.
 */
public final class Loop {
    private final Supplier<Future<Boolean>> turn;
    private final Promise<Void> done = Promise.promise();

    private Loop(Supplier<Future<Boolean>> turn) {
        this.turn = turn;
    }

    /** Until a turn gives false, or fails. Completes where the last turn did. */
    public static Future<Void> whileTrue(Supplier<Future<Boolean>> turn) {
        var loop = new Loop(turn);
        loop.go();
        return loop.done.future();
    }

    /** One after the other, until one fails. */
    public static <T> Future<Void> each(Iterable<T> items, Function<T, Future<Void>> work) {
        Iterator<T> left = items.iterator();
        return whileTrue(() -> left.hasNext() ? work.apply(left.next()).map(true) : Future.succeededFuture(false));
    }

    private void go() {
        while (true) { // not a recursion: turns that are done at once would fill the stack
            var next = asked();
            if (!next.isComplete()) {
                next.onSuccess(goesOn -> {
                            if (goesOn) {
                                go();
                            } else {
                                done.complete();
                            }
                        })
                        .onFailure(done::fail);
                return;
            }
            if (next.failed()) {
                done.fail(next.cause());
                return;
            }
            if (!next.result()) {
                done.complete();
                return;
            }
        }
    }

    private Future<Boolean> asked() {
        return Future.<Void>succeededFuture().compose(unused -> turn.get()); // a turn that throws is one that fails
    }
}
