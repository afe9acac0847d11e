package io.taskpilot.app;

import io.taskpilot.telemetry.MetricsTable;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;

@Command(name = "metrics", description = "What a server counts.", synopsisSubcommandLabel = "COMMAND", hidden = true)
final class MetricsCommand {

    @Command(name = "table", description = "Prints the page that documents every metric.")
    static final class Describe implements Callable<Integer> {
        private final Shell shell;

        Describe(Shell shell) {
            this.shell = shell;
        }

        @Override
        public Integer call() {
            shell.out().print(MetricsTable.markdown());
            return ExitCode.OK;
        }
    }
}
