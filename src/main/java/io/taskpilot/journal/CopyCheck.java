package io.taskpilot.journal;

import io.taskpilot.engine.RunReader.Check;
import io.taskpilot.engine.Seal;
import io.taskpilot.engine.SealCopies;
import io.taskpilot.engine.SealCopies.Match;
import io.taskpilot.resilience.Failure;
import io.taskpilot.resilience.Loop;
import io.vertx.core.Future;
import java.time.LocalDate;
import org.jspecify.annotations.Nullable;

/** Compares seals with their copies, which nobody can change by way of the database. */
final class CopyCheck {
    private static final int FARTHEST = 400;

    private final @Nullable SealCopies copies;
    private final Findings findings;
    private LocalDate probed = LocalDate.EPOCH;
    private boolean away;

    CopyCheck(@Nullable SealCopies copies, Findings findings) {
        this.copies = copies;
        this.findings = findings;
    }

    /** Names the store; empty for none. */
    String storeName() {
        return copies == null ? "" : copies.storeName();
    }

    /** A store that talks nonsense has no copies to compare with. */
    Future<Void> begin() {
        return copies == null
                ? Future.succeededFuture()
                : copies.check().map(there -> {
                    away = !there;
                    return null;
                });
    }

    /** @param copied whether the database says that this store has a copy */
    Future<Void> compare(Seal seal, boolean copied) {
        return look(seal.day(), seal, copied).map(match -> {
            if (match == null) {
                return null;
            }
            if (match == Match.OTHER) {
                wrong("seal of %s: is not what its copy in the object store says".formatted(seal.day()));
            } else if (match == Match.ABSENT && copied && copies != null && copies.isLasting()) {
                wrong("seal of %s: its copy in the object store is gone".formatted(seal.day()));
            }
            if (match != Match.ABSENT) {
                findings.copy();
            }
            return null;
        });
    }

    /** The store must have no seal from before the first day. */
    Future<Void> before(LocalDate first) {
        return isThere(first.minusDays(1)).mapEmpty();
    }

    /** Nor of days after the last seal. */
    Future<Void> after(LocalDate next) {
        probed = next;
        return Loop.whileTrue(() -> isThere(probed).map(there -> {
            probed = probed.plusDays(1);
            return there && probed.isBefore(next.plusDays(FARTHEST));
        }));
    }

    private Future<Boolean> isThere(LocalDate day) {
        return look(day, null, false).map(match -> {
            var there = match != null && match != Match.ABSENT;
            if (there) {
                wrong("seal of %s: missing, and the object store has a copy of it".formatted(day));
            }
            return there;
        });
    }

    /** Null when nobody can tell; asks a store that is away only once. */
    private Future<@Nullable Match> look(LocalDate day, @Nullable Seal seal, boolean copied) {
        if (copies == null) {
            return Future.succeededFuture();
        }
        if (away) {
            unread(copied);
            return Future.succeededFuture();
        }
        return copies.compare(day, seal).recover(cause -> {
            if (!(cause instanceof Failure failure) || failure.kind() != Failure.Kind.UNAVAILABLE) {
                return Future.failedFuture(cause);
            }
            away = true;
            unread(copied);
            return Future.succeededFuture();
        });
    }

    private void unread(boolean copied) {
        if (copied) {
            findings.unreadCopy();
        }
    }

    private void wrong(String what) {
        findings.wrong(Check.COPY, what);
    }
}
