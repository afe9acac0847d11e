package io.taskpilot.journal;

import io.taskpilot.journal.StoredEvent.Artifact;
import io.taskpilot.run.Recorded;
import io.vertx.core.Future;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import io.vertx.sqlclient.Row;
import io.vertx.sqlclient.RowSet;
import io.vertx.sqlclient.Tuple;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;

/** Reads events back, artifacts in their places. */
final class EventQueries {
    private static final String EVENTS = """
            select e.seq, e.append_id, e.type, e.at, e.data::text as data,
              case when e.artifacts > 0 then (
                select jsonb_agg(jsonb_build_object('path', a.path, 'json', a.json, 'content', a.content))
                from artifacts a where a.run_id = e.run_id and a.seq = e.seq) end as artifacts
            from events e
            where e.run_id = $1 and e.seq > $2
            order by e.seq
            limit $3
            """;

    private EventQueries() {}

    /** An event, and the append that wrote it. */
    record Line(UUID appendId, Recorded recorded) {}

    /** Events after a seq, oldest first. */
    static Future<List<Recorded>> after(Sql sql, UUID runId, long after, int limit) {
        return lines(sql, runId, after, limit)
                .map(lines -> lines.stream().map(Line::recorded).toList());
    }

    static Future<List<Line>> lines(Sql sql, UUID runId, long after, int limit) {
        return sql.run(EVENTS, Tuple.of(runId, after, limit)).map(EventQueries::lines);
    }

    private static List<Line> lines(RowSet<Row> rows) {
        var lines = new ArrayList<Line>(rows.size());
        for (var row : rows) {
            var stored = new StoredEvent(row.getString("type"), row.getString("data"), artifacts(row));
            var at = row.get(OffsetDateTime.class, "at").toInstant();
            lines.add(new Line(row.getUUID("append_id"), new Recorded(row.getLong("seq"), at, stored.event())));
        }
        return lines;
    }

    @SuppressWarnings("unchecked") // paths are arrays of texts and numbers
    static List<Artifact> artifacts(Row row) {
        var array = (JsonArray) row.getValue("artifacts");
        if (array == null) {
            return List.of();
        }
        return array.stream()
                .map(item -> (JsonObject) item)
                .map(item -> new Artifact(
                        (List<Object>) item.getJsonArray("path").getList(),
                        item.getBoolean("json"),
                        item.getString("content")))
                .toList();
    }
}
