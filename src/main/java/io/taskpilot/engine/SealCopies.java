package io.taskpilot.engine;

import io.taskpilot.resilience.BlockingIo;
import io.taskpilot.resilience.Failure;
import io.vertx.core.Future;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.format.DateTimeFormatter;
import org.jspecify.annotations.Nullable;

/**
 * Copies of the seals in the object store, {@code seals/2026/11/25.json}: what the database is compared with. A copy is
 * written once and never replaced. Safe to call from any event loop; futures complete on the caller's context, and fail
 * with {@code archive-unavailable} while the store is away.
 */
public final class SealCopies {
    private static final DateTimeFormatter DAY = DateTimeFormatter.ofPattern("'seals/'yyyy/MM/dd'.json'");
    private static final int LARGEST = 64 * 1024;

    private final WatchedStore store;
    private final BlockingIo blocking;
    private final boolean lasting;

    /** What the store has of a day. */
    public enum Match {
        SAME,
        /** A copy of another seal, or something else. */
        OTHER,
        ABSENT
    }

    /** @param lasting every node sees the same store; else a copy may be on another one */
    public SealCopies(WatchedStore store, BlockingIo blocking, boolean lasting) {
        this.store = store;
        this.blocking = blocking;
        this.lasting = lasting;
    }

    /** Whether every copy that was made must be here. */
    public boolean isLasting() {
        return lasting;
    }

    /** Names the store. */
    public String storeName() {
        return store.name();
    }

    /** Whether the store can be asked. Never fails. */
    public Future<Boolean> check() {
        return store.check();
    }

    static String key(LocalDate day) {
        return DAY.format(day);
    }

    /** @param seal null for a day that has none */
    public Future<Match> compare(LocalDate day, @Nullable Seal seal) {
        return ScratchFile.use(
                blocking,
                ".json",
                file -> store.get(key(day), file)
                        .compose(unused -> blocking.run(() -> text(file)))
                        .map(text -> seal != null && seal.equals(Seal.parse(text)) ? Match.SAME : Match.OTHER)
                        .onSuccess(match -> {
                            if (match == Match.SAME) {
                                store.worked();
                            }
                        })
                        .recover(SealCopies::absent));
    }

    private static Future<Match> absent(Throwable cause) {
        return cause instanceof Failure failure && failure.slug().equals("internal-archive")
                ? Future.succeededFuture(Match.ABSENT)
                : Future.failedFuture(cause);
    }

    /** What is longer than any copy, or no text, is no copy: its beginning does not parse either. */
    private static String text(Path file) throws IOException {
        try (var in = Files.newInputStream(file)) {
            return StandardCharsets.UTF_8
                    .decode(ByteBuffer.wrap(in.readNBytes(LARGEST)))
                    .toString();
        }
    }

    /** Writes the copy unless there is one, and reads it back: {@code SAME} once it is there. */
    Future<Match> store(Seal seal) {
        return compare(seal.day(), seal)
                .compose(match -> match == Match.ABSENT
                        ? put(seal).compose(unused -> readBack(seal))
                        : Future.succeededFuture(match));
    }

    private Future<Match> readBack(Seal seal) {
        return compare(seal.day(), seal).compose(match -> {
            if (match == Match.ABSENT) { // a store that loses what it took: to be tried again
                var lost = Failure.of(
                        Failure.Kind.UNAVAILABLE,
                        "archive-unavailable",
                        "the object store took %s and does not have it".formatted(key(seal.day())));
                store.lost(lost);
                return Future.failedFuture(lost);
            }
            return Future.succeededFuture(match);
        });
    }

    private Future<Void> put(Seal seal) {
        return ScratchFile.use(
                blocking,
                ".json",
                file -> blocking.run(() -> Files.writeString(file, seal.text()))
                        .compose(written -> store.put(key(seal.day()), file)));
    }
}
