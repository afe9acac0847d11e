package io.taskpilot.journal;

import io.taskpilot.config.Secret;
import java.util.concurrent.atomic.AtomicInteger;
import org.testcontainers.containers.GenericContainer;
import org.testcontainers.containers.wait.strategy.Wait;

/** As {@link TestPostgres}, with the server in a container, which Testcontainers removes after this JVM. */
final class ContainerPostgres {
    private static final int PORT = 5432;
    private static final String PASSWORD = "of-this-test-only";
    private static final AtomicInteger count = new AtomicInteger();

    private ContainerPostgres() {}

    /** A fresh, migrated, empty database. */
    static PostgresAddress database() {
        var address = Server.ADDRESS;
        var name = "test_" + count.incrementAndGet();
        TestPostgres.execute(address, "create database " + name);
        var database = address.withDatabase(name);
        Migrations.migrate(database);
        return database;
    }

    private static final class Server {
        static final PostgresAddress ADDRESS = start();

        @SuppressWarnings("resource") // lives as long as the JVM
        private static PostgresAddress start() {
            var postgres = new GenericContainer<>("postgres:18.6")
                    .withEnv("POSTGRES_PASSWORD", PASSWORD)
                    .withExposedPorts(PORT)
                    .waitingFor(Wait.forLogMessage(".*ready to accept connections.*\\n", 2)); // the first is of initdb
            postgres.start();
            return PostgresAddress.parse(new Secret("postgresql://postgres:%s@%s:%d/postgres"
                    .formatted(PASSWORD, postgres.getHost(), postgres.getMappedPort(PORT))));
        }
    }
}
