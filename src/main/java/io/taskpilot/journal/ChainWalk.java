package io.taskpilot.journal;

import io.taskpilot.resilience.Loop;
import io.vertx.core.Future;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Reads every chain, in the order of ids and positions. */
final class ChainWalk {
    private static final int PAGE = 2_000;

    /**
     * With the account that the run, or else the chain's head, has of it, taken in the same moment. A plain join could be
     * merged, and would then read all runs before the page each time.
     */
    private static final String CHAINS = """
            select d.*, coalesce(r.decisions, c.decisions) as counted, coalesce(r.decisions_hash, c.hash) as head
            from (select %s from decisions d where (chain_id, position) > ($1, $2)%s
                  order by chain_id, position limit $3) as d
            left join lateral (select decisions, decisions_hash from runs where runs.id = d.chain_id limit 1) as r on true
            left join lateral (select decisions, hash from decision_chains
                               where decision_chains.chain_id = d.chain_id limit 1) as c on true
            order by d.chain_id, d.position
            """;

    private static final String ALL = CHAINS.formatted(Rows.DECISION, "");
    private static final String ONE = CHAINS.formatted(Rows.DECISION, " and chain_id = $4");

    private final Verifier.Reading reading;
    private final ChainAudit audit;
    private final @Nullable UUID only;
    private UUID chainId = Verifier.LOWEST;
    private long position;

    /** @param only null for all */
    ChainWalk(Verifier.Reading reading, DecisionChain chain, @Nullable UUID only) {
        this.reading = reading;
        this.audit = new ChainAudit(chain, reading.findings());
        this.only = only;
    }

    Future<Void> go() {
        return Loop.whileTrue(this::page);
    }

    private Future<Boolean> page() {
        var rows = only == null
                ? reading.page(ALL, chainId, position, PAGE)
                : reading.page(ONE, chainId, position, PAGE, only);
        return rows.compose(page -> {
            for (var row : page) {
                var link = Rows.decision(row);
                audit.next(link, row.getLong("counted"), row.getString("head"));
                chainId = link.view().chainId();
                position = link.position();
            }
            if (page.size() < PAGE) {
                audit.end();
            }
            return reading.goOn(page.size() == PAGE);
        });
    }
}
