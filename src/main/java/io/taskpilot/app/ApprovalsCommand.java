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
        } else {
            list(answer.path("items"));
        }
        return ExitCode.OK;
    }

    private void list(JsonNode items) {
        var table = new Table("approval", "expires", "rule", "would run");
        for (var item : items) {
            table.row(
                    item.path("id").asText(),
                    item.path("expires_at").asText().replaceAll("[.].*", "Z"),
                    item.path("rule").asText(),
                    item.path("tool").asText() + " " + item.path("arguments"));
        }
        table.lines(output.terminal(shell)).forEach(shell.out()::println);
    }

    private void show(JsonNode approval) {
        if (output.json()) {
            shell.out().println(ApiClient.json(approval));
            return;
        }
        approval.forEachEntry((name, value) -> {
            if (value.isObject()) {
                shell.out().println(name + ":");
                value.forEachEntry((inner, it) -> field("  " + inner, it));
            } else {
                field(name, value);
            }
        });
    }

    private void field(String name, JsonNode value) {
        if (!value.isNull()) {
            var text = value.isTextual() ? value.asText() : value.toString();
            shell.out().println("%-18s %s".formatted(Terminal.exact(name) + ":", Terminal.exact(text)));
        }
    }
}
