package io.taskpilot.journal;

import io.taskpilot.config.Secret;
import io.taskpilot.engine.Seal;
import io.taskpilot.engine.Seals;
import io.vertx.core.Future;
import io.vertx.sqlclient.Row;
import io.vertx.sqlclient.Tuple;
import java.time.Duration;
import java.time.LocalDate;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Seals in PostgreSQL. The right to seal is the lock of a session, which ends with the turn. */
public final class PgSeals implements Seals {
    private static final int PAGE = 1_000;

    private static final String STATE = """
            select next, (next + 1)::timestamp at time zone 'UTC' + $1::int8 * interval '1 millisecond'
                <= clock_timestamp() as due, (select count(*) from seals where copied_to is distinct from $2) as uncopied
            from (select coalesce((select max(day) + 1 from seals), (select first_day from sealing)) as next) as day
            """;

    private static final String UNCOPIED = """
            select day, chains, rows, root, prev_hash, hash from seals
            where copied_to is distinct from $3 and ($1::date is null or day > $1) order by day limit $2
            """;

    private static final String COPIED = "update seals set copied_to = $2 where day = $1";

    private final Database database;
    private final SealHash hash;
    private final String store;
    private final int page;

    /**
     * @param chainKey the key that the decisions are hashed with, or null
     * @param store names the object store that the copies go to: another one has none of them yet
     */
    public PgSeals(Database database, @Nullable Secret chainKey, String store) {
        this(database, chainKey, store, PAGE);
    }

    /** @param page how many chains a statement takes on */
    PgSeals(Database database, @Nullable Secret chainKey, String store, int page) {
        this.database = database;
        this.hash = new SealHash(chainKey);
        this.store = store;
        this.page = page;
    }

    @Override
    public Future<State> state(Duration margin) {
        return database.shared()
                .run(STATE, Tuple.of(margin.toMillis(), store))
                .recover(PgErrors::failed)
                .map(rows -> state(rows.iterator().next()));
    }

    private static State state(Row row) {
        var next = row.getLocalDate("next");
        if (next == null) {
            throw new IllegalStateException("no day to begin with (expected: a row in the table sealing)");
        }
        return new State(next, row.getBoolean("due"), row.getLong("uncopied"));
    }

    @Override
    public Future<@Nullable Turn> turn() {
        return LockedSession.open(database, "taskpilot.seal")
                .map(session -> session == null ? null : new Sealing(session));
    }

    /** One connection, for one turn. */
    private final class Sealing implements Turn {
        private final LockedSession session;

        Sealing(LockedSession session) {
            this.session = session;
        }

        @Override
        public Future<State> state(Duration margin) {
            return session.run(STATE, margin.toMillis(), store)
                    .map(rows -> PgSeals.state(rows.iterator().next()));
        }

        @Override
        public Future<Seal> seal(LocalDate day) {
            return new DaySealing(session, hash, day, page).run();
        }

        @Override
        public Future<List<Seal>> uncopied(@Nullable LocalDate after, int max) {
            return session.run(UNCOPIED, after, max, store).map(LockedSession.all(SealHash::seal));
        }

        @Override
        public Future<Void> copied(LocalDate day) {
            return session.run(COPIED, day, store).mapEmpty();
        }

        @Override
        public Future<Void> end() {
            return session.end();
        }
    }
}
