package io.taskpilot.journal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.taskpilot.config.Secret;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class MigrationsTest {
    @Test
    void nodesThatStartAtOnceMigrateOnce() throws Exception {
        var address = TestPostgres.emptyDatabase();
        var threads = Executors.newFixedThreadPool(4);

        var ran = threads.invokeAll(Stream.generate(() -> (Callable<Integer>) () -> Migrations.migrate(address))
                .limit(4)
                .toList());

        var migrated = 0;
        for (var one : ran) {
            migrated += one.get() > 0 ? 1 : 0;
        }
        threads.shutdown();
        assertThat(migrated).as("nodes that found something to do").isEqualTo(1);
        assertThat(TestPostgres.query(address, "select make_partitions()")).isEqualTo("0");
        assertThat(TestPostgres.query(address, "select count(*) from pg_inherits where inhparent = 'events'::regclass"))
                .isEqualTo("5");
    }

    @Test
    void aDatabaseThatIsNotThereIsSaidSoWithoutThePassword() {
        var nowhere = new PostgresAddress("127.0.0.1", 1, "db", "me", new Secret("hunter2"), Map.of());

        assertThatThrownBy(() -> Migrations.migrate(nowhere))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("can't be migrated")
                .hasMessageNotContaining("hunter2");
    }
}
