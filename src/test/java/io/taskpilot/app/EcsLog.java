package io.taskpilot.app;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/** Lines of a log, each of which must be an event of the Elastic Common Schema, as strictly as it can be read. */
record EcsLog(List<JsonNode> lines) {
    private static final JsonMapper JSON = JsonMapper.builder()
            .enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();

    /** In this order, on every line. */
    private static final List<String> FIRST = List.of(
            "@timestamp",
            "log.level",
            "message",
            "ecs.version",
            "service.name",
            "service.version",
            "service.environment",
            "service.node.name",
            "event.dataset",
            "process.thread.name",
            "log.logger");

    private static final Pattern TEXT = Pattern.compile("(?s).+");
    private static final Map<String, Pattern> TEXTS = Map.ofEntries(
            Map.entry("@timestamp", Pattern.compile("\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z")),
            Map.entry("log.level", Pattern.compile("TRACE|DEBUG|INFO|WARN|ERROR")),
            Map.entry("message", TEXT),
            Map.entry("ecs.version", Pattern.compile("8\\.\\d+\\.\\d+")),
            Map.entry("service.name", Pattern.compile("taskpilot")),
            Map.entry("service.version", TEXT),
            Map.entry("service.environment", TEXT),
            Map.entry("service.node.name", TEXT),
            Map.entry("event.dataset", Pattern.compile("taskpilot\\.(log|access|decision)")),
            Map.entry("process.thread.name", TEXT),
            Map.entry("log.logger", TEXT),
            Map.entry("trace.id", Pattern.compile("[0-9a-f]{32}")),
            Map.entry("span.id", Pattern.compile("[0-9a-f]{16}")),
            Map.entry("transaction.id", Pattern.compile("[0-9a-f]{16}")),
            Map.entry("user.id", Pattern.compile("[0-9a-f]{16}")),
            Map.entry("event.kind", Pattern.compile("event")),
            Map.entry("event.action", TEXT),
            Map.entry("event.outcome", Pattern.compile("success|failure")),
            Map.entry("event.id", Pattern.compile("dec_[0-9a-f-]{36}")),
            Map.entry("rule.name", TEXT),
            Map.entry("http.request.method", Pattern.compile("[A-Z]+")),
            Map.entry("http.version", Pattern.compile("1\\.1|2")),
            Map.entry("url.path", Pattern.compile("/[^?#]*")),
            Map.entry("error.type", Pattern.compile("[\\w.$]+")),
            Map.entry("error.message", TEXT),
            Map.entry("error.stack_trace", Pattern.compile("(?s)[\\w.$]+.*\n\tat .*")),
            Map.entry("gen_ai.agent.name", Pattern.compile("(Planner|Reviewer|Executor)Agent")),
            Map.entry("gen_ai.tool.name", TEXT),
            Map.entry("labels.request_id", TEXT),
            Map.entry("labels.run_id", Pattern.compile("run_[0-9a-f-]{36}")),
            Map.entry("labels.route", Pattern.compile("/.*")),
            Map.entry("labels.status", TEXT),
            Map.entry("labels.tenant", TEXT),
            Map.entry("labels.result", Pattern.compile("allow|deny|require_approval|modified|error")),
            Map.entry("labels.phase", Pattern.compile("input|output|tool_result")),
            Map.entry("labels.policy_revision", TEXT),
            Map.entry("labels.input_sha256", Pattern.compile("[0-9a-f]{64}")));

    private static final Set<String> NUMBERS = Set.of(
            "event.duration", "http.response.status_code", "http.request.body.bytes", "http.response.body.bytes");
    private static final Set<String> LISTS = Set.of("event.category", "event.type");

    static EcsLog parse(String output) {
        var lines = new ArrayList<JsonNode>();
        for (var line : output.split("\n", -1)) {
            if (!line.isEmpty()) {
                lines.add(parseLine(line));
            }
        }
        return new EcsLog(lines);
    }

    private static JsonNode parseLine(String line) {
        try {
            var json = JSON.readTree(line);
            check(json);
            return json;
        } catch (JsonProcessingException e) {
            throw new AssertionError("no JSON: " + line, e);
        }
    }

    private static void check(JsonNode line) {
        var names = new ArrayList<String>();
        line.fieldNames().forEachRemaining(names::add);
        assertThat(names).as("%s", line).startsWith(FIRST.toArray(String[]::new));
        for (var name : names) {
            var value = line.get(name);
            if (NUMBERS.contains(name)) {
                assertThat(value.isIntegralNumber()).as("%s in %s", name, line).isTrue();
                assertThat(value.asLong()).as("%s in %s", name, line).isNotNegative();
            } else if (LISTS.contains(name)) {
                assertThat(value.isArray()).as("%s in %s", name, line).isTrue();
            } else {
                assertThat(TEXTS).as("%s in %s", name, line).containsKey(name);
                assertThat(value.isTextual()).as("%s in %s", name, line).isTrue();
                assertThat(value.asText()).as("%s in %s", name, line).matches(TEXTS.get(name));
            }
        }
        assertThat(line.has("error.type")).as("%s", line).isEqualTo(line.has("error.stack_trace"));
        assertThat(line.has("trace.id") || !line.has("span.id")).as("%s", line).isTrue();
    }

    EcsLog dataset(String name) {
        return where("event.dataset", name);
    }

    EcsLog where(String field, String value) {
        return new EcsLog(lines.stream()
                .filter(line -> line.path(field).asText().equals(value))
                .toList());
    }

    EcsLog saying(String text) {
        return new EcsLog(lines.stream()
                .filter(line -> line.path("message").asText().contains(text))
                .toList());
    }

    JsonNode one() {
        assertThat(lines).hasSize(1);
        return lines.get(0);
    }
}
