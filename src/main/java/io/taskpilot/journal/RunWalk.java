package io.taskpilot.journal;

import io.taskpilot.engine.RunReader.Check;
import io.taskpilot.resilience.Loop;
import io.vertx.core.Future;
import io.vertx.sqlclient.Row;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Asks every run whether its decisions are there, and whether the seal that it names has them. */
final class RunWalk {
    private static final int PAGE = 2_000;

    private static final String RUNS = """
            select r.*, h.length as sealed,
              exists (select 1 from decisions d where d.chain_id = r.id) as there,
              exists (select 1 from retired_months m where r.id >= m.lower and r.id < m.upper) as retired,
              exists (select 1 from retired_months m where uuid_at(r.sealed_on::timestamp at time zone 'UTC') >= m.lower
                      and uuid_at(r.sealed_on::timestamp at time zone 'UTC') < m.upper) as list_retired
            from (select id, decisions, sealed_on, archived_at from runs
                  where id > $1%s order by id limit $2) as r
            left join lateral (select length from seal_heads where chain_id = r.id order by day desc limit 1) as h on true
            order by r.id
            """;

    private final Verifier.Reading reading;
    private final @Nullable UUID only;
    private UUID after = Verifier.LOWEST;

    /** @param only null for all */
    RunWalk(Verifier.Reading reading, @Nullable UUID only) {
        this.reading = reading;
        this.only = only;
    }

    Future<Void> go() {
        return Loop.whileTrue(this::page);
    }

    private Future<Boolean> page() {
        var rows = only == null
                ? reading.page(RUNS.formatted(""), after, PAGE)
                : reading.page(RUNS.formatted(" and id = $3"), after, PAGE, only);
        return rows.compose(page -> {
            for (var row : page) {
                check(row);
                after = row.getUUID("id");
            }
            return reading.goOn(page.size() == PAGE);
        });
    }

    private void check(Row run) {
        var decisions = run.getLong("decisions");
        if (decisions == 0 || (run.getBoolean("retired") && run.getValue("archived_at") != null)) {
            return;
        }
        var id = run.getUUID("id");
        var sealedOn = run.getLocalDate("sealed_on");
        var sealed = run.getLong("sealed");
        if (!run.getBoolean("there")) {
            reading.findings().chain();
            wrong(Check.RUN, "chain %s: all %d deleted".formatted(id, decisions));
        }
        if (sealedOn == null || run.getBoolean("list_retired")) {
            return;
        }
        if (sealed == null) {
            wrong(
                    Check.SEAL,
                    "chain %s: inserted: its run names the seal of %s, and no seal has it".formatted(id, sealedOn));
        } else if (sealed < decisions) {
            wrong(
                    Check.SEAL,
                    "chain %s: %d inserted at the end since it was sealed on %s"
                            .formatted(id, decisions - sealed, sealedOn));
        }
    }

    private void wrong(Check check, String what) {
        reading.findings().wrong(check, what);
    }
}
