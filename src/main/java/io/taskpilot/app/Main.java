package io.taskpilot.app;

import io.taskpilot.config.Secret;
import io.taskpilot.config.TaskPilotConfig;
import io.taskpilot.journal.Migrations;
import io.taskpilot.journal.PostgresAddress;
import io.taskpilot.journal.RestoredRuns;
import io.vertx.core.Vertx;

/** The process: commands in, an exit code out. */
public final class Main {
    private Main() {}

    public static void main(String[] args) {
        // Vert.x threads are not daemons: without exit, a half-started process would stay up
        System.exit(new Cli(Shell.ofProcess(), jobs()).run(args));
    }

    static Jobs jobs() {
        return new Jobs(Main::start, url -> Migrations.migrate(PostgresAddress.parse(url)), Main::parkRestored);
    }

    private static int parkRestored(Secret url) {
        var vertx = Vertx.vertx();
        try {
            return RestoredRuns.park(vertx, PostgresAddress.parse(url)).await();
        } finally {
            vertx.close().await();
        }
    }

    private static LocalServer start(TaskPilotConfig config) {
        var server = Server.start(config);
        return new LocalServer(server.url(), server.managementUrl(), server.engines(), server::close, server::hurry);
    }
}
