package io.taskpilot.journal;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class TestPostgresTest {
    @Test
    void databasesAreFreshAndMigrated() {
        var database = TestPostgres.database();
        TestPostgres.execute(database, "insert into nodes values (gen_random_uuid(), 'live', now())");

        assertThat(TestPostgres.query(database, "select count(*) from nodes")).isEqualTo("1");
        assertThat(TestPostgres.query(TestPostgres.database(), "select count(*) from nodes"))
                .isEqualTo("0");
    }
}
