package io.taskpilot.app;

import com.fasterxml.jackson.core.JsonProcessingException;
import java.util.LinkedHashMap;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Answers an approval; the subclasses are the words people type. */
abstract sealed class AnswerCommand implements Callable<Integer> {
    private final Shell shell;

    @Mixin
    private ServerChoice choice = new ServerChoice();

    @Mixin
    private OutputOptions output = new OutputOptions();

    @Parameters(index = "0", paramLabel = "ID", description = "As in apr_...")
    private String id = "";

    @Option(names = "--reason", description = "Goes on record with the answer.", defaultValue = "")
    private String reason = "";

    private AnswerCommand(Shell shell) {
        this.shell = shell;
    }

    final Integer send(String answer, @Nullable String result, @Nullable String arguments) throws InterruptedException {
        var body = new LinkedHashMap<String, Object>();
        body.put("answer", answer);
        body.put("reason", reason);
        if (result != null) {
            body.put("result", json("--result", result));
        }
        if (arguments != null) {
            body.put("arguments", json("--arguments", arguments));
        }
        var path = "/v1/approvals/" + Ids.checked(id, "apr_") + "/answer";
        var approval = choice.need(shell).post(path, body);
        if (output.json()) {
            shell.out().println(ApiClient.json(approval));
        } else {
            shell.out()
                    .println("%s: %s; the run goes on (%s)"
                            .formatted(
                                    id,
                                    answer,
                                    Terminal.clean(approval.path("run_id").asText())));
        }
        return ExitCode.OK;
    }

    private static Object json(String option, String text) {
        try {
            return ApiClient.JSON.readTree(text);
        } catch (JsonProcessingException e) {
            throw new UsageFailure(option + ": not JSON (a text needs its quotes: '\"done\"')");
        }
    }

    @Command(name = "approve", description = "Lets exactly the call run that the approval shows.")
    static final class Approve extends AnswerCommand {
        Approve(Shell shell) {
            super(shell);
        }

        @Override
        public Integer call() throws InterruptedException {
            return send("approve", null, null);
        }
    }

    @Command(name = "reject", description = "Ends the run; the call never starts.")
    static final class Reject extends AnswerCommand {
        Reject(Shell shell) {
            super(shell);
        }

        @Override
        public Integer call() throws InterruptedException {
            return send("reject", null, null);
        }
    }

    @Command(
            name = "answer",
            description =
                    "Gives any answer that the approval offers: edit (with --arguments) for a call that waits; retry, "
                            + "mark_done (with --result) or abort for one whose outcome is unknown; continue or abort after a "
                            + "restore.")
    static final class Other extends AnswerCommand {
        @Parameters(index = "1", paramLabel = "ANSWER", description = "One that the approval offers.")
        private String answer = "";

        @Option(names = "--result", paramLabel = "JSON", description = "What the call is said to have returned.")
        private @Nullable String result;

        @Option(names = "--arguments", paramLabel = "JSON", description = "What the call is to run with instead.")
        private @Nullable String arguments;

        Other(Shell shell) {
            super(shell);
        }

        @Override
        public Integer call() throws InterruptedException {
            return send(answer, result, arguments);
        }
    }
}
