package io.taskpilot.app;

import com.fasterxml.jackson.databind.JsonNode;
import io.taskpilot.telemetry.LogLevels;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

@Command(
        name = "log-level",
        description = "Shows or changes how much the server of this machine logs, until it is started again.")
final class LogLevelCommand implements Callable<Integer> {
    private static final Duration PATIENCE = Duration.ofSeconds(5);

    private final Shell shell;

    @Mixin
    private ConfigOptions config = new ConfigOptions();

    @Parameters(arity = "0..1", paramLabel = "LEVEL", description = "trace, debug, info, warn or error")
    private @Nullable String level;

    LogLevelCommand(Shell shell) {
        this.shell = shell;
    }

    @Override
    public Integer call() throws InterruptedException {
        if (level != null && !LogLevels.WORDS.contains(level.toLowerCase(Locale.ROOT))) {
            throw new UsageFailure("LEVEL: '%s' (expected: one of %s)".formatted(level, LogLevels.WORDS));
        }
        var url = HealthCommand.managementUrl(config.load(shell).config()).resolve("/log-level");
        try {
            var answer = send(url);
            if (answer.statusCode() != 200) {
                throw new CommandFailure("refused: " + detail(answer.body()));
            }
            shell.out().println(json(answer.body()).path("level").asText());
            return ExitCode.OK;
        } catch (IOException e) {
            throw new CommandFailure("no answer from " + url);
        }
    }

    private HttpResponse<String> send(URI url) throws IOException, InterruptedException {
        var request = HttpRequest.newBuilder(url).timeout(PATIENCE).header("Content-Type", "application/json");
        if (level != null) {
            var body = ApiClient.json(Map.of("level", level.toLowerCase(Locale.ROOT)));
            request.PUT(BodyPublishers.ofString(body));
        }
        return HttpClient.newBuilder()
                .version(HttpClient.Version.HTTP_1_1)
                .connectTimeout(PATIENCE)
                .build()
                .send(request.build(), BodyHandlers.ofString());
    }

    private static String detail(String body) throws IOException {
        return json(body).path("detail").asText();
    }

    private static JsonNode json(String body) throws IOException {
        return ApiClient.JSON.readTree(body);
    }
}
