package io.taskpilot.journal;

import io.taskpilot.engine.RunReader.Check;
import io.taskpilot.resilience.Loop;
import io.vertx.core.Future;
import java.util.UUID;

/** Asks every head of a chain of no run whether its decisions are there. */
final class OtherWalk {
    private static final int PAGE = 2_000;

    /** Heads of chains that went with their month are forgotten a little later. */
    private static final String HEADS = """
            select c.*, exists (select 1 from decisions d where d.chain_id = c.chain_id) as there,
              exists (select 1 from retired_months m where c.chain_id >= m.lower and c.chain_id < m.upper) as retired
            from (select chain_id, decisions from decision_chains where chain_id > $1 order by chain_id limit $2) as c
            order by c.chain_id
            """;

    private final Verifier.Reading reading;
    private UUID after = Verifier.LOWEST;

    OtherWalk(Verifier.Reading reading) {
        this.reading = reading;
    }

    Future<Void> go() {
        return Loop.whileTrue(this::page);
    }

    private Future<Boolean> page() {
        return reading.page(HEADS, after, PAGE).compose(page -> {
            for (var row : page) {
                after = row.getUUID("chain_id");
                if (!row.getBoolean("there") && !row.getBoolean("retired")) {
                    reading.findings().chain();
                    reading.findings()
                            .wrong(Check.RUN, "chain %s: all %d deleted".formatted(after, row.getLong("decisions")));
                }
            }
            return reading.goOn(page.size() == PAGE);
        });
    }
}
