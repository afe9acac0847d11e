package io.taskpilot.journal;

import io.taskpilot.engine.Journal.Creation;
import io.taskpilot.engine.Journal.IdempotencyKey;
import io.taskpilot.resilience.Failure;
import io.taskpilot.run.EventCodec;
import io.taskpilot.run.RunEvent;
import io.taskpilot.run.RunRequest;
import io.vertx.sqlclient.Row;
import java.time.Duration;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** A run to be created, that somebody waits to hear of. */
final class Submitted implements GroupCommit.Entry {
    /** Decided once, by whoever comes first: a run that was created and refused would be nobody's. */
    private enum Fate {
        OPEN,
        CREATED,
        ABANDONED
    }

    final RunRequest request;
    final UUID runId;
    final UUID appendId = UUID.randomUUID();
    final @Nullable IdempotencyKey key;
    final @Nullable UUID owner;
    final String data;
    final CallerPromise<Creation> promise = new CallerPromise<>();
    private final AtomicReference<Fate> fate = new AtomicReference<>(Fate.OPEN);
    private final Consumer<UUID> failed;
    private boolean inDoubt;

    /** @param failed told the run's id when it will not be sent again */
    Submitted(RunRequest request, @Nullable IdempotencyKey key, @Nullable UUID owner, Consumer<UUID> failed) {
        this.request = request;
        this.runId = request.runId();
        this.key = key;
        this.owner = owner;
        this.failed = failed;
        this.data = JsonText.encode(EventCodec.data(new RunEvent.Accepted(request)));
    }

    void abandon(Duration waited) {
        if (fate.compareAndSet(Fate.OPEN, Fate.ABANDONED)) {
            promise.fail(
                    PgErrors.away(new IllegalStateException("no commit within %d s".formatted(waited.toSeconds()))));
        }
    }

    /** True when somebody still waits for it, and from then on will. */
    boolean isHeldOn() {
        return fate.compareAndSet(Fate.OPEN, Fate.CREATED) || fate.get() == Fate.CREATED;
    }

    void replay(Row row) {
        if (key != null && key.bodySha256().equals(row.getString("body_sha256"))) {
            promise.complete(
                    new Creation(row.getUUID("run_id"), true, row.getLong("fence"), Creations.at(row, "replayed_at")));
        } else {
            promise.fail(Failure.of(
                    Failure.Kind.UNPROCESSABLE,
                    "caller-idempotency-key-reused",
                    "the Idempotency-Key was used for another body"));
        }
    }

    @Override
    public int rows() {
        return 2;
    }

    @Override
    public long bytes() {
        return 1_000L + data.length() * 2L;
    }

    /** Committed: whatever error comes next, it must be found again and accepted, or taken back. */
    void isThere() {
        inDoubt = true;
    }

    @Override
    public void fail(Throwable cause) {
        failed.accept(runId);
        promise.fail(cause);
    }

    @Override
    public boolean isDropped() {
        return fate.get() == Fate.ABANDONED && !inDoubt;
    }

    @Override
    public boolean givesUp(Throwable error) {
        inDoubt |= PgErrors.outcomeUnknown(error);
        if (!inDoubt) {
            fail(PgErrors.away(error));
        }
        return !inDoubt;
    }
}
