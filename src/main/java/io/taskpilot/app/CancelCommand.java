package io.taskpilot.app;

import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

@Command(
        name = "cancel",
        description = "Has a run stop: within a second for one that calls something, at once for one that waits. "
                + "One that has ended stays as it is.")
final class CancelCommand implements Callable<Integer> {
    private final Shell shell;

    @Mixin
    private ServerChoice choice = new ServerChoice();

    @Mixin
    private OutputOptions output = new OutputOptions();

    @Parameters(index = "0", paramLabel = "ID", description = "As in run_...")
    private String id = "";

    CancelCommand(Shell shell) {
        this.shell = shell;
    }

    @Override
    public Integer call() throws InterruptedException {
        var path = "/v1/runs/" + Ids.checked(id, "run_") + "/cancel";
        var run = choice.need(shell).post(path, Map.of());
        if (output.json()) {
            shell.out().println(ApiClient.json(run));
        } else {
            var status = Terminal.clean(run.path("status").asText());
            shell.out()
                    .println("%s: %s%s"
                            .formatted(id, status, run.hasNonNull("finished_at") ? "" : ", will be cancelled"));
        }
        return ExitCode.OK;
    }
}
