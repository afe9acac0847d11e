package io.taskpilot.journal;

import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.HashMap;
import java.util.Map;
import org.flywaydb.core.Flyway;

/** Brings the schema to this version. Blocks: call it from {@code BlockingIo}. */
public final class Migrations {
    private Migrations() {}

    /**
     * Under Flyway's lock, so any number of nodes may start at once. Also makes the partitions of the months to come.
     *
     * @return how many migrations ran
     * @throws IllegalStateException when the database can't be migrated
     */
    public static int migrate(PostgresAddress address) {
        try {
            var flyway = Flyway.configure(Migrations.class.getClassLoader())
                    .dataSource(
                            address.jdbcUrl(),
                            address.user(),
                            address.password().value())
                    .jdbcProperties(strings(address))
                    .locations("classpath:db/migration")
                    .load();
            var ran = flyway.migrate().migrationsExecuted;
            makePartitions(address);
            return ran;
        } catch (RuntimeException | SQLException e) {
            throw new IllegalStateException("the database can't be migrated: " + e.getMessage(), e);
        }
    }

    private static Map<String, String> strings(PostgresAddress address) {
        var strings = new HashMap<String, String>();
        address.jdbcProperties().forEach((key, value) -> strings.put((String) key, (String) value));
        return strings;
    }

    private static void makePartitions(PostgresAddress address) throws SQLException {
        try (var connection = DriverManager.getConnection(address.jdbcUrl(), address.jdbcProperties());
                var statement = connection.createStatement()) {
            statement.execute("select make_partitions()");
        }
    }
}
