package io.taskpilot.app;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(name = "runs", description = "Lists runs, newest first; with an ID, shows all there is to one.")
final class RunsCommand implements Callable<Integer> {
    private final Shell shell;

    @Mixin
    private ServerChoice choice = new ServerChoice();

    @Mixin
    private OutputOptions output = new OutputOptions();

    @Parameters(arity = "0..1", paramLabel = "ID", description = "As in run_...")
    private @Nullable String id;

    @Option(
            names = "--status",
            description =
                    "queued, running, awaiting_approval, succeeded, rejected, blocked, failed, timed_out, cancelled.")
    private @Nullable String status;

    @Option(names = "--since", paramLabel = "TIME", description = "Accepted then or later, as in 2026-11-23T13:00:00Z.")
    private @Nullable String since;

    @Mixin
    private PageOptions page = new PageOptions();

    RunsCommand(Shell shell) {
        this.shell = shell;
    }

    @Override
    public Integer call() throws InterruptedException {
        if (id != null && (status != null || since != null || page.isLater())) {
            throw new UsageFailure("with an ID there is one run, and nothing to choose it by");
        }
        var path = id == null ? "/v1/runs" : "/v1/runs/" + Ids.checked(id, "run_");
        var answer = choice.need(shell).get(path, id == null ? query() : Map.of());
        if (output.json()) {
            shell.out().println(ApiClient.json(answer));
        } else if (id == null) {
            list(answer);
        } else {
            FieldLines.print(answer, shell.out());
        }
        return ExitCode.OK;
    }

    private void list(JsonNode answer) {
        if (answer.path("items").isEmpty()) {
            shell.err().println(page.isLater() ? "no more" : status == null ? "no run" : "no run is " + status);
            return;
        }
        var table = new Table("run", "accepted", "status", "took", "request");
        for (var run : answer.path("items")) {
            table.row(
                    run.path("id").asText(),
                    FieldLines.second(run.path("created_at")),
                    run.path("status").asText(),
                    took(run.path("duration_s")),
                    run.path("input").asText());
        }
        table.lines(output.terminal(shell)).forEach(shell.out()::println);
        page.tellNext(answer, shell);
    }

    private static String took(JsonNode seconds) {
        return seconds.isNumber() ? String.format(Locale.ROOT, "%.3f s", seconds.asDouble()) : "";
    }

    private Map<String, String> query() {
        var query = new LinkedHashMap<String, String>();
        PageOptions.put(query, "status", status);
        PageOptions.put(query, "since", since);
        page.addTo(query);
        return query;
    }
}
