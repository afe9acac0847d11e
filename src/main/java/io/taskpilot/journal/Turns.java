package io.taskpilot.journal;

import io.taskpilot.engine.Journal.LostRun;
import io.taskpilot.resilience.Failure;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;

/**
 * One append of a run at a time: a statement writes the events of all appends of the runs that it moved. A node that was
 * declared dead may claim its own run back while an append from before still hangs; the new one waits for its end.
 */
final class Turns {
    private final Map<UUID, Turn> last = new ConcurrentHashMap<>();

    private record Turn(long fence, Future<Void> end) {}

    /** Two appends of one owner at once are a bug of ours; that of an earlier owner comes too late. */
    <T> Future<T> take(UUID runId, long fence, Supplier<Future<T>> append) {
        var end = Promise.<Void>promise();
        var mine = new Turn(fence, end.future());
        while (true) {
            var earlier = last.putIfAbsent(runId, mine);
            if (earlier == null) {
                return ended(runId, mine, end, append.get());
            }
            if (earlier.fence == fence) {
                return Future.failedFuture(Failure.internal(
                        "internal-journal", new IllegalStateException("two appends at once for run " + runId)));
            }
            if (earlier.fence > fence) {
                return Future.failedFuture(new LostRun(runId));
            }
            if (last.replace(runId, earlier, mine)) {
                return ended(runId, mine, end, onCaller(earlier.end).compose(unused -> append.get()));
            }
        }
    }

    private static Future<Boolean> onCaller(Future<Void> end) {
        var heard = new CallerPromise<Boolean>();
        end.onComplete(unused -> heard.complete(true));
        return heard.future();
    }

    private <T> Future<T> ended(UUID runId, Turn mine, Promise<Void> end, Future<T> append) {
        return append.andThen((value, error) -> {
            last.remove(runId, mine);
            end.complete();
        });
    }

    int size() {
        return last.size();
    }
}
