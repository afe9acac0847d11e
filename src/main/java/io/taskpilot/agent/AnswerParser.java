package io.taskpilot.agent;

import io.taskpilot.engine.ChatModel;
import io.taskpilot.engine.ChatModel.FunctionCall;
import io.taskpilot.run.Agent;
import io.taskpilot.run.AgentAnswer;
import io.taskpilot.run.ReviewVerdict;
import io.taskpilot.run.StorableText;
import io.taskpilot.run.ToolCall;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** Reads a model's answer as its agent's contract has it. What does not fit is never bent until it does. */
final class AnswerParser {
    private static final int KEPT_CHARS = 4_000;
    private static final Pattern TOOL_NAME = Pattern.compile("[A-Za-z0-9_.-]{1,64}");
    private static final Map<String, ReviewVerdict> WORDS = Map.of(
            "APPROVE", ReviewVerdict.APPROVE, "REJECTED", ReviewVerdict.REJECTED, "REVIEW", ReviewVerdict.REVIEW);

    private final String text;
    private final List<FunctionCall> calls;

    AnswerParser(ChatModel.Answer answer) {
        text = StorableText.clean(answer.text());
        calls = answer.calls().stream()
                .map(call -> new FunctionCall(
                        call.id(), StorableText.clean(call.name()), StorableText.clean(call.arguments())))
                .toList();
    }

    /** Everything the model wrote: its text, then a line for each call. */
    String raw() {
        var made = calls.stream().map(call -> call.name() + " " + call.arguments());
        return text.isEmpty() || calls.isEmpty()
                ? text + made.collect(Collectors.joining("\n"))
                : text + "\n" + made.collect(Collectors.joining("\n"));
    }

    AgentAnswer planner() {
        if (calls.size() != 1 || !calls.get(0).name().equals(ProposeTask.NAME)) {
            return invalid(List.of(
                    "expected exactly one call of %s (got %d calls)".formatted(ProposeTask.NAME, calls.size())));
        }
        try {
            var arguments = StrictJson.object(calls.get(0).arguments());
            var mistakes = ProposeTask.mistakes(arguments);
            return mistakes.isEmpty() ? new AgentAnswer.Proposal(ProposeTask.proposal(arguments)) : invalid(mistakes);
        } catch (StrictJson.Malformed e) {
            return invalid(List.of("arguments of %s: %s".formatted(ProposeTask.NAME, e.detail())));
        }
    }

    AgentAnswer reviewer() {
        var verdict = calls.isEmpty() ? WORDS.getOrDefault(text.strip(), ReviewVerdict.REVIEW) : ReviewVerdict.REVIEW;
        return new AgentAnswer.Review(verdict, StorableText.cut(raw(), KEPT_CHARS));
    }

    /** @param before calls this run has made already */
    AgentAnswer executor(int before) {
        if (calls.isEmpty()) {
            return text.isBlank()
                    ? invalid(List.of("expected tool calls or a closing text (got neither)"))
                    : new AgentAnswer.Text(text);
        }
        var asked = new ArrayList<ToolCall>();
        var mistakes = new ArrayList<String>();
        for (var i = 0; i < calls.size(); i++) {
            var call = calls.get(i);
            if (!TOOL_NAME.matcher(call.name()).matches()) {
                mistakes.add("call %d: not a tool's name".formatted(i + 1));
                continue;
            }
            try {
                var arguments = StrictJson.object(call.arguments());
                asked.add(new ToolCall("call_" + (before + i + 1), Agent.EXECUTOR, call.name(), arguments));
            } catch (StrictJson.Malformed e) {
                mistakes.add("call %d, arguments of %s: %s".formatted(i + 1, call.name(), e.detail()));
            }
        }
        return mistakes.isEmpty() ? new AgentAnswer.Calls(text, asked) : invalid(mistakes);
    }

    private AgentAnswer.Invalid invalid(List<String> errors) {
        return new AgentAnswer.Invalid(StorableText.cut(raw(), KEPT_CHARS), errors);
    }
}
