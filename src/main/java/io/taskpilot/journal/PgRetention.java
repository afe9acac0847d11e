package io.taskpilot.journal;

import io.taskpilot.engine.Retention;
import io.taskpilot.engine.RunReader.DecisionView;
import io.vertx.core.Future;
import io.vertx.pgclient.PgException;
import io.vertx.sqlclient.Tuple;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Retention in PostgreSQL. The right to archive is the lock of a session, which ends with the turn. */
public final class PgRetention implements Retention {
    private static final UUID LOWEST = new UUID(0, 0);

    private static final String HEADROOM =
            "select (extract(epoch from max(ends) - now()) / 86400)::float8 from partition_months()";

    /** By three ranges, as an index knows no "is distinct from". */
    private static final String DISOWN = """
            update runs set archived_at = null, archive_sha256 = null, archive_store = null
            where id in (
              select r.id
              from runs r join partition_months() m on r.id >= uuid_at(m.starts) and r.id < uuid_at(m.ends)
              where r.archived_at is not null
                and (r.archive_store < $1 or r.archive_store > $1 or r.archive_store is null)
              limit $2)
            """;

    private static final String UNARCHIVED = """
            select id from runs
            where archived_at is null and id > $2
              and finished_at <= clock_timestamp() - $1::int8 * interval '1 millisecond'
            order by id limit $3
            """;

    private static final String DECISIONS =
            "select " + Rows.DECISION + " from decisions d where chain_id = $1 order by position";

    private static final String ARCHIVED = """
            update runs set archived_at = clock_timestamp(), archive_sha256 = $2, archive_store = $3
            where id = $1 and finished_at is not null
            """;

    private static final String OLD_MONTHS = """
            select suffix from partition_months()
            where ends <= now() - $1::int8 * interval '1 millisecond'
              and ends < date_trunc('month', now() at time zone 'UTC') at time zone 'UTC'
            order by starts
            """;

    private static final String EXPIRED = """
            select id from runs
            where archived_at is not null and id > $2
              and id < least(first_partition(), uuid_at(now() - $1::int8 * interval '1 millisecond'))
            order by id limit $3
            """;

    private static final String FORGET = """
            with run as (delete from runs where id = $1 and archived_at is not null returning id),
            f as (delete from feedback using run where run_id = run.id),
            a as (delete from approvals using run where run_id = run.id),
            k as (delete from idempotency_keys using run where run_id = run.id)
            delete from tasks using run
            where run_id = run.id and updated_at < clock_timestamp() - $2::int8 * interval '1 millisecond'
            """;

    private final Database database;

    public PgRetention(Database database) {
        this.database = database;
    }

    @Override
    public Future<Double> headroomDays() {
        return database.shared()
                .run(HEADROOM)
                .recover(PgErrors::failed)
                .map(rows -> rows.iterator().next().getDouble(0));
    }

    @Override
    public Future<@Nullable Turn> turn() {
        return LockedSession.open(database, "taskpilot.archive")
                .map(session -> session == null ? null : new Archiving(session));
    }

    /** One connection, for one turn. */
    private static final class Archiving implements Turn {
        private final LockedSession session;

        Archiving(LockedSession session) {
            this.session = session;
        }

        @Override
        public Future<List<UUID>> unarchived(Duration ended, @Nullable UUID after, int max) {
            return session.run(UNARCHIVED, ended.toMillis(), after == null ? LOWEST : after, max)
                    .map(LockedSession.all(row -> row.getUUID(0)));
        }

        @Override
        public Future<List<DecisionView>> decisions(UUID runId) {
            return session.run(DECISIONS, runId)
                    .map(LockedSession.all(row -> Rows.decision(row).view()));
        }

        @Override
        public Future<Integer> disown(String otherThan, int max) {
            return session.run(DISOWN, otherThan, max).map(rows -> rows.rowCount());
        }

        @Override
        public Future<Void> archived(UUID runId, String sha256, String store) {
            return session.run(ARCHIVED, runId, sha256, store).mapEmpty();
        }

        @Override
        public Future<List<String>> oldMonths(Duration ended) {
            return session.run(OLD_MONTHS, ended.toMillis()).map(LockedSession.all(row -> row.getString(0)));
        }

        @Override
        public Future<Boolean> drop(String month) {
            return session.asked("select drop_month($1)", Tuple.of(month))
                    .map(rows -> rows.iterator().next().getBoolean(0))
                    .recover(cause -> cause instanceof PgException && PgErrors.meaning(cause) == PgErrors.Meaning.RACE
                            ? Future.succeededFuture(false)
                            : PgErrors.failed(cause));
        }

        @Override
        public Future<List<UUID>> expired(Duration age, @Nullable UUID after, int max) {
            return session.run(EXPIRED, age.toMillis(), after == null ? LOWEST : after, max)
                    .map(LockedSession.all(row -> row.getUUID(0)));
        }

        @Override
        public Future<Void> forget(UUID runId, Duration age) {
            return session.run(FORGET, runId, age.toMillis()).mapEmpty();
        }

        @Override
        public Future<Void> end() {
            return session.end();
        }
    }
}
