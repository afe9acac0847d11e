package io.taskpilot.journal;

import io.taskpilot.engine.RunReader.DecisionView;
import io.taskpilot.journal.DecisionChain.Head;
import io.taskpilot.run.Decision;
import io.taskpilot.run.DecisionResult;
import io.taskpilot.run.DecisionType;
import io.taskpilot.run.Ids;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;

/** A chain of decisions of no run, written past the journal. */
final class OtherChain {
    private static final UUID NODE = UUID.randomUUID();

    final UUID id;
    private final PostgresAddress address;
    private final LocalDate day;
    private final DecisionChain chain = new DecisionChain(null);
    private Head head = Head.NONE;

    private OtherChain(PostgresAddress address, LocalDate day, UUID id) {
        this.address = address;
        this.day = day;
        this.id = id;
    }

    static OtherChain begun(PostgresAddress address, LocalDate day) {
        var noon = day.atTime(12, 0).toInstant(ZoneOffset.UTC).toEpochMilli();
        return new OtherChain(address, day, Ids.at(noon, ThreadLocalRandom.current()));
    }

    OtherChain append(int decisions) {
        for (var i = 0; i < decisions; i++) {
            append();
        }
        return this;
    }

    private void append() {
        var decision = new Decision(
                UUID.randomUUID(),
                DecisionType.of("ingress"),
                "",
                DecisionResult.DENY,
                "route",
                "why",
                "",
                "",
                "2026-11-23.1",
                "ab".repeat(32),
                "",
                0.5);
        var at = DecisionChain.now();
        var link = chain.link(
                head, new DecisionView(decision, id, null, "req-1", "trace-1", "default", "key-1", at, "", ""));
        head = link.head();
        TestPostgres.execute(address, """
                insert into decisions (chain_id, position, id, run_id, request_id, trace_id, tenant, principal, decision_type,
                  phase, result, rule, reason, agent, tool, policy_revision, input_sha256, context, latency_ms, created_at,
                  prev_hash, hash)
                values ('%s', %d, '%s', null, 'req-1', 'trace-1', 'default', 'key-1', 'ingress', '', 'deny', 'route', 'why',
                  '', '', '2026-11-23.1', '%s', '', 0.5, '%s', '%s', '%s')
                """.formatted(
                        id,
                        link.position(),
                        decision.id(),
                        "ab".repeat(32),
                        at,
                        link.view().prevHash(),
                        head.hash()));
        TestPostgres.execute(address, """
                insert into decision_chains (chain_id, node, day, decisions, hash) values ('%s', '%s', '%s', %d, '%s')
                on conflict (chain_id) do update set decisions = excluded.decisions, hash = excluded.hash
                """.formatted(id, NODE, day, link.position(), head.hash()));
    }
}
