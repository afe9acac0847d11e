package io.taskpilot.app;

import io.taskpilot.app.Terminal.Look;
import io.taskpilot.config.TaskPilotConfig;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

@Command(name = "serve", description = "Runs the server until it is told to stop (SIGTERM, Ctrl-C).")
final class ServeCommand implements Callable<Integer> {
    private static final Logger log = LoggerFactory.getLogger(ServeCommand.class);

    private final Shell shell;
    private final Jobs jobs;

    @Mixin
    private ConfigOptions config = new ConfigOptions();

    ServeCommand(Shell shell, Jobs jobs) {
        this.shell = shell;
        this.jobs = jobs;
    }

    /** Returns only when the server could not start: a signal ends the process, with the code of that signal. */
    @Override
    public Integer call() throws Exception {
        var loaded = config.load(shell);
        Logging.ofServer(loaded.config(), shell.terminal().live());
        var version = Version.read();
        log.info("starting version={} revision={}", version.number(), version.revision());
        var hosted = HostedServer.start(jobs.start(), loaded.config());
        announce(version, hosted.server(), loaded.config());
        new CountDownLatch(1).await();
        return ExitCode.OK;
    }

    private void announce(Version version, LocalServer server, TaskPilotConfig config) {
        if (!shell.terminal().live()) {
            server.engines().forEach(engine -> log.info("engine {}", engine.replaceAll(" +", " ")));
            var url = server.url() == null ? "none" : server.url().toString();
            log.info("accepting url={} management={} data={}", url, server.managementUrl(), config.dataDir());
            return;
        }
        var out = shell.out();
        out.println(shell.terminal().paint(Look.BOLD, "TaskPilot") + " " + version);
        if (server.url() != null) {
            out.println("  api         "
                    + shell.terminal().paint(Look.CYAN, server.url().toString()));
        }
        out.println("  management  " + server.managementUrl());
        out.println("  data        " + config.dataDir());
        out.println("  conf        " + config.confDir());
        server.engines().forEach(engine -> out.println("  " + engine));
        if (server.url() == null) {
            return;
        }
        out.println(
                "  try         " + shell.commandName() + " run \"Create a high priority task\"" + this.config.again()
                        + shell.terminal().paint(Look.DIM, "  (in another terminal; Ctrl-C stops the server)"));
    }
}
