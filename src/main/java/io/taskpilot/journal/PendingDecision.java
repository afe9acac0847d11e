package io.taskpilot.journal;

import io.taskpilot.engine.IngressLog.Entry;
import io.taskpilot.engine.RunReader.DecisionView;
import io.taskpilot.journal.DecisionChain.Link;
import io.vertx.core.Future;
import io.vertx.sqlclient.Row;
import java.time.Duration;
import java.time.Instant;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * A decision of no run that somebody waits for. Once it was sent it stays with its writer, as its place in the chain may
 * be taken, also when nobody waits any more. The link is the writer's.
 */
final class PendingDecision implements GroupCommit.Entry {
    private static final long ROW_BYTES = 1_000;

    private enum Fate {
        OPEN,
        SENT,
        /** Committed, refused, or given up before it was sent. */
        OVER
    }

    private final Entry entry;
    private final Runnable over;
    private final CallerPromise<Boolean> promise = new CallerPromise<>();
    private final AtomicReference<Fate> fate = new AtomicReference<>(Fate.OPEN);
    private @Nullable Link link;

    /** @param over called once, on any thread, when it takes up no room any more */
    PendingDecision(Entry entry, Runnable over) {
        this.entry = entry;
        this.over = over;
    }

    Future<Boolean> committed() {
        return promise.future();
    }

    /** To be asked when it is about to be sent. */
    boolean isWanted() {
        return fate.compareAndSet(Fate.OPEN, Fate.SENT) || fate.get() == Fate.SENT;
    }

    DecisionView view(UUID chainId, Instant at) {
        return new DecisionView(
                DecisionChain.clean(entry.decision()),
                chainId,
                null,
                JsonText.clean(entry.requestId()),
                entry.traceId(),
                JsonText.clean(entry.tenant()),
                JsonText.clean(entry.principal()),
                at,
                "",
                "");
    }

    boolean isLinked() {
        return link != null;
    }

    Link link() {
        if (link == null) {
            throw new IllegalStateException("not linked");
        }
        return link;
    }

    void link(Link place) {
        link = place;
    }

    void unlink() {
        link = null;
    }

    boolean isStoredAs(Row row) {
        return link().view().decision().id().equals(row.getUUID("id"))
                && link().view().hash().equals(row.getString("hash"));
    }

    void commit() {
        end();
        promise.complete(true);
    }

    /** Its caller waits no longer. */
    void abandon(Duration waited) {
        if (fate.compareAndSet(Fate.OPEN, Fate.OVER)) {
            over.run();
        }
        promise.fail(PgErrors.away(new IllegalStateException("no commit within %d s".formatted(waited.toSeconds()))));
    }

    private void end() {
        if (fate.getAndSet(Fate.OVER) != Fate.OVER) {
            over.run();
        }
    }

    @Override
    public int rows() {
        return 1;
    }

    @Override
    public long bytes() {
        return ROW_BYTES;
    }

    @Override
    public void fail(Throwable cause) {
        end();
        promise.fail(cause);
    }

    @Override
    public boolean isDropped() {
        return fate.get() == Fate.OVER;
    }

    @Override
    public boolean givesUp(Throwable error) {
        return isDropped();
    }
}
