package io.taskpilot.app;

import io.taskpilot.config.TaskPilotConfig;
import io.taskpilot.journal.Migrations;
import io.taskpilot.journal.PostgresAddress;

/** The process: commands in, an exit code out. */
public final class Main {
    private Main() {}

    public static void main(String[] args) {
        var jobs = new Jobs(Main::start, url -> Migrations.migrate(PostgresAddress.parse(url)));
        // Vert.x threads are not daemons: without exit, a half-started process would stay up
        System.exit(new Cli(Shell.ofProcess(), jobs).run(args));
    }

    private static LocalServer start(TaskPilotConfig config) {
        var server = Server.start(config);
        return new LocalServer(server.url(), server.managementUrl(), server.engines(), server::close, server::hurry);
    }
}
