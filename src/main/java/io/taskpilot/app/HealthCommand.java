package io.taskpilot.app;

import io.taskpilot.config.TaskPilotConfig;
import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

@Command(
        name = "health",
        description =
                "Asks the server of this machine whether it is alive: exit code 0 or 1. For container health checks.")
final class HealthCommand implements Callable<Integer> {
    private static final Duration PATIENCE = Duration.ofSeconds(2); // less than container health checks are given
    private final Shell shell;

    @Mixin
    private ConfigOptions config = new ConfigOptions();

    HealthCommand(Shell shell) {
        this.shell = shell;
    }

    @Override
    public Integer call() throws InterruptedException {
        var url = managementUrl(config.load(shell).config());
        try {
            if (ServerRecord.isLive(url, PATIENCE)) {
                shell.out().println("alive: " + url);
                return ExitCode.OK;
            }
            throw new CommandFailure("not alive: " + url);
        } catch (IOException e) {
            throw new CommandFailure("no answer from " + url);
        }
    }

    /** A port of 0 is known only to the server that got one, and to its record. */
    static URI managementUrl(TaskPilotConfig config) {
        var http = config.http();
        if (http.managementPort() == 0) {
            return ServerRecord.read(config.dataDir())
                    .map(ServerRecord::managementUrl)
                    .orElseThrow(() -> new CommandFailure("no server runs on " + config.dataDir()));
        }
        var host = switch (http.managementHost()) {
            case "0.0.0.0" -> "127.0.0.1";
            case "::", "::1" -> "[::1]";
            default -> http.managementHost();
        };
        return URI.create("http://" + host + ":" + http.managementPort());
    }
}
