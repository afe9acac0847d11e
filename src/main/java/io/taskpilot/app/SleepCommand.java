package io.taskpilot.app;

import io.taskpilot.config.Durations;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

@Command(name = "sleep", description = "Waits. For the hooks of an image that has no shell.")
final class SleepCommand implements Callable<Integer> {
    @Parameters(paramLabel = "DURATION", description = "As in 5s; a bare number is seconds.")
    private String duration = "";

    @Override
    public Integer call() throws InterruptedException {
        var parsed = Durations.parse(duration.matches("[0-9]+") ? duration + "s" : duration);
        if (parsed == null) {
            throw new UsageFailure("'%s' (expected: a duration such as 5s)".formatted(duration));
        }
        Thread.sleep(parsed.toMillis());
        return ExitCode.OK;
    }
}
