package io.taskpilot.app;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.taskpilot.config.ConfigException;
import io.taskpilot.config.Spelling;
import java.io.PrintWriter;
import java.net.URI;
import java.util.concurrent.Callable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.TypeConversionException;
import picocli.CommandLine.UnmatchedArgumentException;

/** The command line: which command there is for each word, and which exit code for each end. */
final class Cli {
    private static final Logger log = LoggerFactory.getLogger(Cli.class);

    @Command(
            name = "taskpilot",
            description = "A self-hosted agent server: durable runs, policy on every tool call, people in the loop.",
            mixinStandardHelpOptions = true,
            synopsisSubcommandLabel = "COMMAND",
            footer = {"", "taskpilot COMMAND --help tells more."})
    private static final class Root {}

    private final Shell shell;
    private final Jobs jobs;

    Cli(Shell shell, Jobs jobs) {
        this.shell = shell;
        this.jobs = jobs;
    }

    /** Runs one command; never throws. */
    int run(String... args) {
        var line = new CommandLine(new Root())
                .addSubcommand(new ServeCommand(shell, jobs))
                .addSubcommand(new RunCommand(shell, jobs))
                .addSubcommand(new RunsCommand(shell))
                .addSubcommand(new CancelCommand(shell))
                .addSubcommand(new ApprovalsCommand(shell))
                .addSubcommand(new AnswerCommand.Approve(shell))
                .addSubcommand(new AnswerCommand.Reject(shell))
                .addSubcommand(new AnswerCommand.Other(shell))
                .addSubcommand(
                        new CommandLine(new DecisionsCommand(shell)).addSubcommand(new DecisionsCommand.Verify(shell)))
                .addSubcommand(new CommandLine(new PolicyCommand())
                        .addSubcommand(new BacktestCommand(shell))
                        .addSubcommand(new PolicyTestCommand(shell)))
                .addSubcommand(new MigrateCommand(shell, jobs))
                .addSubcommand(new CommandLine(new KeysCommand())
                        .addSubcommand(new KeysCommand.Hash(shell))
                        .addSubcommand(new KeysCreateCommand(shell))
                        .addSubcommand(new ProvisionCommand(shell)))
                .addSubcommand(new CommandLine(new ConfigCommand())
                        .addSubcommand(new ConfigCommand.Print(shell))
                        .addSubcommand(new ConfigCommand.Describe(shell)))
                .addSubcommand(new CommandLine(new MetricsCommand()).addSubcommand(new MetricsCommand.Describe(shell)))
                .addSubcommand(new HealthCommand(shell))
                .addSubcommand(new LogLevelCommand(shell))
                .addSubcommand(new SleepCommand());
        everyCommand(line);
        line.registerConverter(URI.class, Cli::url);
        line.getCommandSpec().version("taskpilot " + Version.read());
        return line.execute(args);
    }

    private void everyCommand(CommandLine line) {
        line.setOut(new PrintWriter(shell.out(), true, UTF_8));
        line.setErr(new PrintWriter(shell.err(), true, UTF_8));
        line.setColorScheme(CommandLine.Help.defaultColorScheme(shell.terminal().colour() ? Ansi.ON : Ansi.OFF));
        line.setUsageHelpWidth(
                shell.terminal().width() > 80 ? Math.min(shell.terminal().width(), 120) : 100);
        line.setParameterExceptionHandler((wrong, arguments) -> refuse(wrong));
        line.setExecutionExceptionHandler((thrown, command, parsed) -> explain(thrown));
        line.getCommandSpec().mixinStandardHelpOptions(true);
        line.getSubcommands().values().forEach(this::everyCommand);
    }

    private static URI url(String text) {
        var url = ServerChoice.url(text);
        if (url == null) {
            throw new TypeConversionException("'%s' (expected: %s)".formatted(text, ServerChoice.A_URL));
        }
        return url;
    }

    /** The reason alone: under a page of help it would be what scrolls away. */
    private int refuse(ParameterException wrong) {
        var command = wrong.getCommandLine();
        var isOnlyGroup = !(command.getCommand() instanceof Callable<?>);
        if (isOnlyGroup && !(wrong instanceof UnmatchedArgumentException)) {
            command.usage(command.getErr());
        }
        shell.err().println("taskpilot: " + wrong.getMessage() + meant(wrong, command));
        shell.err()
                .println("  %s --help tells more"
                        .formatted(command.getCommandSpec().qualifiedName()));
        return ExitCode.USAGE;
    }

    private static String meant(ParameterException wrong, CommandLine command) {
        if (!(wrong instanceof UnmatchedArgumentException unmatched)) {
            return "";
        }
        var known = unmatched.isUnknownOption()
                ? command.getCommandSpec().optionsMap().keySet()
                : command.getSubcommands().keySet();
        var nearest = Spelling.nearest(unmatched.getUnmatched().get(0).replaceAll("=.*", ""), known);
        return nearest == null ? "" : ", did you mean " + nearest + "?";
    }

    private int explain(Exception thrown) {
        if (thrown instanceof ConfigException || thrown instanceof UsageFailure) {
            shell.err().println("taskpilot: " + thrown.getMessage());
            return ExitCode.USAGE;
        }
        if (thrown instanceof CommandFailure) {
            shell.err().println("taskpilot: " + thrown.getMessage());
            return ExitCode.FAILURE;
        }
        shell.err().println("taskpilot: " + reasons(thrown));
        log.debug("command failed", thrown);
        return ExitCode.FAILURE;
    }

    /** The messages of the failure and of what caused it, each once: the first alone often names no cause. */
    private static String reasons(Throwable thrown) {
        var text = new StringBuilder();
        for (var cause = thrown; cause != null; cause = cause.getCause()) {
            var message = cause.getMessage() == null ? cause.getClass().getSimpleName() : cause.getMessage();
            if (text.indexOf(message) < 0) {
                text.append(text.isEmpty() ? "" : ": ").append(message);
            }
        }
        return text.toString();
    }
}
