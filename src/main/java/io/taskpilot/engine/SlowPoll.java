package io.taskpilot.engine;

import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Finds what signals did not tell: every 2 s one query for all runs that this node watches, however many, and only
 * those that moved are read. Thread-safe.
 */
public final class SlowPoll {
    private static final Logger log = LoggerFactory.getLogger(SlowPoll.class);
    private static final long MILLIS = 2_000;

    private final Vertx vertx;
    private final Context context;
    private final RunReader reader;
    private final Set<RunWatch> watches = ConcurrentHashMap.newKeySet();

    /** Polls until {@code vertx} is closed, and whenever signals may have been lost. */
    public SlowPoll(Vertx vertx, RunReader reader, Signals signals) {
        this.vertx = vertx;
        this.context = vertx.getOrCreateContext();
        this.reader = reader;
        signals.onMissed(() -> context.runOnContext(unused -> look()));
        context.runOnContext(unused -> later());
    }

    void add(RunWatch watch) {
        watches.add(watch);
    }

    void remove(RunWatch watch) {
        watches.remove(watch);
    }

    private void later() {
        vertx.setTimer(MILLIS, unused -> look().onComplete(done -> later()));
    }

    private Future<Void> look() {
        if (watches.isEmpty()) {
            return Future.succeededFuture();
        }
        var runIds = watches.stream().map(RunWatch::runId).collect(Collectors.toSet());
        return reader.lastSeqs(runIds)
                .onSuccess(runToSeq -> watches.forEach(watch -> {
                    if (runIds.contains(watch.runId())) {
                        watch.reached(runToSeq.getOrDefault(watch.runId(), Long.MAX_VALUE)); // gone: its reader says so
                    }
                }))
                .onFailure(cause -> log.debug("watched runs could not be polled cause={}", cause.toString()))
                .mapEmpty();
    }
}
