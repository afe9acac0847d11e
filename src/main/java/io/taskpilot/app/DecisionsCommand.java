package io.taskpilot.app;

import com.fasterxml.jackson.databind.JsonNode;
import io.taskpilot.app.Terminal.Look;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(name = "decisions", description = "Lists the decision log, newest first.")
final class DecisionsCommand implements Callable<Integer> {
    private final Shell shell;

    @Mixin
    private ServerChoice choice = new ServerChoice();

    @Mixin
    private OutputOptions output = new OutputOptions();

    @Option(names = "--run", paramLabel = "ID", description = "Of one run.")
    private @Nullable String run;

    @Option(names = "--type", description = "tool_call, guardrails_input, guardrails_output, human_approval, ingress.")
    private @Nullable String type;

    @Option(names = "--result", description = "allow, deny, require_approval, modified, error.")
    private @Nullable String result;

    @Option(names = "--tool", description = "As in create_task.")
    private @Nullable String tool;

    @Mixin
    private PageOptions page = new PageOptions();

    DecisionsCommand(Shell shell) {
        this.shell = shell;
    }

    @Override
    public Integer call() throws InterruptedException {
        var answer = choice.need(shell).get("/v1/decisions", query());
        if (output.json()) {
            shell.out().println(ApiClient.json(answer));
            return ExitCode.OK;
        }
        var table = new Table("at", "type", "result", "tool", "rule", "latency", "run", "reason");
        for (var item : answer.path("items")) {
            table.row(
                    FieldLines.second(item.path("created_at")),
                    item.path("decision_type").asText(),
                    item.path("result").asText(),
                    item.path("tool").asText(),
                    item.path("rule").asText(),
                    String.format(
                            Locale.ROOT, "%.1f ms", item.path("latency_ms").asDouble()),
                    item.path("run_id").asText(""),
                    item.path("reason").asText());
        }
        table.lines(output.terminal(shell)).forEach(shell.out()::println);
        page.tellNext(answer, shell);
        return ExitCode.OK;
    }

    private Map<String, String> query() {
        var query = new LinkedHashMap<String, String>();
        PageOptions.put(query, "run_id", run);
        PageOptions.put(query, "decision_type", type);
        PageOptions.put(query, "result", result);
        PageOptions.put(query, "tool", tool);
        page.addTo(query);
        return query;
    }

    @Command(
            name = "verify",
            description = "Checks the hash chains of the log and its daily seals, and says what is wrong.",
            footer = {
                "",
                "Exit codes: 0 nothing is wrong, 3 something is, 2 usage or configuration, 1 it could not be told."
            })
    static final class Verify implements Callable<Integer> {
        private final Shell shell;

        @Mixin
        private ServerChoice choice = new ServerChoice();

        @Mixin
        private OutputOptions output = new OutputOptions();

        Verify(Shell shell) {
            this.shell = shell;
        }

        @Override
        public Integer call() throws InterruptedException {
            var answer = choice.need(shell).last("/v1/decisions/verify");
            if (!answer.path("intact").isBoolean()) {
                throw new CommandFailure("the answer ended before the log was verified");
            }
            var isIntact = answer.path("intact").asBoolean();
            if (output.json()) {
                shell.out().println(ApiClient.json(answer));
            } else {
                print(answer, isIntact);
            }
            return isIntact ? ExitCode.OK : ExitCode.DIFFERENT;
        }

        private void print(JsonNode answer, boolean isIntact) {
            var terminal = output.terminal(shell);
            var verdict = isIntact ? terminal.paint(Look.GREEN, "intact") : terminal.paint(Look.RED, "BROKEN");
            shell.out()
                    .println("%s: %d decisions in %d chains, %d seals up to %s, %d compared with their copy"
                            .formatted(
                                    verdict,
                                    answer.path("rows").asLong(),
                                    answer.path("chains").asLong(),
                                    answer.path("seals").asLong(),
                                    answer.path("sealed_to").asText("none"),
                                    answer.path("copies").asLong()));
            var broken = answer.path("broken");
            broken.forEach(one -> shell.out()
                    .println("  %-5s  %s"
                            .formatted(
                                    Terminal.clean(one.path("check").asText()),
                                    Terminal.clean(one.path("what").asText()))));
            var more = answer.path("found").asLong() - broken.size();
            if (more > 0) {
                shell.out().println("  and %d more".formatted(more));
            }
            if (answer.path("copies_unread").asLong() > 0) {
                shell.out()
                        .println("  not compared: %d copies, as the object store does not answer"
                                .formatted(answer.path("copies_unread").asLong()));
            }
        }
    }
}
