package io.taskpilot.engine;

import io.vertx.core.json.DecodeException;
import io.vertx.core.json.JsonObject;
import java.time.DateTimeException;
import java.time.LocalDate;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The seal of one day of the decision log.
 *
 * @param chains how many it covers
 * @param rows how many decisions in them that no earlier seal covers
 * @param root SHA-256 over the heads of the chains, in the order of their ids
 * @param prevHash the {@code hash} of the day before; empty for the first
 * @param hash over all the rest, keyed as the chains are
 */
public record Seal(LocalDate day, long chains, long rows, String root, String prevHash, String hash) {

    /** As the object store keeps it. */
    String text() {
        var json = new TreeMap<String, Object>(Map.of(
                "day",
                day.toString(),
                "chains",
                chains,
                "rows",
                rows,
                "root",
                root,
                "prev_hash",
                prevHash,
                "hash",
                hash));
        return new JsonObject(json).encode() + "\n";
    }

    /** Null when it is not what {@link #text} made. */
    static @Nullable Seal parse(String text) {
        try {
            var json = new JsonObject(text);
            return new Seal(
                    LocalDate.parse(json.getString("day", "")),
                    json.getLong("chains", -1L),
                    json.getLong("rows", -1L),
                    json.getString("root", ""),
                    json.getString("prev_hash", ""),
                    json.getString("hash", ""));
        } catch (DecodeException | ClassCastException | DateTimeException e) {
            return null;
        }
    }
}
