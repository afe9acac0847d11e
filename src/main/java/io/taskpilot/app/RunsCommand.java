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

    @Option(names = "--limit", description = "1 to 200 (default: ${DEFAULT-VALUE}).", defaultValue = "50")
    private int limit = 50;

    @Option(names = "--cursor", paramLabel = "CURSOR", description = "The page after another, whose end names it.")
    private @Nullable String cursor;

    RunsCommand(Shell shell) {
        this.shell = shell;
    }

    @Override
    public Integer call() throws InterruptedException {
        if (id != null && (status != null || since != null || cursor != null)) {
            throw new UsageFailure("with an ID there is one run, and nothing to choose it by");
        }
        var path = id == null ? "/v1/runs" : "/v1/runs/" + Ids.checked(id, "run_");
        var answer = choice.need(shell).get(path, id == null ? query() : Map.of());
        if (output.json()) {
            shell.out().println(ApiClient.json(answer));
        } else if (id == null) {
            list(answer);
        } else {
            Fields.print(answer, shell.out());
        }
        return ExitCode.OK;
    }

    private void list(JsonNode answer) {
        if (answer.path("items").isEmpty()) {
            shell.err().println(cursor != null ? "no more" : status == null ? "no run" : "no run is " + status);
            return;
        }
        var table = new Table("run", "accepted", "status", "took", "request");
        for (var run : answer.path("items")) {
            table.row(
                    run.path("id").asText(),
                    Fields.second(run.path("created_at")),
                    run.path("status").asText(),
                    took(run.path("duration_s")),
                    run.path("input").asText());
        }
        table.lines(output.terminal(shell)).forEach(shell.out()::println);
        if (answer.hasNonNull("next_cursor")) {
            var next = Terminal.clean(answer.path("next_cursor").asText());
            shell.err().println("there are more: the same with --cursor " + next);
        }
    }

    private static String took(JsonNode seconds) {
        return seconds.isNumber() ? String.format(Locale.ROOT, "%.3f s", seconds.asDouble()) : "";
    }

    private Map<String, String> query() {
        var query = new LinkedHashMap<String, String>();
        put(query, "status", status);
        put(query, "since", since);
        put(query, "cursor", cursor);
        query.put("limit", String.valueOf(limit));
        return query;
    }

    private static void put(Map<String, String> query, String name, @Nullable String value) {
        if (value != null) {
            query.put(name, value);
        }
    }
}
