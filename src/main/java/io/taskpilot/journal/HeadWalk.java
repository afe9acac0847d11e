package io.taskpilot.journal;

import io.taskpilot.engine.RunReader.Check;
import io.taskpilot.engine.Seal;
import io.taskpilot.journal.SealHash.SealedHead;
import io.taskpilot.resilience.Loop;
import io.vertx.core.Future;
import io.vertx.sqlclient.Row;
import java.time.LocalDate;
import java.util.UUID;

/** Compares what a seal covers with what is there. */
final class HeadWalk {
    private static final int PAGE = 2_000;

    /** Of chains whose month was dropped in order only the head is left. */
    private static final String HEADS = """
            select h.*, d.hash as found,
              case when d.hash is null then
                coalesce((select max(x.position) from decisions x where x.chain_id = h.chain_id), 0) end as remaining,
              exists (select 1 from retired_months m where h.chain_id >= m.lower and h.chain_id < m.upper) as retired
            from (select day, chain_id, since, length, hash from seal_heads where %s) as h
            left join lateral (select x.hash from decisions x
                               where x.chain_id = h.chain_id and x.position = h.length limit 1) as d on true
            order by h.day, h.chain_id
            """;

    private static final String OF_DAY =
            HEADS.formatted("day = $1 and chain_id > $2 order by chain_id limit %d".formatted(PAGE));
    private static final String OF_CHAIN = HEADS.formatted("chain_id = $1 order by day");

    private final Verifier.Reading reading;
    private final Seal seal;
    private final SealHash.Root root = new SealHash.Root();
    private UUID after = Verifier.LOWEST;

    HeadWalk(Verifier.Reading reading, Seal seal) {
        this.reading = reading;
        this.seal = seal;
    }

    /** What the seals say of one chain; a chain is in few of them. */
    static Future<Void> ofChain(Verifier.Reading reading, UUID chainId) {
        return reading.page(OF_CHAIN, chainId).map(rows -> {
            rows.forEach(row -> check(reading, row));
            return null;
        });
    }

    Future<Void> go() {
        return Loop.whileTrue(this::page).map(unused -> {
            compare();
            return null;
        });
    }

    private Future<Boolean> page() {
        return reading.page(OF_DAY, seal.day(), after).compose(rows -> {
            for (var row : rows) {
                var head = SealedHead.of(row);
                root.add(head);
                after = head.chainId();
                check(reading, row);
            }
            return reading.goOn(rows.size() == PAGE);
        });
    }

    private static void check(Verifier.Reading reading, Row row) {
        var head = SealedHead.of(row);
        var found = row.getString("found");
        if (row.getBoolean("retired") || head.hash().equals(found)) {
            return;
        }
        var sealed = "chain %s: sealed on %s with %d decisions, ".formatted(head.chainId(), day(row), head.length());
        if (found != null) {
            wrong(reading, sealed + "the last of which is another now");
            return;
        }
        var left = row.getLong("remaining");
        wrong(
                reading,
                sealed
                        + (left == 0
                                ? "all of them deleted"
                                : left < head.length()
                                        ? "%d deleted at the end".formatted(head.length() - left)
                                        : "the last of which is deleted"));
    }

    private static LocalDate day(Row row) {
        return row.getLocalDate("day");
    }

    private static void wrong(Verifier.Reading reading, String what) {
        reading.findings().wrong(Check.SEAL, what);
    }

    private void compare() {
        if (root.chains() != seal.chains() || root.rows() != seal.rows()) {
            wrong(
                    reading,
                    "seal of %s: covers %d chains and %d decisions, and its list has %d and %d"
                            .formatted(seal.day(), seal.chains(), seal.rows(), root.chains(), root.rows()));
        } else if (!root.hex().equals(seal.root())) {
            wrong(reading, "seal of %s: its list of chains was changed".formatted(seal.day()));
        }
    }
}
