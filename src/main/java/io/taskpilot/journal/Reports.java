package io.taskpilot.journal;

import io.taskpilot.engine.RunReader.CostLine;
import io.taskpilot.engine.RunReader.GoldenSignals;
import io.taskpilot.resilience.Failure;
import io.taskpilot.run.Usage;
import io.vertx.core.Future;
import io.vertx.sqlclient.Tuple;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/** Sums over runs, and what people say of them. */
final class Reports {
    private static final Map<String, String> KEYS =
            Map.of("agent", "e.data->>'agent'", "model", "e.data->>'model'", "tenant", "r.tenant");

    /** From the events themselves: a model call's cost is counted when it happened, also in a run that goes on. */
    private static final String COST = """
            select %s as key, count(distinct e.run_id) as runs,
              sum((e.data->'usage'->>'input_tokens')::int8)::int8 as input_tokens,
              sum((e.data->'usage'->>'output_tokens')::int8)::int8 as output_tokens,
              sum((e.data->'usage'->>'cost_usd')::float8) as cost_usd
            from events e join runs r on r.id = e.run_id
            where e.type = 'agent.completed' and e.at >= $1
            group by 1 order by cost_usd desc, key
            """;

    /** Of the runs that ended in the period; a run's time is from accepted to terminal, without what it was parked. */
    private static final String GOLDEN = """
            with ended as (
              select id, status, cost_usd, extract(epoch from finished_at - created_at) - parked_ms / 1000.0 as seconds
              from runs where created_at >= $1 and finished_at is not null
            ), verdicts as (
              select count(*) as all_of_them, count(*) filter (where result = 'deny') as denied
              from decisions where created_at >= $1 and decision_type = 'tool_call'
            ), last_words as (
              select count(*) as all_of_them, count(*) filter (where f.correct) as correct
              from feedback f join ended on ended.id = f.run_id
            )
            select (select count(*) from runs where created_at >= $1) as runs,
              (select avg((status = 'succeeded')::int)::float8 from ended) as success_rate,
              (select percentile_cont(0.95) within group (order by seconds)::float8 from ended) as p95,
              (select sum(cost_usd) / nullif(count(*) filter (where status = 'succeeded'), 0) from ended) as cost,
              (select denied::float8 / nullif(all_of_them, 0) from verdicts) as violations,
              (select correct::float8 / nullif(all_of_them, 0) from last_words) as correct
            """;

    private static final String FEEDBACK = """
            with ended as (select id from runs where id = $1 and finished_at is not null),
            said as (
              insert into feedback (run_id, principal, correct, comment, at)
              select id, $2, $3, $4, clock_timestamp() from ended
              on conflict (run_id, principal) do update
                set correct = excluded.correct, comment = excluded.comment, at = excluded.at
            )
            select exists (select 1 from ended) as ended, exists (select 1 from runs where id = $1) as known
            """;

    private final Database database;

    Reports(Database database) {
        this.database = database;
    }

    Future<List<CostLine>> cost(Instant since, String by) {
        var key = KEYS.get(by);
        if (key == null) {
            return Future.failedFuture(Failure.invalid("#by", by + " (expected: agent, model or tenant)"));
        }
        return database.shared()
                .run(COST.formatted(key), Tuple.of(PgRunReader.time(since)))
                .recover(PgErrors::failed)
                .map(rows -> {
                    var lines = new ArrayList<CostLine>();
                    for (var row : rows) {
                        var usage = new Usage(
                                row.getLong("input_tokens"), row.getLong("output_tokens"), row.getDouble("cost_usd"));
                        lines.add(new CostLine(row.getString("key"), row.getLong("runs"), usage));
                    }
                    return lines;
                });
    }

    Future<GoldenSignals> goldenSignals(Instant since) {
        return database.shared()
                .run(GOLDEN, Tuple.of(PgRunReader.time(since)))
                .recover(PgErrors::failed)
                .map(rows -> {
                    var row = rows.iterator().next();
                    return new GoldenSignals(
                            row.getLong("runs"),
                            row.getDouble("success_rate"),
                            row.getDouble("p95"),
                            row.getDouble("cost"),
                            row.getDouble("violations"),
                            row.getDouble("correct"));
                });
    }

    Future<Void> feedback(UUID runId, String principal, boolean correct, String comment) {
        return database.shared()
                .run(FEEDBACK, Tuple.of(runId, JsonText.clean(principal), correct, JsonText.clean(comment)))
                .recover(PgErrors::failed)
                .compose(rows -> {
                    var row = rows.iterator().next();
                    if (!row.getBoolean("known")) {
                        return Future.failedFuture(Failure.notFound("run"));
                    }
                    return row.getBoolean("ended")
                            ? Future.<Void>succeededFuture()
                            : Future.failedFuture(Failure.of(
                                    Failure.Kind.CONFLICT, "caller-run-not-finished", "the run has not finished yet"));
                });
    }
}
