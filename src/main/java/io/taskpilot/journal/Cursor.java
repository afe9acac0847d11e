package io.taskpilot.journal;

import io.taskpilot.engine.RunReader.Page;
import io.taskpilot.engine.RunReader.PageRequest;
import io.taskpilot.resilience.Failure;
import io.vertx.sqlclient.Row;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Base64;
import java.util.UUID;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The last row of a page, as an opaque word: the next page is what comes after it, newest first.
 *
 * @param kind of list, so that a cursor of one is not taken for another's
 */
record Cursor(char kind, OffsetDateTime at, UUID id) {
    private static final int BYTES = 1 + Long.BYTES + 2 * Long.BYTES;
    private static final OffsetDateTime END = OffsetDateTime.of(9999, 1, 1, 0, 0, 0, 0, ZoneOffset.UTC);

    /** Before the newest row. */
    private static Cursor top(char kind) {
        return new Cursor(kind, END, new UUID(-1, -1));
    }

    /** @throws Failure {@code caller-invalid} when it is not one of ours, or the size is out of range */
    static Cursor of(char kind, PageRequest page) {
        if (page.size() < 1 || page.size() > 200) {
            throw Failure.invalid("#limit", page.size() + " (expected: 1..200)");
        }
        return page.cursor() == null ? top(kind) : parse(kind, page.cursor());
    }

    private static Cursor parse(char kind, String word) {
        ByteBuffer bytes;
        try {
            bytes = ByteBuffer.wrap(Base64.getUrlDecoder().decode(word));
        } catch (IllegalArgumentException e) {
            throw invalid();
        }
        if (bytes.remaining() != BYTES || bytes.get() != (byte) kind) {
            throw invalid();
        }
        var at = Instant.EPOCH.plus(bytes.getLong(), ChronoUnit.MICROS);
        if (at.isBefore(Instant.EPOCH) || at.isAfter(END.toInstant())) {
            throw invalid();
        }
        return new Cursor(kind, at.atOffset(ZoneOffset.UTC), new UUID(bytes.getLong(), bytes.getLong()));
    }

    private static Failure invalid() {
        return Failure.invalid("#cursor", "not a cursor of this list (expected: next_cursor of the page before)");
    }

    private String word() {
        var bytes = ByteBuffer.allocate(BYTES)
                .put((byte) kind)
                .putLong(ChronoUnit.MICROS.between(Instant.EPOCH, at.toInstant()))
                .putLong(id.getMostSignificantBits())
                .putLong(id.getLeastSignificantBits());
        return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes.array());
    }

    /** @param rows one more than the page's size was asked for, to know whether there is a next page */
    static <T> Page<T> page(char kind, int size, Iterable<Row> rows, Function<Row, T> view) {
        var items = new ArrayList<T>();
        @Nullable Cursor last = null;
        for (var row : rows) {
            if (items.size() == size && last != null) {
                return new Page<>(items, last.word());
            }
            items.add(view.apply(row));
            last = new Cursor(kind, row.get(OffsetDateTime.class, "created_at"), row.getUUID("id"));
        }
        return new Page<>(items, null);
    }
}
