package io.taskpilot.journal;

import io.vertx.core.Future;
import io.vertx.sqlclient.Tuple;
import java.util.List;

/** What is to be done now and then. No part of it waits for another, or for its success. */
final class CleanUp {
    private static final int CHUNK = 1_000;

    /** In parts that end well within statement_timeout, however many there are. */
    private static final String FORGET_KEYS = """
            delete from idempotency_keys where ctid = any(array(
              select ctid from idempotency_keys where created_at < clock_timestamp() - interval '24 hours'
              limit $1 for update skip locked))
            """;

    /** Heads of chains that went with their month. */
    private static final String FORGET_CHAINS = """
            delete from decision_chains c using retired_months m where c.chain_id >= m.lower and c.chain_id < m.upper
            """;

    private final Sql sql;
    private final Nodes nodes;

    CleanUp(Sql sql, Nodes nodes) {
        this.sql = sql;
        this.nodes = nodes;
    }

    /** Fails when a part did, once all have ended. */
    Future<Void> run() {
        return Future.join(List.of(
                        sql.run("select make_partitions()"), nodes.forgetDead(), forgetKeys(), sql.run(FORGET_CHAINS)))
                .mapEmpty();
    }

    private Future<Void> forgetKeys() {
        return sql.run(FORGET_KEYS, Tuple.of(CHUNK))
                .compose(rows -> rows.rowCount() < CHUNK ? Future.succeededFuture() : forgetKeys());
    }
}
