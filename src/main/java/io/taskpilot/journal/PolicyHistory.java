package io.taskpilot.journal;

import io.taskpilot.run.Ids;
import io.taskpilot.run.PastDecision;
import io.taskpilot.run.RunEvent;
import io.vertx.core.Future;
import io.vertx.sqlclient.Row;
import io.vertx.sqlclient.RowSet;
import io.vertx.sqlclient.Tuple;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** What policy was asked and what it said, oldest first, for back-tests. Pages by key and holds no transaction. */
public final class PolicyHistory {
    private static final int PAGE = 100;
    private static final UUID LOWEST = new UUID(0, 0);

    private static final String DECISIONS = """
            select id, run_id, created_at from decisions
            where decision_type = 'tool_call' and (created_at, id) > ($1, $2)
            order by created_at, id
            limit $3
            """;

    private static final String EVENTS = """
            select e.run_id, e.seq, e.at, e.type, e.data::text as data,
              case when e.artifacts > 0 then (
                select jsonb_agg(jsonb_build_object('path', a.path, 'json', a.json, 'content', a.content))
                from artifacts a where a.run_id = e.run_id and a.seq = e.seq) end as artifacts
            from events e
            where e.run_id = any($1) and e.type = 'policy.decided'
            """;

    private final Database database;

    public PolicyHistory(Database database) {
        this.database = database;
    }

    /** A place in the log: everything up to it was read. */
    public static final class Position {
        private final OffsetDateTime at;
        private final UUID id;

        private Position(OffsetDateTime at, UUID id) {
            this.at = at;
            this.id = id;
        }
    }

    /** @param next null when there was nothing more */
    public record Page(
            List<PastDecision> decisions, @Nullable Position next) {}

    public static Position since(Instant from) {
        return new Position(from.atOffset(ZoneOffset.UTC), LOWEST);
    }

    /** At most a hundred; may hold none although there are more. Fails while the database is away. */
    public Future<Page> after(Position position) {
        return database.shared()
                .run(DECISIONS, Tuple.of(position.at, position.id, PAGE))
                .compose(this::events)
                .recover(PgErrors::failed);
    }

    private Future<Page> events(RowSet<Row> decisions) {
        var order = new ArrayList<UUID>();
        var runs = new ArrayList<UUID>();
        @Nullable Position last = null;
        for (var row : decisions) {
            order.add(row.getUUID("id"));
            runs.add(row.getUUID("run_id"));
            last = new Position(row.getOffsetDateTime("created_at"), row.getUUID("id"));
        }
        if (last == null) {
            return Future.succeededFuture(new Page(List.of(), null));
        }
        var next = last;
        return database.shared()
                .run(EVENTS, Tuple.of(runs.stream().distinct().toArray(UUID[]::new)))
                .map(rows -> new Page(inOrder(order, rows), next));
    }

    /** A run's other decisions come along; they belong to another page. */
    private static List<PastDecision> inOrder(List<UUID> order, RowSet<Row> events) {
        var idToDecision = new HashMap<UUID, PastDecision>();
        for (var row : events) {
            var runId = row.getUUID("run_id");
            var stored = new StoredEvent(row.getString("type"), row.getString("data"), EventQueries.artifacts(row));
            idToDecision.put(
                    Ids.derived(runId, "decision:" + row.getLong("seq")),
                    new PastDecision(
                            runId, row.getOffsetDateTime("at").toInstant(), (RunEvent.PolicyDecided) stored.event()));
        }
        return order.stream()
                .map(idToDecision::get)
                .filter(Objects::nonNull)
                .map(Objects::requireNonNull)
                .toList();
    }
}
