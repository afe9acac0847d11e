package io.taskpilot.app;

import com.fasterxml.jackson.databind.JsonNode;
import io.taskpilot.app.RunDisplay.Place;
import io.taskpilot.config.Durations;
import io.taskpilot.config.TaskPilotConfig;
import io.taskpilot.run.RunStatus;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
        name = "run",
        description = "Submits a request and shows what becomes of it, live.",
        footer = {
            "",
            "Without --server it uses the server that runs on the data directory, else it starts one for this run.",
            "Exit codes: 0 succeeded, 10 rejected, 11 blocked, 12 failed, 13 timed out, 14 cancelled,",
            "15 awaiting approval (with --no-wait), 2 usage or configuration, 1 anything else."
        })
final class RunCommand implements Callable<Integer> {
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    private final Shell shell;
    private final Jobs jobs;

    @Mixin
    private ServerChoice choice = new ServerChoice();

    @Mixin
    private OutputOptions output = new OutputOptions();

    @Parameters(arity = "1..*", paramLabel = "REQUEST", description = "What is to be done, in plain words.")
    private List<String> words = List.of();

    @Option(
            names = "--timeout",
            paramLabel = "DURATION",
            description = "Of the run, as in 5m; waiting for a person excluded.")
    private @Nullable String timeout;

    @Option(names = "--require-approval", description = "Every tool call of this run needs an approval.")
    private boolean requireApproval;

    @Option(
            names = "--idempotency-key",
            paramLabel = "KEY",
            description = "The same key and request give the same run.")
    private @Nullable String idempotencyKey;

    @Option(names = "--no-wait", description = "Ends with 15 once the run waits for an approval.")
    private boolean noWait;

    RunCommand(Shell shell, Jobs jobs) {
        this.shell = shell;
        this.jobs = jobs;
    }

    @Override
    public Integer call() throws Exception {
        var request = request();
        var found = choice.find(shell);
        if (found.isPresent()) {
            return follow(
                    found.get(),
                    request,
                    new Place(choice.again(shell), found.get().server(), choice.shellKey(shell), true));
        }
        var config = choice.config().load(shell).config();
        try (var hosted = startServer(config)) {
            var later = URI.create(
                    "http://%s:%d".formatted(config.http().host(), config.http().port()));
            var client =
                    choice.client(shell, Objects.requireNonNull(hosted.server().url()));
            return follow(client, request, new Place(choice.again(shell), later, choice.shellKey(shell), false));
        }
    }

    private Map<String, Object> request() {
        var request = new LinkedHashMap<String, Object>();
        request.put("input", String.join(" ", words));
        if (timeout != null) {
            var duration = Durations.parse(timeout);
            if (duration == null || duration.toSeconds() < 1) {
                throw new UsageFailure("--timeout: '%s' (expected: a duration such as 30s or 5m)".formatted(timeout));
            }
            request.put("timeout_s", duration.toSeconds());
        }
        if (requireApproval) {
            request.put("require_approval", true);
        }
        return request;
    }

    private HostedServer startServer(TaskPilotConfig config) throws IOException {
        var log = config.dataDir().resolve("run.log");
        Logging.ofGuest(config, log);
        shell.err().println("no server runs on " + config.dataDir() + ": starting one for this run (log: " + log + ")");
        return HostedServer.start(jobs.start(), onFreePorts(config));
    }

    /** The configured ports unless they are taken: another server's data must not keep this run from starting. */
    private static TaskPilotConfig onFreePorts(TaskPilotConfig config) {
        var http = config.http();
        return config.unlisted(
                isFree(http.host(), http.port()) ? http.port() : 0,
                isFree(http.managementHost(), http.managementPort()) ? http.managementPort() : 0);
    }

    private static boolean isFree(String host, int port) {
        try (var socket = new ServerSocket()) {
            socket.setReuseAddress(true);
            socket.bind(new InetSocketAddress(host, port));
            return true;
        } catch (IOException taken) {
            return false;
        }
    }

    private int follow(ApiClient client, Map<String, Object> request, Place place) throws InterruptedException {
        var display = output.json()
                ? new RunDisplay.Json(shell.out())
                : new RunDisplay.Lines(shell.out(), output.terminal(shell), place);
        var follower = new RunFollower(client, display::event, display::live, display::note, PATIENCE);
        var key = idempotencyKey == null ? UUID.randomUUID().toString() : idempotencyKey;
        var watched = new AtomicBoolean(true);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> interrupt(display, follower, key, watched), "interrupt"));
        try {
            Predicate<JsonNode> enough = event -> noWait && isParked(event);
            var last = follower.run(request, key, enough);
            var status = RunFollower.status(last).orElse(RunStatus.RUNNING);
            display.finished(client, follower.runId(), status);
            return ExitCode.of(status);
        } finally {
            watched.set(false);
        }
    }

    /** Ctrl-C, or a kill: the only ends at which a run is still watched when the process shuts down. */
    private static void interrupt(RunDisplay display, RunFollower follower, String key, AtomicBoolean watched) {
        if (watched.get()) {
            if (follower.runId().isEmpty()) {
                display.note("stopped before an answer came; " + RunFollower.again(key));
            }
            display.interrupted(follower.runId());
        }
    }

    private static boolean isParked(JsonNode event) {
        return RunFollower.status(event)
                .filter(RunStatus.AWAITING_APPROVAL::equals)
                .isPresent();
    }
}
