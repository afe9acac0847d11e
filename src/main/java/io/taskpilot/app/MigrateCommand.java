package io.taskpilot.app;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(
        name = "migrate",
        description = "Brings the configured PostgreSQL up to date. The embedded one is, whenever the server starts.")
final class MigrateCommand implements Callable<Integer> {
    private final Shell shell;
    private final Jobs jobs;

    @Mixin
    private ConfigOptions config = new ConfigOptions();

    @Option(
            names = "--restored",
            description = "The database is from a backup: parks each unfinished run until a person answers continue or "
                    + "abort. Run it before any server starts.")
    private boolean restored;

    MigrateCommand(Shell shell, Jobs jobs) {
        this.shell = shell;
        this.jobs = jobs;
    }

    @Override
    public Integer call() {
        var url = config.load(shell).config().postgres().url();
        if (url == null) {
            throw new UsageFailure(
                    "postgres.url: missing (expected: the database to migrate, as in TASKPILOT_POSTGRES_URL)");
        }
        var ran = jobs.migrate().applyAsInt(url);
        shell.out()
                .println(
                        ran == 0
                                ? "up to date"
                                : "up to date, after " + ran + (ran == 1 ? " migration" : " migrations"));
        if (restored) {
            var parked = jobs.restored().applyAsInt(url);
            shell.out()
                    .println("%d unfinished run%s will ask a person before going on"
                            .formatted(parked, parked == 1 ? "" : "s"));
        }
        return ExitCode.OK;
    }
}
