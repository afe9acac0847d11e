package io.taskpilot.journal;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** A real PostgreSQL of one test's own, to be stopped, started again on the same port, and otherwise ill-treated. */
public final class Postmaster implements AutoCloseable {
    private static final String HELD = "test";

    private static final int CONNECTIONS = 30;

    private final Path dir;
    private final LocalPostgres local;
    private final List<Connection> held = new ArrayList<>();

    private Postmaster(Path dir, LocalPostgres local) {
        this.dir = dir;
        this.local = local;
    }

    public static Postmaster start() throws IOException {
        var dir = Files.createTempDirectory("taskpilot-postmaster-");
        return new Postmaster(dir, LocalPostgres.start(dir, settings()));
    }

    private static Map<String, String> settings() {
        return Map.of("fsync", "off", "max_connections", Integer.toString(CONNECTIONS));
    }

    public PostgresAddress address() {
        return local.address();
    }

    /** Sessions are cut. */
    public void stopFast() {
        control("stop", "-m", "fast", "-w");
    }

    /** Every process is killed; what is committed comes back from the write-ahead log. */
    public void stopImmediately() {
        control("stop", "-m", "immediate", "-w");
    }

    public void startAgain() {
        var options = new StringBuilder("-p %d -c listen_addresses=127.0.0.1"
                        .formatted(address().port()))
                .append(" -c unix_socket_directories=''");
        settings().forEach((name, value) -> options.append(" -c %s=%s".formatted(name, value)));
        control("start", "-l", dir.resolve("again.log").toString(), "-o", options.toString(), "-w", "-t", "60");
    }

    private void control(String what, String... more) {
        try {
            var command = new ArrayList<String>();
            if (Integer.valueOf(0).equals(Files.getAttribute(dir, "unix:uid"))) {
                command.addAll(List.of("unshare", "-U")); // as LocalPostgres does for root
            }
            var program = PostgresBinaries.unpacked(dir).resolve("bin").resolve("pg_ctl");
            command.addAll(List.of(
                    program.toString(), what, "-D", dir.resolve("postgres").toString()));
            command.addAll(List.of(more));
            var process = new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectOutput(dir.resolve("control.out").toFile())
                    .start();
            if (!process.waitFor(60, TimeUnit.SECONDS) || process.exitValue() != 0) {
                throw new IllegalStateException(Files.readString(dir.resolve("control.out")));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Ends every session but those of this object. */
    public void cutSessions() {
        TestPostgres.query(
                address(),
                "select count(pg_terminate_backend(pid)) from pg_stat_activity"
                        + " where application_name = 'taskpilot' and pid <> pg_backend_pid()");
    }

    public void readOnly(boolean yes) {
        hold("set default_transaction_read_only = off");
        run(
                yes
                        ? "alter system set default_transaction_read_only = on"
                        : "alter system reset default_transaction_read_only");
        run("select pg_reload_conf()");
        release();
    }

    /** @param names of standbys that are not there: each commit waits for them; empty for none */
    public void waitForStandbys(String names) {
        hold("select 1");
        run("alter system set synchronous_standby_names = '" + names + "'");
        run("select pg_reload_conf()");
        release();
    }

    /** Every connection the server allows is somebody else's, those of superusers included. */
    public void exhaust() {
        hold("select 1");
        var most = 3 * CONNECTIONS;
        for (var tries = 0; tries < most; tries++) {
            run("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'taskpilot'");
            try {
                hold("select 1");
            } catch (IllegalStateException full) {
                if (full.getCause() instanceof SQLException sql && "53300".equals(sql.getSQLState())) {
                    if (Integer.parseInt(count()) == 0) {
                        return;
                    }
                } else {
                    throw full;
                }
            }
        }
        throw new IllegalStateException("never full");
    }

    /** All that are not ours: one that is just being opened does not say yet whose it is. */
    private String count() {
        try (var statement = held.get(0).createStatement();
                var rows = statement.executeQuery("""
                        select count(*) from pg_stat_activity where backend_type = 'client backend'
                          and coalesce(application_name, '') not in ('%s', 'PostgreSQL JDBC Driver')
                        """.formatted(HELD))) {
            rows.next();
            return rows.getString(1);
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Runs a statement in a session that stays open until {@link #release}. */
    public void hold(String sql) {
        var properties = address().jdbcProperties();
        properties.setProperty("ApplicationName", HELD);
        try {
            held.add(DriverManager.getConnection(address().jdbcUrl(), properties));
            try (var statement = held.get(held.size() - 1).createStatement()) {
                statement.execute(sql);
            }
        } catch (SQLException e) {
            throw new IllegalStateException(sql, e);
        }
    }

    private void run(String sql) {
        try (var statement = held.get(0).createStatement()) {
            statement.execute(sql);
        } catch (SQLException e) {
            throw new IllegalStateException(sql, e);
        }
    }

    public void release() {
        try {
            for (var connection : held) {
                connection.close();
            }
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
        held.clear();
    }

    @Override
    public void close() throws IOException {
        release();
        local.close();
        TestPostgres.delete(dir);
    }
}
