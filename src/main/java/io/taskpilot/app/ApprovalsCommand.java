package io.taskpilot.app;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(name = "approvals", description = "Lists what waits for a person; with an ID, shows exactly what would run.")
final class ApprovalsCommand implements Callable<Integer> {
    private final Shell shell;

    @Mixin
    private ServerChoice choice = new ServerChoice();

    @Mixin
    private OutputOptions output = new OutputOptions();

    @Parameters(arity = "0..1", paramLabel = "ID", description = "As in apr_...")
    private @Nullable String id;

    @Option(
            names = "--status",
            description = "pending, answered or expired (default: ${DEFAULT-VALUE}).",
            defaultValue = "pending")
    private String status = "pending";

    ApprovalsCommand(Shell shell) {
        this.shell = shell;
    }

    @Override
    public Integer call() throws InterruptedException {
        if (id != null) {
            var path = "/v1/approvals/" + Ids.checked(id, "apr_");
            show(choice.need(shell).get(path, Map.of()));
            return ExitCode.OK;
        }
        var query = new LinkedHashMap<String, String>();
        query.put("status", status);
        query.put("limit", "200");
        var answer = choice.need(shell).get("/v1/approvals", query);
        if (output.json()) {
            shell.out().println(ApiClient.json(answer));
        } else if (answer.path("items").isEmpty()) {
            shell.err().println("no approval is " + status);
        } else if (status.equals("pending")) {
            pending(answer.path("items"));
        } else {
            answered(answer.path("items"));
        }
        return ExitCode.OK;
    }

    private void pending(JsonNode items) {
        var table = new Table("approval", "expires", "kind", "rule", "call");
        for (var item : items) {
            table.row(
                    item.path("id").asText(),
                    FieldLines.second(item.path("expires_at")),
                    item.path("kind").asText(),
                    item.path("rule").asText(),
                    call(item));
        }
        print(table);
    }

    private void answered(JsonNode items) {
        var table = new Table("approval", "at", "answer", "by", "reason", "asked about");
        for (var item : items) {
            var answered = item.path("answered");
            table.row(
                    item.path("id").asText(),
                    FieldLines.second(answered.path("at")),
                    answered.path("answer").asText(),
                    answered.path("by").asText(),
                    answered.path("reason").asText(),
                    call(item));
        }
        print(table);
    }

    private void print(Table table) {
        table.lines(output.terminal(shell)).forEach(shell.out()::println);
    }

    private static String call(JsonNode approval) {
        return approval.path("tool").asText() + " " + approval.path("arguments");
    }

    private void show(JsonNode approval) {
        if (output.json()) {
            shell.out().println(ApiClient.json(approval));
        } else {
            FieldLines.print(approval, shell.out());
        }
    }
}
