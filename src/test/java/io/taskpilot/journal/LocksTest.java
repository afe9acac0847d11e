package io.taskpilot.journal;

import static io.taskpilot.journal.JournalFixture.await;
import static io.taskpilot.journal.JournalFixture.ended;
import static io.taskpilot.journal.JournalFixture.request;
import static io.taskpilot.journal.JournalFixture.started;
import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.engine.Journal.Claim;
import io.taskpilot.run.RunStatus;
import java.sql.Connection;
import java.sql.DriverManager;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Who waits for whom: the other one holds a row in a session of its own. */
@Timeout(60)
class LocksTest {
    private JournalFixture node;
    private UUID self;

    @BeforeEach
    void open() {
        node = new JournalFixture();
        self = node.register();
    }

    @AfterEach
    void close() {
        node.close();
    }

    private Connection connection() throws Exception {
        return DriverManager.getConnection(node.address.jdbcUrl(), node.address.jdbcProperties());
    }

    private Connection transaction() throws Exception {
        var connection = connection();
        connection.setAutoCommit(false);
        return connection;
    }

    private static void lock(Connection session, String table, String column, UUID id) throws Exception {
        session.createStatement()
                .execute("select 1 from %s where %s = '%s' for update nowait".formatted(table, column, id));
    }

    /** By a connection that is there: whoever waits for a lock does so for two seconds. */
    private static long waiting(Connection observer) throws Exception {
        try (var statement = observer.createStatement();
                var row = statement.executeQuery(
                        "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()")) {
            row.next();
            return row.getLong(1);
        }
    }

    /** The judge sees a row that has expired, and waits behind the renewal: what it then claims by must be newer. */
    @Test
    void aNodeThatRenewsWhileItIsJudgedKeepsItsRuns() throws Exception {
        node.owned().appended(started());
        try (var other = node.another();
                var observer = connection();
                var session = transaction()) {
            var judge = other.register();
            TestPostgres.execute(
                    node.address, "update nodes set expires_at = now() - interval '1 s' where id = '" + self + "'");
            lock(session, "nodes", "id", self);
            var renewal = node.journal.heartbeat(self);
            while (waiting(observer) < 1) {
                Thread.onSpinWait();
            }
            var claims = other.journal.declareDead(judge, false).compose(unused -> other.journal.claim(10));
            while (waiting(observer) < 2 && !claims.isComplete()) {
                Thread.onSpinWait();
            }
            session.rollback();

            assertThat(await(renewal)).isNotNull();
            assertThat(await(claims)).isEmpty();
        }
    }

    /** One order for all who change both: nobody waits for the run with the approval in hand. */
    @Test
    void anAnswerWaitsForTheRunBeforeItTouchesTheApproval() throws Exception {
        var run = node.owned().parked();
        try (var first = transaction();
                var observer = connection();
                var second = transaction()) {
            lock(first, "runs", "id", run.id);
            var answer = node.journal.appendUnowned(run.id, (state, now) -> List.of(ended(RunStatus.CANCELLED)));
            while (waiting(observer) < 1) {
                Thread.onSpinWait();
            }

            lock(second, "approvals", "run_id", run.id);
            second.rollback();
            first.rollback();

            assertThat(await(answer).status()).isEqualTo(RunStatus.CANCELLED);
        }
    }

    @Test
    void aClaimWaitsForNobody() throws Exception {
        var busy = request();
        var free = request();
        await(node.journal.create(busy, null, false));
        await(node.journal.create(free, null, false));
        try (var other = transaction()) {
            lock(other, "runs", "id", busy.runId());

            assertThat(await(node.journal.claim(10))).extracting(Claim::runId).containsExactly(free.runId());
            other.rollback();
        }
        assertThat(await(node.journal.claim(10))).extracting(Claim::runId).containsExactly(busy.runId());
    }
}
