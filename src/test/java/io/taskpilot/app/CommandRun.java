package io.taskpilot.app;

import static java.nio.charset.StandardCharsets.UTF_8;

import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.util.ContextInitializer;
import ch.qos.logback.core.joran.spi.JoranException;
import io.taskpilot.config.Secret;
import io.taskpilot.config.TaskPilotConfig;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.slf4j.LoggerFactory;

/** Runs commands as a shell would, in a directory of their own, without a process for each. */
final class CommandRun {
    final Path dir;
    final Map<String, String> environment = new HashMap<>();
    final List<Secret> migrated = new ArrayList<>();
    Function<TaskPilotConfig, LocalServer> start = config -> {
        throw new IllegalStateException("no server is to be started here");
    };

    CommandRun(Path dir) {
        this.dir = dir;
        try {
            Files.createDirectories(dir.resolve("conf"));
            Files.writeString(dir.resolve("conf/taskpilot.yaml"), "environment: test\n");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** What the command left behind. */
    record End(int code, String out, String err) {}

    /** Commands that start a server say where its log goes; other tests have their own idea. */
    static void restoreLogging() throws JoranException {
        var context = (LoggerContext) LoggerFactory.getILoggerFactory();
        context.reset();
        new ContextInitializer(context).autoConfig();
    }

    End run(String... args) {
        var out = new ByteArrayOutputStream();
        var err = new ByteArrayOutputStream();
        var shell = new Shell(
                new PrintStream(out, true, UTF_8),
                new PrintStream(err, true, UTF_8),
                Terminal.PLAIN,
                Map.copyOf(environment),
                dir,
                null);
        var jobs = new Jobs(start, this::migrate, this::restored);
        var code = new Cli(shell, jobs).run(args);
        return new End(code, out.toString(UTF_8), err.toString(UTF_8));
    }

    private int restored(Secret url) {
        return migrated.contains(url) ? 1 : 0;
    }

    private int migrate(Secret url) {
        migrated.add(url);
        return 2;
    }
}
