package io.taskpilot.app;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Exit code 1 when a test fails, 2 when there is nothing to run them with. */
@Command(
        name = "test",
        description = {
            "Runs the Rego tests of a policy.",
            "Needs opa, as $OPA or on the PATH: the tests are no part of the module that the server runs."
        })
final class PolicyTestCommand implements Callable<Integer> {
    private final Shell shell;

    @Option(
            names = "--policy",
            paramLabel = "DIR",
            description = "Rego and its tests (default: ${DEFAULT-VALUE}).",
            defaultValue = "conf/policy")
    private Path policy = Path.of("conf/policy");

    PolicyTestCommand(Shell shell) {
        this.shell = shell;
    }

    @Override
    public Integer call() throws IOException, InterruptedException {
        var directory = shell.workDir().resolve(policy);
        if (!Files.isDirectory(directory)) {
            throw new UsageFailure("--policy: %s (expected: a directory with Rego)".formatted(policy));
        }
        var opa = candidates().filter(Files::isExecutable).findFirst();
        if (opa.isEmpty()) {
            throw new UsageFailure("there is no opa: no test was run"
                    + " (expected: opa on the PATH, or its path in OPA; the module has no tests in it)");
        }

        var process = new ProcessBuilder(opa.get().toString(), "test", "--verbose", directory.toString())
                .redirectErrorStream(true)
                .start();
        process.getOutputStream().close();
        process.getInputStream().transferTo(shell.out());
        return process.waitFor() == 0 ? ExitCode.OK : ExitCode.FAILURE;
    }

    private Stream<Path> candidates() {
        var named = shell.environment().get("OPA");
        var onPath = Arrays.stream(shell.environment().getOrDefault("PATH", "").split(File.pathSeparator))
                .map(directory -> Path.of(directory, "opa"));
        return Stream.concat(named == null ? Stream.of() : Stream.of(Path.of(named)), onPath);
    }
}
