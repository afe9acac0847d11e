package io.taskpilot.app;

import com.fasterxml.jackson.databind.JsonNode;
import io.taskpilot.app.Terminal.Look;
import io.taskpilot.config.Durations;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.jspecify.annotations.Nullable;

/**
 * A run as a person watches it: one line for each event, a model call being one. Everything that came from a model or a
 * caller is cleaned before it is shown.
 */
final class Timeline {
    private static final int TIME = 9;
    private static final int WHO = 9;
    private static final int VERDICT = 12;
    private static final int INDENT = TIME + WHO + VERDICT + 6;
    private static final int PIPE_WIDTH = 400;

    private final Terminal terminal;
    private final RunDisplay.Place place;
    private final Map<String, Instant> agentToStart = new HashMap<>();
    private @Nullable Instant start;
    private String said = "";

    Timeline(Terminal terminal, RunDisplay.Place place) {
        this.terminal = terminal;
        this.place = place;
    }

    /** The lines that the event adds. */
    List<String> lines(JsonNode event) {
        var at = Instant.parse(event.path("at").asText());
        if (start == null) {
            start = at;
        }
        var time = elapsed(Duration.between(start, at));
        var data = event.path("data");
        return switch (event.path("type").asText()) {
            case "run.accepted" -> List.of(line(time, "request", Mark.NOTE, "accepted", text(data, "input"), ""));
            case "run.started" -> List.of(line(time, "run", Mark.NOTE, "started", "", ""));
            case "run.resumed" -> List.of(line(time, "run", Mark.CHANGED, "resumed", resumed(data), ""));
            case "guardrail.checked" -> List.of(rails(time, data));
            case "agent.started" -> {
                agentToStart.put(text(data, "agent"), at);
                yield List.of();
            }
            case "agent.completed" -> List.of(model(time, data, at));
            case "task.proposed" ->
                List.of(line(time, "task", Mark.NOTE, "pending", task(data.path("task")), text(data, "task_id")));
            case "review.completed" -> List.of(review(time, text(data, "verdict")));
            case "policy.decided" -> List.of(policy(time, data));
            case "approval.requested" -> approval(time, data, at);
            case "approval.decided" -> List.of(answered(time, data));
            case "tool.started" ->
                List.of(line(time, "tool", Mark.DOES, "started", text(data, "tool"), text(data, "call_id")));
            case "tool.completed" -> List.of(tool(time, data));
            case "tool.outcome_unknown" ->
                List.of(line(time, "tool", Mark.ERROR, "unknown", text(data, "tool") + ": " + text(data, "cause"), ""));
            default -> List.of(ended(time, event.path("type").asText(), data));
        };
    }

    /** What is going on until the next event, for a terminal; empty when nothing is worth saying. */
    String waitingFor(JsonNode event) {
        return switch (event.path("type").asText()) {
            case "agent.started" -> who(event.path("data").path("agent").asText()) + " is thinking";
            case "tool.started" -> text(event.path("data"), "tool") + " is running";
            case "approval.requested" -> "waiting for an answer; Ctrl-C stops watching, the run is kept";
            default -> "";
        };
    }

    /** Who is writing, and the end of what was written so far, as much as fits. */
    String saying(JsonNode delta) {
        var data = delta.path("data");
        var all = (data.path("offset").asInt() == 0 ? "" : said)
                + data.path("text").asText();
        said = all.substring(Math.max(0, all.length() - PIPE_WIDTH));
        var who = who(data.path("agent").asText()) + " writes: ";
        var text = Terminal.clean(said);
        var from = Math.max(0, text.length() - Math.max(WHO, terminal.width() - VERDICT - 4 - who.length()));
        return who
                + text.substring(from < text.length() && Character.isLowSurrogate(text.charAt(from)) ? from + 1 : from);
    }

    private String line(String time, String who, Mark mark, String word, String what, String aside) {
        var verdict = mark.paint(terminal, word) + " ".repeat(Math.max(0, VERDICT - 2 - word.length()));
        var room = (terminal.width() > 0 ? Math.max(terminal.width(), INDENT + 20) : PIPE_WIDTH) - INDENT;
        var beside = room - aside.length() - 4;
        // the aside goes before most of the text would have to
        var shown =
                terminal.cut(what, aside.isEmpty() || beside < Math.min(what.length(), room * 6 / 10) ? room : beside);
        var fits = !aside.isEmpty() && shown.length() <= beside;
        var tail = fits ? (shown.isEmpty() ? "" : "  ") + terminal.paint(Look.DIM, "(" + aside + ")") : "";
        var head = terminal.paint(Look.DIM, "%9s".formatted(time)) + "  " + "%-9s".formatted(who) + "  " + verdict;
        return (head + "  " + shown + tail).stripTrailing();
    }

    private String rails(String time, JsonNode data) {
        var call = text(data, "call_id");
        var subject = switch (text(data, "phase")) {
            case "input" -> call.isEmpty() ? "the request" : call + " as it was edited";
            case "output" ->
                call.isEmpty() ? "what the " + who(text(data, "agent")) + " answered" : call + " as it was edited";
            default -> "what " + call + " returned";
        };
        var rail = Stream.of(text(data, "rail"), text(data, "reason"))
                .filter(part -> !part.isEmpty())
                .toList();
        var what = rail.isEmpty() ? subject : subject + ": " + String.join(", ", rail);
        var aside = millis(data);
        return switch (text(data, "result")) {
            case "allow" -> line(time, "rails", Mark.YES, "pass", what, aside);
            case "modified" -> line(time, "rails", Mark.CHANGED, "modified", what, aside);
            case "deny" -> line(time, "rails", Mark.NO, "BLOCK", what, aside);
            default ->
                line(time, "rails", Mark.ERROR, data.path("waived").asBoolean() ? "waived" : "ERROR", what, aside);
        };
    }

    private String model(String time, JsonNode data, Instant at) {
        var answer = data.path("answer");
        var who = who(text(data, "agent"));
        var began = agentToStart.remove(text(data, "agent"));
        var usage = data.path("usage");
        var aside = "%s, %s%d+%d tokens"
                .formatted(
                        text(data, "model"),
                        began == null ? "" : duration(Duration.between(began, at)) + ", ",
                        usage.path("input_tokens").asLong(),
                        usage.path("output_tokens").asLong());
        return switch (text(answer, "kind")) {
            case "proposal" -> line(time, who, Mark.DOES, "proposes", task(answer.path("task")), aside);
            case "review" -> line(time, who, Mark.DOES, "answers", text(answer, "text"), aside);
            case "calls" -> line(time, who, Mark.DOES, "calls", calls(answer.path("calls")), aside);
            case "text" -> line(time, who, Mark.DOES, "says", text(answer, "text"), aside);
            case "invalid" -> line(time, who, Mark.ERROR, "invalid", joined(answer.path("errors"), "; "), aside);
            default -> line(time, who, Mark.NO, "withheld", "the answer is kept from everyone", aside);
        };
    }

    private String review(String time, String verdict) {
        return switch (verdict) {
            case "APPROVE" -> line(time, "review", Mark.YES, "APPROVE", "", "");
            case "REJECTED" -> line(time, "review", Mark.NO, "REJECTED", "", "");
            default -> line(time, "review", Mark.WAIT, verdict, "a person decides", "");
        };
    }

    private String policy(String time, JsonNode data) {
        var verdict = data.path("verdict");
        var reasons = joined(verdict.path("reasons"), "; ");
        var tool = data.path("call").path("tool").asText();
        var what = Terminal.clean(tool) + (reasons.isEmpty() ? "" : ": " + reasons);
        var aside = Stream.of(text(verdict, "rule"), text(verdict, "revision"), millis(data))
                .filter(part -> !part.isEmpty())
                .reduce((a, b) -> a + ", " + b)
                .orElse("");
        return switch (text(verdict, "result")) {
            case "allow" -> line(time, "policy", Mark.YES, "allow", what, aside);
            case "deny" -> line(time, "policy", Mark.NO, "DENY", what, aside);
            case "require_approval" -> line(time, "policy", Mark.WAIT, "APPROVAL", what, aside);
            default -> line(time, "policy", Mark.ERROR, "ERROR", what, aside);
        };
    }

    /** Never cut: a person answers for exactly this. */
    private List<String> approval(String time, JsonNode data, Instant at) {
        var call = data.path("call");
        var lines = new ArrayList<String>();
        lines.add(line(time, "approval", Mark.WAIT, "WAITING", text(data, "reason"), text(data, "rule")));
        lines.add(indented(terminal.paint(
                Look.BOLD, text(call, "tool") + " by " + text(call, "agent") + ", " + text(call, "id"))));
        call.path("arguments")
                .forEachEntry((name, value) ->
                        lines.add(indented("  " + Terminal.exact(name) + ": " + Terminal.exact(value.toString()))));
        lines.add(indented(terminal.paint(Look.DIM, "digest " + text(data, "digest"))));
        lines.add(indented("by " + joined(data.path("roles"), " or ") + ", " + until(at, text(data, "expires_at"))));
        lines.add(indented("from another terminal, one of:"));
        for (var answer : data.path("answers")) {
            lines.add(indented("  "
                    + terminal.paint(
                            Look.CYAN, answerCommand(Terminal.clean(answer.asText()), text(data, "approval_id")))));
        }
        return lines;
    }

    private static String until(Instant at, String expiry) {
        var expires = Instant.parse(expiry);
        var exact = Duration.between(at, expires);
        var left = exact.toMinutes() > 1
                ? exact.plusSeconds(30).truncatedTo(ChronoUnit.MINUTES)
                : exact.truncatedTo(ChronoUnit.SECONDS);
        return "until %s (%s)".formatted(expires.truncatedTo(ChronoUnit.SECONDS), Durations.format(left));
    }

    private String answerCommand(String answer, String id) {
        var isShort = answer.equals("approve") || answer.equals("reject");
        var more = answer.equals("edit") ? " --arguments '{...}'" : "";
        return place.command(isShort ? answer + " " + id : "answer " + id + " " + answer + more);
    }

    private String answered(String time, JsonNode data) {
        var answer = text(data, "answer");
        var reason = text(data, "reason");
        var what = "by " + text(data, "by") + (reason.isEmpty() ? "" : ": " + reason);
        var isNo = answer.equals("reject") || answer.equals("abort") || answer.equals("expired");
        return line(time, "approval", isNo ? Mark.NO : Mark.YES, answer, what, "");
    }

    private String tool(String time, JsonNode data) {
        var what =
                text(data, "tool") + ": " + Terminal.clean(data.path("result").toString());
        return data.path("error").asBoolean()
                ? line(time, "tool", Mark.ERROR, "error", what, text(data, "call_id"))
                : line(time, "tool", Mark.YES, "done", what, text(data, "call_id"));
    }

    private String ended(String time, String type, JsonNode data) {
        var status = type.substring(type.indexOf('.') + 1);
        return line(
                time,
                "run",
                Mark.of(status),
                status,
                text(data.path("problem"), "detail"),
                text(data.path("problem"), "slug"));
    }

    private static String resumed(JsonNode data) {
        return switch (text(data, "cause")) {
            case "node_dead" -> "the process that drove it is gone";
            case "restored" -> "the database is from a backup";
            case "released" -> "after a restart";
            case "answered" -> "after the answer";
            default -> text(data, "cause");
        };
    }

    private static String who(String agent) {
        return agent.replace("Agent", "").toLowerCase(Locale.ROOT);
    }

    private static String task(JsonNode task) {
        return "\"%s\", %s priority".formatted(text(task, "title"), text(task, "priority"));
    }

    private static String calls(JsonNode calls) {
        return StreamSupport.stream(calls.spliterator(), false)
                .map(call -> text(call, "tool") + " "
                        + Terminal.clean(call.path("arguments").toString()))
                .reduce((a, b) -> a + " and " + b)
                .orElse("");
    }

    private static String indented(String text) {
        return " ".repeat(INDENT) + text;
    }

    private static String joined(JsonNode texts, String with) {
        return StreamSupport.stream(texts.spliterator(), false)
                .map(text -> Terminal.clean(text.asText()))
                .reduce((a, b) -> a + with + b)
                .orElse("");
    }

    private static String text(JsonNode data, String name) {
        return Terminal.clean(data.path(name).asText(""));
    }

    private static String millis(JsonNode data) {
        return data.hasNonNull("latency_ms")
                ? String.format(Locale.ROOT, "%.1f ms", data.path("latency_ms").asDouble())
                : "";
    }

    /** Milliseconds below a second, else tenths of seconds. */
    static String duration(Duration duration) {
        return duration.toMillis() < 1_000
                ? duration.toMillis() + " ms"
                : String.format(Locale.ROOT, "%.1f s", duration.toMillis() / 1_000.0);
    }

    private static String elapsed(Duration since) {
        return since.toHours() > 0
                ? Durations.format(since.truncatedTo(ChronoUnit.MINUTES))
                : String.format(Locale.ROOT, "%.3fs", since.toMillis() / 1_000.0);
    }
}
