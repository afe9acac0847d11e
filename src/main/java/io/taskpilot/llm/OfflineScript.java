package io.taskpilot.llm;

import io.taskpilot.engine.ChatModel.FunctionCall;
import io.taskpilot.engine.ChatModel.Message;
import io.taskpilot.engine.ChatModel.Request;
import io.taskpilot.engine.ChatModel.Role;
import io.vertx.core.json.JsonObject;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** What the offline model answers to one request, which it knows by its messages and functions alone. */
final class OfflineScript {
    private static final String BROKEN = "{\"title\": \"Broken";
    private static final Pattern TASK_ID = Pattern.compile("task_[0-9a-f-]{36}");

    /** @param text empty beside calls */
    record Said(String text, List<FunctionCall> calls) {}

    private final Request request;
    private final OfflineRequest asked;

    OfflineScript(Request request) {
        this.request = request;
        this.asked = new OfflineRequest(section("request"));
    }

    boolean asksFor(String phrase) {
        return asked.says(phrase);
    }

    /** Who is asked shows in what is offered and how the answer has to look, as it does to a real model. */
    Said answer() {
        if (isOffered("propose_task")) {
            return plan();
        }
        var system = request.messages().stream()
                .filter(message -> message.role() == Role.SYSTEM)
                .map(Message::text)
                .findFirst()
                .orElse("");
        return system.contains("APPROVE") && system.contains("REJECTED") ? review() : execute();
    }

    private Said plan() {
        var first = turns().isEmpty();
        if (asksFor("always emit invalid json") || (first && asksFor("emit invalid json"))) {
            return call(new FunctionCall("offline_1", "propose_task", BROKEN));
        }
        var task = new JsonObject()
                .put("title", asked.title())
                .put("priority", asked.priority())
                .put("description", asked.description());
        return call(new FunctionCall("offline_1", "propose_task", task.encode()));
    }

    private Said review() {
        if (asksFor("emit do not approve")) {
            return new Said("DO NOT APPROVE", List.of());
        }
        if (asked.isHarmful()) {
            return new Said("REJECTED", List.of());
        }
        return new Said(asked.isAmbiguous() ? "REVIEW" : "APPROVE", List.of());
    }

    private Said execute() {
        if (turns().isEmpty() && asksFor("emit an invalid tool call")) {
            return call(new FunctionCall("offline_1", "create_task", BROKEN));
        }
        if (asksFor("keep calling tools")) {
            return call(new FunctionCall("offline_" + turns().size(), "list_tasks", "{}"));
        }
        var made = turns().stream().flatMap(turn -> turn.calls().stream()).toList();
        if (made.isEmpty()) {
            var calls = firstCalls();
            return calls.isEmpty() ? new Said("I was offered nothing to do this with.", List.of()) : said(calls);
        }
        var updated = made.stream().anyMatch(call -> call.name().equals("update_task"));
        var found = results().map(Message::text).flatMap(OfflineScript::taskIds).findFirst();
        if (asked.asksToUpdate() && !updated && found.isPresent() && isOffered("update_task")) {
            return said(List.of(update(found.get())));
        }
        return new Said(closing(made), List.of());
    }

    private List<FunctionCall> firstCalls() {
        var calls = new ArrayList<FunctionCall>();
        var proposal = proposal();
        if (isOffered("create_task")) {
            var changed = asksFor("change the title")
                    ? proposal.copy().put("title", proposal.getString("title", "") + " (changed)")
                    : proposal;
            calls.add(call("create_task", changed));
        }
        if (asksFor("call an unoffered tool")) {
            calls.add(call("run_shell_command", new JsonObject().put("command", "uname -a")));
        }
        if (asked.asksToDelete()) {
            calls.add(call("delete_task", new JsonObject().put("task_id", "all")));
        }
        var named = taskIds(asked.text()).findFirst();
        if (asked.asksToUpdate() && named.isPresent() && isOffered("update_task")) {
            calls.add(update(named.get()));
        } else if ((asked.asksToList() || asked.asksToUpdate()) && isOffered("list_tasks")) {
            calls.add(call("list_tasks", new JsonObject()));
        }
        if (asked.asksToNotify() && isOffered("notify_external_system")) {
            calls.add(notification(proposal));
        }
        return calls;
    }

    private FunctionCall update(String taskId) {
        return call("update_task", new JsonObject().put("task_id", taskId).put("priority", asked.priority()));
    }

    private FunctionCall notification(JsonObject proposal) {
        var fallback = "Task \"%s\" (%s priority) is on record."
                .formatted(proposal.getString("title", ""), proposal.getString("priority", ""));
        var notice = asked.notice(destinations(), fallback);
        return call(
                "notify_external_system",
                new JsonObject().put("destination", notice.destination()).put("message", notice.message()));
    }

    /** The destinations that the offered function's schema lists. */
    private List<String> destinations() {
        return request.functions().stream()
                .filter(function -> function.name().equals("notify_external_system"))
                .map(function -> function.parameters().get("properties"))
                .map(properties -> properties instanceof Map<?, ?> map ? map.get("destination") : null)
                .map(destination -> destination instanceof Map<?, ?> map ? map.get("enum") : null)
                .flatMap(names -> names instanceof List<?> list ? list.stream() : Stream.empty())
                .map(String::valueOf)
                .toList();
    }

    private String closing(List<FunctionCall> made) {
        if (asksFor("answer with nothing")) {
            return "";
        }
        var done = new ArrayList<String>();
        var failed = new ArrayList<String>();
        for (var call : made) {
            var refused = results()
                    .anyMatch(result ->
                            call.id().equals(result.callId()) && result.text().startsWith("{\"error\""));
            (refused ? failed : done).add(call.name());
        }
        var text = new StringBuilder("Task \"%s\".".formatted(proposal().getString("title", "")));
        if (!done.isEmpty()) {
            text.append(" Done: ").append(String.join(", ", done)).append('.');
        }
        if (!failed.isEmpty()) {
            text.append(" Not done: ").append(String.join(", ", failed)).append('.');
        }
        if (asksFor("emit a secret")) {
            text.append(" The key is AKIA").append("IOSFODNN7EXAMPLE."); // the one of AWS's documentation
        }
        return text.toString();
    }

    private Said said(List<FunctionCall> calls) {
        return new Said("", calls);
    }

    private Said call(FunctionCall call) {
        return said(List.of(call));
    }

    private static FunctionCall call(String name, JsonObject arguments) {
        return new FunctionCall("offline_" + name, name, arguments.encode());
    }

    private boolean isOffered(String function) {
        return request.functions().stream().anyMatch(offered -> offered.name().equals(function));
    }

    private List<Message> turns() {
        return request.messages().stream()
                .filter(message -> message.role() == Role.ASSISTANT)
                .toList();
    }

    private Stream<Message> results() {
        return request.messages().stream().filter(message -> message.role() == Role.TOOL);
    }

    private static Stream<String> taskIds(String text) {
        return TASK_ID.matcher(text.toLowerCase(Locale.ROOT)).results().map(match -> match.group());
    }

    /** The task under review; without one, what the planner would have proposed. */
    private JsonObject proposal() {
        var text = section("task");
        return text.startsWith("{")
                ? new JsonObject(text)
                : new JsonObject()
                        .put("title", asked.title())
                        .put("priority", asked.priority())
                        .put("description", asked.description());
    }

    /** The text between {@code <name-MARK>} and {@code </name-MARK>}; without marks, the first thing a user says. */
    private String section(String name) {
        var text = request.messages().stream()
                .filter(message -> message.role() == Role.USER)
                .map(Message::text)
                .findFirst()
                .orElse("");
        var open = text.indexOf("<" + name + "-");
        var end = open < 0 ? -1 : text.indexOf('>', open);
        if (end < 0) {
            return text;
        }
        var mark = text.substring(open + 1, end);
        var close = text.indexOf("</" + mark + ">", end);
        return close < 0 ? text : text.substring(end + 1, close).strip();
    }
}
