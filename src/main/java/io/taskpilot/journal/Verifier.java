package io.taskpilot.journal;

import io.taskpilot.engine.RunReader.Progress;
import io.taskpilot.engine.RunReader.Verification;
import io.taskpilot.engine.SealCopies;
import io.vertx.core.Future;
import io.vertx.sqlclient.Row;
import io.vertx.sqlclient.RowSet;
import io.vertx.sqlclient.Tuple;
import java.util.UUID;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Verifies the decision log: reads it by key, page by page, and holds no transaction. */
final class Verifier {
    static final UUID LOWEST = new UUID(0, 0);

    private final Database database;
    private final DecisionChain chain;
    private final SealHash sealHash;
    private final @Nullable SealCopies copies;

    /** @param copies null where there is no object store to compare with */
    Verifier(Database database, DecisionChain chain, SealHash sealHash, @Nullable SealCopies copies) {
        this.database = database;
        this.chain = chain;
        this.sealHash = sealHash;
        this.copies = copies;
    }

    /** What one verification reads with, and where it writes what it sees. */
    record Reading(Sql sql, Findings findings, Function<Progress, Future<Void>> progress) {
        Future<RowSet<Row>> page(String query, @Nullable Object... parameters) {
            var tuple = Tuple.tuple();
            for (var parameter : parameters) {
                tuple.addValue(parameter);
            }
            return sql.run(query, tuple).recover(PgErrors::failed);
        }

        /** Ends a page, and with it the turn of a loop. */
        Future<Boolean> goOn(boolean more) {
            return progress.apply(findings.progress()).map(more);
        }
    }

    /** @param runId null for all */
    Future<Verification> verify(@Nullable UUID runId, Function<Progress, Future<Void>> progress) {
        return months().compose(before -> {
            var reading = new Reading(database.shared(), new Findings(), progress);
            return walk(reading, runId)
                    .compose(unused -> months())
                    // a month that was dropped meanwhile looks like decisions that are missing
                    .compose(after -> after.equals(before)
                            ? Future.succeededFuture(reading.findings().verification())
                            : verify(runId, progress));
        });
    }

    private Future<Void> walk(Reading reading, @Nullable UUID runId) {
        return new ChainWalk(reading, chain, runId)
                .go()
                .compose(unused -> new RunWalk(reading, runId).go())
                .compose(unused -> runId == null
                        ? new OtherWalk(reading).go().compose(walked -> new SealWalk(reading, sealHash, copies).go())
                        : HeadWalk.ofChain(reading, runId));
    }

    private Future<Long> months() {
        return database.shared()
                .run("select count(*) from retired_months")
                .recover(PgErrors::failed)
                .map(rows -> rows.iterator().next().getLong(0));
    }
}
