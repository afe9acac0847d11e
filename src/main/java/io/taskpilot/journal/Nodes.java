package io.taskpilot.journal;

import io.taskpilot.engine.Journal.Claim;
import io.taskpilot.engine.Journal.Heartbeat;
import io.taskpilot.engine.Journal.Holding;
import io.taskpilot.engine.Journal.Stray;
import io.taskpilot.resilience.Deadline;
import io.taskpilot.run.EventCodec;
import io.taskpilot.run.Ids;
import io.vertx.core.Future;
import io.vertx.sqlclient.Row;
import io.vertx.sqlclient.Tuple;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/**
 * Who lives, and who drives which run. A node is declared dead in one statement and its runs are claimed in a later
 * one: expiry alone allows nothing. Time is the database's.
 */
final class Nodes {
    static final Duration LONGEST_STATEMENT = Duration.ofSeconds(30);
    private static final int MAX_UNANSWERED = 500;

    private static final String REGISTER = """
            insert into nodes (id, state, expires_at) values ($1, 'live', clock_timestamp() + interval '10 s')
            returning clock_timestamp() as at
            """;

    private static final String HEARTBEAT = """
            with renewed as (
              update nodes set expires_at = clock_timestamp() + interval '10 s' where id = $1 and state = 'live'
              returning clock_timestamp() as at
            )
            select at, array(select id from runs where owner = $1 and status in ('queued', 'running')
                               and cancel_requested_at is not null) as cancel
            from renewed
            """;

    private static final String DECLARE_DEAD = """
            update nodes set state = 'dead'
            where state = 'live' and id <> $1 and ($2 or expires_at < clock_timestamp() and exists (
              select 1 from nodes me where me.id = $1 and me.state = 'live' and me.expires_at > clock_timestamp()))
            """;

    private static final String DEREGISTER = """
            with released as (
              update runs set owner = null,
                unowned_cause = case when status = 'queued' then unowned_cause else 'released' end
              where owner = $1 and status in ('queued', 'running')
            )
            delete from nodes where id = $1
            """;

    /**
     * Candidates are judged in the statement's snapshot, and the lock then wants their fence unchanged: every claim
     * raises it. (After waiting for a lock PostgreSQL looks again at the locked row only, not at the node beside it.)
     *
     * <p>What was under way goes first. Of new runs each tenant gets one in turn, and what it has under way counts as
     * turns it had: places become free one at a time, and a turn must last from one claim to the next.
     */
    private static final String CLAIM = """
            with claimed as materialized (
              select r.tenant, count(*) as had from runs r
              where r.status in ('queued', 'running') and r.owner is not null
                and exists (select 1 from runs w where w.owner is null and w.status = 'queued')
              group by r.tenant
            ), candidates as materialized (
              select r.id, r.fence, r.owner is not null and n.state is distinct from 'live' as dead,
                case when r.owner is null and r.status = 'queued' and r.unowned_cause = 'new'
                  then coalesce(t.had, 0) + row_number() over (partition by r.tenant, r.owner is null
                    and r.status = 'queued' and r.unowned_cause = 'new' order by r.id)
                  else 0 end as turn
              from runs r left join nodes n on n.id = r.owner left join claimed t on t.tenant = r.tenant
              where r.status in ('queued', 'running') and r.format = $3
                and (n.state is distinct from 'live' or (r.owner = $1 and r.claim_id = any($4::uuid[])))
                and exists (select 1 from nodes me where me.id = $1 and me.state = 'live')
              order by turn, r.id
              limit $2 + 200
            ), claimable as (
              select r.id, c.dead
              from runs r join candidates c on c.id = r.id and c.fence = r.fence
              where r.status in ('queued', 'running')
              order by c.turn, r.id
              limit $2
              for update of r skip locked
            )
            update runs r set
              owner = $1,
              claim_id = $5,
              fence = r.fence + 1,
              stalls = r.stalls + claimable.dead::int,
              unowned_cause = case when claimable.dead then 'node_dead' else r.unowned_cause end
            from claimable
            where r.id = claimable.id
            returning r.id, r.fence, r.stalls, case when r.status = 'queued' then 'new' else r.unowned_cause end as cause
            """;

    /** A run that is still new keeps its turn. */
    private static final String RELEASE = """
            update runs set owner = null,
              unowned_cause = case when status = 'queued' then unowned_cause else 'released' end
            where id = $1 and fence = $2 and owner is not null and status in ('queued', 'running')
            """;

    private static final String WAITING = """
            select count(*) from (
              select 1 from runs where owner is null and status = 'queued' limit $1) waiting
            """;

    /** In any order: one that comes again and again, as its events tell of more time, must not hide others. */
    private static final String OVERDUE = """
            select id from runs
            where owner is null and status in ('queued', 'running')
              and created_at + make_interval(secs => timeout_s + parked_ms / 1000.0) < clock_timestamp()
            order by random()
            limit $1
            """;

    /** Those that are known are hashed, so many of them cost no more than the heartbeat's look at the same rows. */
    private static final String STRAYS = """
            select r.id, r.fence, clock_timestamp() as at from runs r
            where r.owner = $1 and r.status in ('queued', 'running')
              and (r.id, r.fence) not in (select id, fence from unnest($2::uuid[], $3::int8[]) as known(id, fence))
            order by r.id
            limit $4
            """;

    private static final String FORGET_DEAD = """
            delete from nodes n where n.state = 'dead' and n.expires_at < clock_timestamp() - interval '1 hour'
              and not exists (select 1 from runs r where r.owner = n.id and r.status in ('queued', 'running'))
            """;

    private final Sql sql;
    private final Sql heartbeats;
    private final Duration longestStatement;
    private final Map<UUID, Deadline> unanswered = new ConcurrentHashMap<>();
    private volatile @Nullable UUID self;

    /**
     * @param heartbeats where no reader is in the way
     * @param longestStatement how long after a claim was given up the server may still execute it
     */
    Nodes(Sql sql, Sql heartbeats, Duration longestStatement) {
        this.sql = sql;
        this.heartbeats = heartbeats;
        this.longestStatement = longestStatement;
    }

    /** This process's node, once it is registered. */
    @Nullable
    UUID self() {
        return self;
    }

    Future<Heartbeat> register() {
        var id = Ids.at(System.currentTimeMillis(), ThreadLocalRandom.current());
        return sql.run(REGISTER, Tuple.of(id)).map(rows -> {
            self = id;
            return new Heartbeat(id, at(rows.iterator().next()), List.of());
        });
    }

    Future<@Nullable Heartbeat> heartbeat(UUID nodeId) {
        return heartbeats.run(HEARTBEAT, Tuple.of(nodeId)).map(rows -> {
            if (rows.size() == 0) {
                return null;
            }
            var row = rows.iterator().next();
            return new Heartbeat(nodeId, at(row), List.of(row.getArrayOfUUIDs("cancel")));
        });
    }

    Future<Integer> declareDead(UUID nodeId, boolean allOthers) {
        return sql.run(DECLARE_DEAD, Tuple.of(nodeId, allOthers)).map(rows -> rows.rowCount());
    }

    Future<Void> deregister(UUID nodeId) {
        return sql.run(DEREGISTER, Tuple.of(nodeId)).mapEmpty();
    }

    /**
     * A claim whose answer was lost may have been committed: then nobody would drive its runs. So the next ones ask for
     * them too. It is forgotten when one that began after its statement had ended asked, and had places left.
     */
    Future<List<Claim>> claim(int max) {
        var me = self;
        if (me == null) {
            return Future.failedFuture(new IllegalStateException("claim before register"));
        }
        var claimId = UUID.randomUUID();
        var lost = Map.copyOf(unanswered);
        var over = lost.entrySet().stream()
                .filter(one -> one.getValue().hasPassed())
                .map(Map.Entry::getKey)
                .toList();
        var named = lost.keySet().toArray(UUID[]::new);
        return sql.run(CLAIM, Tuple.of(me, max, EventCodec.FORMAT, named, claimId))
                .onFailure(error -> remember(claimId, error))
                .map(rows -> {
                    if (rows.size() < max) {
                        over.forEach(unanswered::remove);
                    }
                    var claims = new ArrayList<Claim>(rows.size());
                    rows.forEach(row -> claims.add(claim(row)));
                    return claims;
                });
    }

    /** Of so many that there is no room the runs are found as strays, later. */
    private void remember(UUID claimId, Throwable error) {
        if (PgErrors.outcomeUnknown(error) && unanswered.size() < MAX_UNANSWERED) {
            unanswered.put(claimId, Deadline.in(longestStatement));
        }
    }

    private static Claim claim(Row row) {
        return new Claim(row.getUUID("id"), row.getLong("fence"), row.getString("cause"), row.getInteger("stalls"));
    }

    Future<Boolean> release(UUID runId, long fence) {
        return sql.run(RELEASE, Tuple.of(runId, fence)).map(rows -> rows.rowCount() == 1);
    }

    Future<Integer> waiting(int max) {
        return sql.run(WAITING, Tuple.of(max))
                .map(rows -> rows.iterator().next().getInteger(0));
    }

    Future<List<UUID>> overdue(int max) {
        return sql.run(OVERDUE, Tuple.of(max)).map(rows -> {
            var runs = new ArrayList<UUID>(rows.size());
            rows.forEach(row -> runs.add(row.getUUID(0)));
            return runs;
        });
    }

    Future<List<Stray>> strays(List<Holding> known, int max) {
        var ids = known.stream().map(Holding::runId).toArray(UUID[]::new);
        var fences = known.stream().map(Holding::fence).toArray(Long[]::new);
        return sql.run(STRAYS, Tuple.of(self, ids, fences, max)).map(rows -> {
            var strays = new ArrayList<Stray>(rows.size());
            rows.forEach(row -> strays.add(new Stray(new Holding(row.getUUID("id"), row.getLong("fence")), at(row))));
            return strays;
        });
    }

    Future<Void> forgetDead() {
        return sql.run(FORGET_DEAD).mapEmpty();
    }

    private static Instant at(Row row) {
        return row.get(OffsetDateTime.class, "at").toInstant();
    }
}
