package io.taskpilot.app;

import io.taskpilot.config.TaskPilotConfig;
import java.util.List;

/**
 * The product's own server, in a process that can be told where in its work with the journal to stop or die: see {@link
 * PausePoints}. Its arguments are points in the form of the commands; more commands come on standard input.
 */
public final class ChaosNode {
    private ChaosNode() {}

    public static void main(String[] args) {
        var points = new PausePoints();
        List.of(args).forEach(points::command);
        points.listen();
        var jobs = Main.jobs();
        var chaos = new Jobs(config -> start(config, points), jobs.migrate(), jobs.restored());
        System.exit(new Cli(Shell.ofProcess(), chaos).run("serve"));
    }

    private static LocalServer start(TaskPilotConfig config, PausePoints points) {
        var server = Server.start(config, points::around);
        points.say("url " + server.url());
        return new LocalServer(server.url(), server.managementUrl(), server.engines(), server::close, server::hurry);
    }
}
