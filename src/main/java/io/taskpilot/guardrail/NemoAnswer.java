package io.taskpilot.guardrail;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.taskpilot.engine.Guardrails.Verdict;
import io.taskpilot.resilience.Failure;
import io.taskpilot.run.RailPhase;
import io.taskpilot.run.StorableText;
import java.util.List;
import java.util.Map;

/** What is said to a NeMo Guardrails server (0.24) on {@code POST /v1/checks}, and what its answers mean. */
final class NemoAnswer {
    static final String CONFIG_ID = "taskpilot";

    /**
     * What the server says when a rail of its own threw: with a status of 200, {@code blocked} and the rail's name, just
     * as if the rail had said no.
     */
    private static final String INTERNAL_ERROR = "I'm sorry, an internal error has occurred.";

    private static final int LONGEST_RAIL = 200;
    private static final JsonMapper JSON = JsonMapper.builder()
            .enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();

    private NemoAnswer() {}

    /**
     * The body of a question. The empty model leaves the models as the server's configuration has them; any other name
     * would replace its main model by one of that name.
     *
     * @param text clean, as {@link StorableText} has it
     */
    static byte[] question(RailPhase phase, String text) {
        var output = phase == RailPhase.OUTPUT;
        var question = Map.of(
                "model",
                "",
                "messages",
                List.of(Map.of("role", output ? "assistant" : "user", "content", text)),
                "guardrails",
                Map.of("config_id", CONFIG_ID, "rail_types", List.of(output ? "output" : "input")));
        try {
            return JSON.writeValueAsBytes(question);
        } catch (JsonProcessingException e) {
            throw none("the text can't be sent", e);
        }
    }

    /**
     * @param asked the text that was sent
     * @throws Failure {@code guardrails-unavailable} for anything that is no verdict
     */
    static Verdict verdict(NemoClient.Reply reply, String asked) {
        var answer = tree(reply);
        var content = answer.path("content");
        if (!content.isTextual()) {
            throw none("an answer without content");
        }
        var text = content.textValue();
        var status = answer.path("status").asText();
        var passed = status.equals("passed");
        if (text.equals(INTERNAL_ERROR) && !(passed && text.equals(asked))) {
            throw none("an internal error of the server");
        }
        return switch (status) {
            case "passed" -> new Verdict.Passed();
            case "modified" -> new Verdict.Modified(rail(answer), StorableText.clean(text));
            case "blocked" -> new Verdict.Blocked(rail(answer), "the NeMo Guardrails server said no");
            default -> throw none("an unknown verdict");
        };
    }

    /** Which rail changed a text, the server does not say. */
    private static String rail(JsonNode answer) {
        var rail = answer.path("rail").textValue();
        return rail == null ? "unnamed" : StorableText.cut(StorableText.clean(rail), LONGEST_RAIL);
    }

    /** Whether {@code GET /v1/rails/configs} names our configuration. */
    static boolean serves(NemoClient.Reply reply) {
        for (var config : tree(reply)) {
            if (config.path("id").asText().equals(CONFIG_ID)) {
                return true;
            }
        }
        return false;
    }

    private static JsonNode tree(NemoClient.Reply reply) {
        if (reply.status() != 200) {
            throw none("the NeMo Guardrails server answered " + reply.status());
        }
        try {
            return JSON.readTree(reply.body());
        } catch (JsonProcessingException e) {
            throw none("an answer that is not JSON"); // without the cause: its message quotes the answer
        }
    }

    static Failure none(String detail) {
        return Failure.of(Failure.Kind.UNAVAILABLE, "guardrails-unavailable", detail);
    }

    static Failure none(String detail, Throwable cause) {
        return Failure.unavailable("guardrails-unavailable", detail, cause);
    }
}
