package io.taskpilot.journal;

import io.taskpilot.engine.Announcements;
import io.taskpilot.engine.RunReader.ApprovalView;
import io.taskpilot.run.Attempt;
import io.vertx.core.Future;
import io.vertx.sqlclient.Tuple;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;

/** Approvals to announce, in the approvals table: no node has to remember what it has not delivered yet. */
public final class PgAnnouncements implements Announcements {
    private static final String TAKE = """
            with due as (
              select id from approvals
              where status = 'pending' and announce_at <= clock_timestamp() and expires_at > clock_timestamp()
              order by announce_at
              limit $1
              for update skip locked
            )
            update approvals set announce_at = clock_timestamp() + $2::int8 * interval '1 ms'
            where id in (select id from due)
            returning %s
            """.formatted(Rows.APPROVAL);

    private static final String TRIED = """
            update approvals set
              announce_at = case when $2 then null else announce_at end,
              announcement = (
                select jsonb_agg(kept.attempt order by kept.place)
                from (
                  select attempt, place
                  from jsonb_array_elements(coalesce(announcement, '[]') || $3::text::jsonb)
                    with ordinality as tries(attempt, place)
                  order by place desc
                  limit $4
                ) as kept
              )
            where id = $1
            """;

    private final Database database;

    public PgAnnouncements(Database database) {
        this.database = database;
    }

    @Override
    public Future<List<ApprovalView>> take(int max, Duration pause) {
        return database.shared()
                .run(TAKE, Tuple.of(max, pause.toMillis()))
                .recover(PgErrors::failed)
                .map(rows -> {
                    var due = new ArrayList<ApprovalView>(rows.size());
                    rows.forEach(row -> due.add(Rows.approval(row)));
                    return due;
                });
    }

    @Override
    public Future<Void> tried(UUID approvalId, List<Attempt> attempts, boolean told) {
        var json = JsonText.encode(attempts.stream().map(Attempt::json).toList());
        return database.shared()
                .run(TRIED, Tuple.of(approvalId, told, json, Attempt.MOST))
                .recover(PgErrors::failed)
                .mapEmpty();
    }
}
