package io.taskpilot.journal;

import io.vertx.core.Vertx;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The database of all tests in this JVM: one real PostgreSQL, started when the first test asks, gone with the JVM. Each
 * test takes a database of its own, made from a migrated template, and it is gone with the test's class: to delete those
 * of all classes at the end took longer than a JVM is given to exit. It does not wait for the disk.
 */
public final class TestPostgres implements AfterAllCallback {
    static final Duration LONGEST_STALL = Duration.ofSeconds(15);
    private static final Logger log = LoggerFactory.getLogger(TestPostgres.class);
    private static final String PREFIX = "taskpilot-test-";
    private static final String TEMPLATE = "migrated";
    private static final AtomicInteger count = new AtomicInteger();
    private static final Queue<String> databases = new ConcurrentLinkedQueue<>();

    @Override
    public void afterAll(ExtensionContext context) {
        var isNested = context.getRequiredTestClass().getEnclosingClass() != null;
        while (!isNested && !databases.isEmpty()) {
            execute(Server.POSTGRES.address(), "drop database " + databases.remove() + " with (force)");
        }
    }

    /** A fresh, migrated, empty database. */
    public static PostgresAddress database() {
        return create("test", " template " + TEMPLATE);
    }

    /** Connections that take no stall of the machine for an outage. */
    public static Database open(Vertx vertx, PostgresAddress database, int poolSize) {
        return Database.open(vertx, database, poolSize, LONGEST_STALL, LONGEST_STALL);
    }

    /** A fresh database that nobody has migrated. */
    public static PostgresAddress emptyDatabase() {
        return create("empty", "");
    }

    /** What a backup of that database would restore; nobody may be connected to it. */
    public static PostgresAddress copy(PostgresAddress original) {
        return create("copy", " template " + original.database());
    }

    private static PostgresAddress create(String kind, String from) {
        var address = Server.POSTGRES.address();
        var name = kind + "_" + count.incrementAndGet();
        execute(address, "create database " + name + from);
        databases.add(name);
        return address.withDatabase(name);
    }

    /** Runs statements past the journal, to look and to tamper. */
    public static void execute(PostgresAddress address, String sql) {
        try (var connection = DriverManager.getConnection(address.jdbcUrl(), address.jdbcProperties());
                var statement = connection.createStatement()) {
            statement.execute(sql);
        } catch (SQLException e) {
            throw new IllegalStateException(sql, e);
        }
    }

    /** The first column of the first row, as text. */
    public static String query(PostgresAddress address, String sql) {
        try (var connection = DriverManager.getConnection(address.jdbcUrl(), address.jdbcProperties());
                var statement = connection.createStatement();
                var rows = statement.executeQuery(sql)) {
            return rows.next() ? String.valueOf(rows.getString(1)) : "(no row)";
        } catch (SQLException e) {
            throw new IllegalStateException(sql, e);
        }
    }

    private static final class Server {
        static final LocalPostgres POSTGRES = start();

        private static LocalPostgres start() {
            try {
                sweep();
                var dir = Files.createTempDirectory(PREFIX);
                var postgres = LocalPostgres.start(dir, Map.of("fsync", "off", "full_page_writes", "off"));
                Runtime.getRuntime().addShutdownHook(new Thread(() -> stop(postgres, dir), "test-postgres"));
                execute(postgres.address(), "create database " + TEMPLATE);
                Migrations.migrate(postgres.address().withDatabase(TEMPLATE));
                return postgres;
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        /** Removes what killed test runs left: their postgres lives on. A lock that is held says it is in use. */
        private static void sweep() throws IOException {
            var longAgo = Instant.now().minus(Duration.ofMinutes(2));
            try (var dirs = Files.newDirectoryStream(Path.of(System.getProperty("java.io.tmpdir")), PREFIX + "*")) {
                for (var dir : dirs) {
                    remove(dir, longAgo);
                }
            }
        }

        private static void remove(Path dir, Instant longAgo) {
            var lock = dir.resolve("lock");
            try {
                if (Files.exists(lock)
                        && Files.getLastModifiedTime(lock).toInstant().isBefore(longAgo)) {
                    LocalPostgres.start(dir).crash();
                    delete(dir);
                }
            } catch (IOException | IllegalStateException e) {
                log.info("left where it is directory={} reason={}", dir, e.toString());
            }
        }

        private static void stop(LocalPostgres postgres, Path dir) {
            try {
                postgres.crash(); // no checkpoint for what is deleted
                delete(dir);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    public static void delete(Path root) throws IOException {
        try (var paths = Files.walk(root)) {
            for (var path : paths.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        }
    }
}
