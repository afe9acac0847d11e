package io.taskpilot.journal;

import io.vertx.core.json.JsonArray;
import io.vertx.sqlclient.Tuple;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** The values of {@link AppendStatement}: a column for each field of the runs and events, JSON for the rest. */
final class AppendParameters {
    private AppendParameters() {}

    /** In the order of the statement's numbers. */
    static Tuple of(List<Append> unordered) {
        var batch = new ArrayList<>(unordered);
        batch.sort(Comparator.comparing(append -> append.runId)); // one order for locks
        var tuple = Tuple.tuple()
                .addValue(column(batch, UUID[]::new, append -> append.runId))
                .addValue(column(batch, Long[]::new, append -> append.fence))
                .addValue(column(batch, Long[]::new, append -> append.first))
                .addValue(column(batch, Long[]::new, Append::last))
                .addValue(column(batch, Boolean[]::new, append -> append.unowned))
                .addValue(column(
                        batch, String[]::new, append -> append.after.status().word()))
                .addValue(column(batch, Integer[]::new, append -> append.after.attempt()))
                .addValue(column(batch, Boolean[]::new, Append::started))
                .addValue(column(batch, Boolean[]::new, Append::progress))
                .addValue(column(
                        batch, Long[]::new, append -> append.after.usage().inputTokens()))
                .addValue(column(
                        batch, Long[]::new, append -> append.after.usage().outputTokens()))
                .addValue(column(
                        batch, Double[]::new, append -> append.after.usage().costUsd()))
                .addValue(column(batch, String[]::new, Append::summary))
                .addValue(column(batch, UUID[]::new, AppendParameters::pending))
                .addValue(column(batch, Long[]::new, append -> (long) append.decisions.size()))
                .addValue(column(
                        batch,
                        String[]::new,
                        append -> append.decisions.isEmpty()
                                ? null
                                : append.head().hash()));
        addEvents(tuple, batch);
        return tuple.addValue(rows(batch, AppendParameters::artifacts))
                .addValue(rows(batch, AppendParameters::decisions))
                .addValue(rows(batch, (append, out) -> append.asked.values().forEach(out)))
                .addValue(rows(batch, (append, out) -> append.answered.values().forEach(out)))
                .addValue(rows(batch, (append, out) -> append.tasks.values().forEach(out)))
                .addValue(rows(batch, (append, out) -> append.moves.values().forEach(out)));
    }

    private static @Nullable UUID pending(Append append) {
        var asked = append.after.asked();
        return asked == null || append.after.status().isTerminal() ? null : asked.approvalId();
    }

    private static <T> T[] column(
            List<Append> batch, Function<Integer, T[]> array, Function<Append, @Nullable T> value) {
        var column = array.apply(batch.size());
        for (var i = 0; i < column.length; i++) {
            column[i] = value.apply(batch.get(i));
        }
        return column;
    }

    private static void addEvents(Tuple tuple, List<Append> batch) {
        var count = batch.stream().mapToInt(append -> append.events.size()).sum();
        var runs = new UUID[count];
        var seqs = new Long[count];
        var ids = new UUID[count];
        var types = new String[count];
        var attempts = new Integer[count];
        var data = new String[count];
        var artifacts = new Integer[count];
        var n = 0;
        for (var append : batch) {
            for (var i = 0; i < append.events.size(); i++, n++) {
                var event = append.events.get(i);
                runs[n] = append.runId;
                seqs[n] = append.first + i;
                ids[n] = append.id;
                types[n] = event.type();
                attempts[n] = append.attempts.get(i);
                data[n] = event.data();
                artifacts[n] = event.artifacts().size();
            }
        }
        tuple.addValue(runs).addValue(seqs).addValue(ids).addValue(types);
        tuple.addValue(attempts).addValue(data).addValue(artifacts);
    }

    private static JsonArray rows(
            List<Append> batch, BiConsumer<Append, Consumer<Map<String, @Nullable Object>>> collect) {
        var rows = new JsonArray();
        for (var append : batch) {
            collect.accept(append, row -> rows.add(JsonText.clean(row)));
        }
        return rows;
    }

    private static void artifacts(Append append, Consumer<Map<String, @Nullable Object>> out) {
        for (var i = 0; i < append.events.size(); i++) {
            var n = 0;
            for (var artifact : append.events.get(i).artifacts()) {
                var row = new LinkedHashMap<String, @Nullable Object>();
                row.put("run_id", append.runId.toString());
                row.put("seq", append.first + i);
                row.put("n", n++);
                row.put("path", artifact.path());
                row.put("json", artifact.json());
                row.put("content", artifact.content());
                out.accept(row);
            }
        }
    }

    private static void decisions(Append append, Consumer<Map<String, @Nullable Object>> out) {
        append.decisions.forEach(link -> out.accept(DecisionRow.of(link)));
    }
}
