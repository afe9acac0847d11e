package io.taskpilot.engine;

import io.taskpilot.resilience.BlockingIo;
import io.taskpilot.resilience.Failure;
import io.taskpilot.resilience.Limiter;
import io.taskpilot.run.Ids;
import io.taskpilot.run.Recorded;
import io.taskpilot.run.RunEvent;
import io.taskpilot.telemetry.StoreMetrics;
import io.vertx.core.Future;
import java.nio.file.Path;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The traces of finished runs in an object store. A trace passes through a temporary file, so its size costs no memory.
 * Safe to call from any event loop; futures complete on the caller's context.
 */
public final class TraceArchive {
    private static final Logger log = LoggerFactory.getLogger(TraceArchive.class);
    private static final DateTimeFormatter DAY =
            DateTimeFormatter.ofPattern("yyyy/MM/dd").withZone(ZoneOffset.UTC);
    private static final int PAGE = 200;
    private static final int READS = 8;

    private final WatchedStore store;
    private final BlockingIo blocking;
    private final StoreMetrics metrics;
    private final Limiter reads = new Limiter("archive", READS);

    public TraceArchive(WatchedStore store, BlockingIo blocking, StoreMetrics metrics) {
        this.store = store;
        this.blocking = blocking;
        this.metrics = metrics;
    }

    /** Of the store. */
    String name() {
        return store.name();
    }

    /** By the date of the run's id: {@code traces/2026/11/24/<run>.jsonl.gz}. */
    static String key(UUID runId) {
        return "traces/%s/run_%s.jsonl.gz".formatted(DAY.format(Instant.ofEpochMilli(Ids.unixMillis(runId))), runId);
    }

    /** Whether the store can be used. Never fails: a store that is away costs the archive, not the server. */
    public Future<Boolean> check() {
        return store.check();
    }

    /** Events of an archived run, as {@link RunReader#events} gives them. */
    public Future<List<Recorded>> events(UUID runId, String sha256, long after, int limit) {
        return reads.run(() -> withFile(file -> fetched(runId, sha256, file, after, limit)));
    }

    /**
     * Writes a finished run's trace, stores it and reads it back.
     *
     * @return its checksum, once what is stored has it
     */
    Future<String> store(UUID runId, RunReader reader, Future<List<Map<String, Object>>> decisions) {
        return withFile(file -> blocking.run(() -> new TraceFile.Writer(file))
                .compose(writer -> writeEvents(runId, reader, writer, 0, 1)
                        .compose(unused -> decisions)
                        .compose(lines -> write(writer, lines))
                        .compose(unused -> blocking.run(writer::checksum))
                        .recover(cause -> closed(writer).transform(unused -> Future.failedFuture(cause))))
                .compose(sha256 -> kept(runId, sha256, file).map(sha256)));
    }

    /** Only what was read back says that the store works. */
    private Future<?> kept(UUID runId, String sha256, Path file) {
        return store.put(key(runId), file)
                .compose(unused -> fetched(runId, sha256, file, 0, 0))
                .onFailure(store::lost);
    }

    Future<Void> delete(UUID runId) {
        return store.delete(key(runId));
    }

    private Future<Void> writeEvents(UUID runId, RunReader reader, TraceFile.Writer writer, long after, int attempt) {
        return reader.events(runId, after, PAGE).compose(events -> {
            var lines = new ArrayList<Map<String, Object>>(events.size());
            var now = attempt;
            for (var event : events) {
                now += event.event() instanceof RunEvent.Resumed resumed
                                && resumed.cause().equals("node_dead")
                        ? 1
                        : 0;
                lines.add(TraceJson.event(runId, event, now));
            }
            var reached = now;
            return write(writer, lines)
                    .compose(unused -> events.size() < PAGE
                            ? Future.succeededFuture()
                            : writeEvents(
                                    runId, reader, writer, events.get(PAGE - 1).seq(), reached));
        });
    }

    private Future<Void> write(TraceFile.Writer writer, List<Map<String, Object>> lines) {
        return blocking.run(() -> {
            writer.lines(lines);
            return null;
        });
    }

    private Future<Void> closed(TraceFile.Writer writer) {
        return blocking.run(() -> {
            writer.close();
            return null;
        });
    }

    private Future<List<Recorded>> fetched(UUID runId, String sha256, Path file, long after, int limit) {
        return store.get(key(runId), file)
                .compose(unused -> blocking.run(() -> TraceFile.events(file, sha256, after, limit)))
                .onSuccess(unused -> store.worked())
                .recover(cause -> {
                    if (cause instanceof TraceFile.Corrupt) {
                        log.error("archived trace is corrupt run_id={}", runId, cause);
                        metrics.trace("corrupt");
                        return Future.failedFuture(Failure.internal("internal-archive", cause));
                    }
                    return Future.failedFuture(cause);
                });
    }

    private <T> Future<T> withFile(Function<Path, Future<T>> work) {
        return ScratchFile.use(blocking, ".jsonl.gz", work);
    }
}
