package io.taskpilot.journal;

import io.taskpilot.engine.RunReader.Check;
import io.taskpilot.engine.SealCopies;
import io.taskpilot.resilience.Loop;
import io.vertx.core.Future;
import io.vertx.sqlclient.Row;
import java.time.LocalDate;
import org.jspecify.annotations.Nullable;

/** Checks the seals in their order: each by itself, against the one before, its chains, and its copy. */
final class SealWalk {
    private static final int PAGE = 100;

    private static final String FIRST = "select first_day from sealing";

    private static final String SEALS = """
            select day, chains, rows, root, prev_hash, hash, copied_to = $3 as copied,
              exists (select 1 from retired_months m
                      where m.lower = uuid_at(date_trunc('month', day::timestamp) at time zone 'UTC')) as retired
            from seals where day > $1 order by day limit $2
            """;

    /** The day after the last seal is being sealed, perhaps; a later one can't be. */
    private static final String LISTED = "select min(day) as day from seal_heads where day > $1";

    private final Verifier.Reading reading;
    private final SealHash hash;
    private final CopyCheck copies;
    private LocalDate expected = LocalDate.EPOCH;
    private LocalDate after = LocalDate.EPOCH;
    private String prevHash = "";

    SealWalk(Verifier.Reading reading, SealHash hash, @Nullable SealCopies copies) {
        this.reading = reading;
        this.hash = hash;
        this.copies = new CopyCheck(copies, reading.findings());
    }

    Future<Void> go() {
        return reading.page(FIRST)
                .map(this::first)
                .compose(unused -> copies.begin())
                .compose(unused -> copies.before(expected))
                .compose(unused -> Loop.whileTrue(this::page))
                .compose(unused -> copies.after(expected))
                .compose(unused -> reading.page(LISTED, expected))
                .map(rows -> {
                    var listed = rows.iterator().next().getLocalDate("day");
                    if (listed != null) {
                        wrong("seals from %s on: missing, and chains are listed for %s".formatted(expected, listed));
                    }
                    return null;
                });
    }

    private @Nullable Void first(Iterable<Row> rows) {
        var only = rows.iterator();
        if (only.hasNext()) {
            expected = only.next().getLocalDate("first_day");
        } else {
            wrong("the first day with a seal is not known: the row of the table sealing is gone");
        }
        return null;
    }

    private Future<Boolean> page() {
        return reading.page(SEALS, after, PAGE, copies.storeName())
                .compose(rows -> Loop.each(rows, this::check).compose(unused -> reading.goOn(rows.size() == PAGE)));
    }

    private Future<Void> check(Row row) {
        var seal = SealHash.seal(row);
        var day = seal.day();
        if (day.isAfter(expected)) {
            var last = day.minusDays(1);
            wrong(
                    expected.equals(last)
                            ? "seal of %s: missing".formatted(last)
                            : "seals of %s to %s: missing".formatted(expected, last));
        } else if (day.isBefore(expected)) {
            wrong("seal of %s: inserted, sealing began on %s".formatted(day, expected));
        } else if (!seal.prevHash().equals(prevHash)) {
            wrong("seal of %s: does not follow the one before it: one of them was changed".formatted(day));
        }
        if (!seal.hash().equals(hash.of(seal))) {
            wrong("seal of %s: changed".formatted(day));
        }
        expected = day.plusDays(1);
        after = day;
        prevHash = seal.hash();
        reading.findings().seal(day);
        var heads = row.getBoolean("retired") ? Future.<Void>succeededFuture() : new HeadWalk(reading, seal).go();
        return heads.compose(unused -> copies.compare(seal, Boolean.TRUE.equals(row.getBoolean("copied"))));
    }

    private void wrong(String what) {
        reading.findings().wrong(Check.SEAL, what);
    }
}
