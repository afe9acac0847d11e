package io.taskpilot.journal;

import static io.taskpilot.journal.JournalFixture.failure;
import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.LongRunning;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

@LongRunning
class CleanUpTest {
    private static final String LAST_MONTH = "(select suffix from partition_months() order by starts desc limit 1)";

    private JournalFixture fixture;

    @BeforeEach
    void open() {
        fixture = new JournalFixture(TestPostgres.database());
        fixture.register();
    }

    @AfterEach
    void close() {
        fixture.close();
    }

    @Test
    void monthsAreMadeAndDeadNodesForgottenThoughKeysCannotBe() throws SQLException {
        var month = TestPostgres.query(fixture.address, "select " + LAST_MONTH);
        for (var parent : List.of("events", "artifacts", "decisions")) {
            TestPostgres.execute(fixture.address, "drop table " + parent + month);
        }
        TestPostgres.execute(
                fixture.address,
                "insert into nodes values (gen_random_uuid(), 'dead', clock_timestamp() - interval '2 h')");
        try (var lock = connection();
                var statement = lock.createStatement()) {
            lock.setAutoCommit(false);
            statement.execute("lock table idempotency_keys in access exclusive mode");

            assertThat(failure(fixture.journal.cleanUp()))
                    .as("it says that it could not do everything")
                    .hasFieldOrPropertyWithValue("slug", "overload-journal");
            lock.rollback();
        }
        assertThat(TestPostgres.query(fixture.address, "select " + LAST_MONTH)).isEqualTo(month);
        assertThat(TestPostgres.query(fixture.address, "select count(*) from nodes"))
                .isEqualTo("1");
    }

    /** The trigger makes each deletion take two milliseconds, and a statement may take ten seconds. */
    @Test
    void noBacklogOfKeysIsTooLong() throws SQLException {
        try (var connection = connection();
                var statement = connection.createStatement()) {
            statement.execute("""
                    insert into idempotency_keys (principal, route, key, run_id, body_sha256, created_at)
                    select 'p', 'r', n::text, gen_random_uuid(), '', clock_timestamp() - interval '25 h'
                    from generate_series(1, 6000) n""");
            statement.execute("""
                    create function slowly() returns trigger language plpgsql as
                    'begin perform pg_sleep(0.002); return old; end'""");
            statement.execute(
                    "create trigger slowly before delete on idempotency_keys for each row execute function slowly()");
            statement.execute("insert into idempotency_keys values ('p', 'r', 'new', gen_random_uuid(), '', now())");
        }

        fixture.journal.cleanUp().await();

        assertThat(TestPostgres.query(fixture.address, "select string_agg(key, ',') from idempotency_keys"))
                .isEqualTo("new");
    }

    private Connection connection() throws SQLException {
        return DriverManager.getConnection(fixture.address.jdbcUrl(), fixture.address.jdbcProperties());
    }
}
