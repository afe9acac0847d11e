package io.taskpilot.llm;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.io.JsonEOFException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.taskpilot.engine.ChatModel.Answer;
import io.taskpilot.engine.ChatModel.Details;
import io.taskpilot.engine.ChatModel.FunctionCall;
import io.taskpilot.engine.ChatModel.Request;
import io.taskpilot.run.Usage;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Puts an answer together: from the fragments of a stream, or from one whole completion. */
final class AnswerBuilder {
    private static final String DONE = "[DONE]";
    private static final Set<String> COMPLETE = Set.of("stop", "tool_calls", "function_call");
    private static final JsonMapper JSON = JsonMapper.builder(JsonFactory.builder()
                    .streamReadConstraints(
                            StreamReadConstraints.builder().maxNestingDepth(64).build())
                    .build())
            .build();

    /** One function call as far as it has come. */
    private static final class Fragments {
        private String id = "";
        private String name = "";
        private final StringBuilder arguments = new StringBuilder();
    }

    private final String provider;
    private final Request request;
    private final ModelCatalog catalog;
    private final Consumer<String> pieces;
    private final StringBuilder text = new StringBuilder();
    private final TreeMap<Integer, Fragments> calls = new TreeMap<>();
    private @Nullable String finish;
    private boolean refused;
    private boolean done;
    private long inputTokens = -1;
    private long outputTokens = -1;
    private Details details = Details.NONE;

    /** @param pieces told of each piece of text as it comes */
    AnswerBuilder(String provider, Request request, ModelCatalog catalog, Consumer<String> pieces) {
        this.provider = provider;
        this.request = request;
        this.catalog = catalog;
        this.pieces = pieces;
    }

    /** Takes a streamed event's data. Throws the {@code Failure} the call ends with. */
    void event(String data) {
        if (done) {
            return;
        }
        if (data.strip().equals(DONE)) {
            done = true;
        } else {
            completion(parse(data.getBytes(StandardCharsets.UTF_8)));
        }
    }

    /** Takes a completion that is one JSON document. Throws the {@code Failure} the call ends with. */
    void document(byte[] body) {
        completion(parse(body));
    }

    /** True once the stream has said that nothing follows. */
    boolean isDone() {
        return done;
    }

    private static JsonNode parse(byte[] json) {
        try {
            var node = JSON.readTree(json);
            if (node.isObject()) {
                return node;
            }
        } catch (JsonEOFException e) {
            throw ModelFailures.cutStream();
        } catch (JsonProcessingException e) {
            throw ModelFailures.error("the provider's answer is not valid JSON");
        } catch (IOException e) {
            throw ModelFailures.error("the provider's answer can't be read");
        }
        throw ModelFailures.error("the provider's answer is not a JSON object");
    }

    private void completion(JsonNode node) {
        if (node.path("error").isObject() || node.path("error").isTextual()) {
            throw ModelFailures.declined("the provider reported an error in its answer");
        }
        var usage = node.path("usage");
        if (usage.isObject()) {
            inputTokens = usage.path("prompt_tokens").asLong(-1);
            outputTokens = usage.path("completion_tokens").asLong(-1);
        }
        details = details(node, usage);
        for (var choice : node.path("choices")) {
            if (choice.path("index").asInt(0) == 0) {
                choice(choice);
            }
        }
    }

    /** Of all parts of a stream: only the last has the usage. */
    private Details details(JsonNode node, JsonNode usage) {
        var cached = usage.path("prompt_tokens_details").path("cached_tokens").asLong(details.cacheReadTokens());
        var reasoning = usage.path("completion_tokens_details").path("reasoning_tokens");
        var model = string(node, "model");
        var servedBy = model.isEmpty() ? details.servedBy() : model;
        return new Details(Math.max(0, cached), Math.max(0, reasoning.asLong(details.reasoningTokens())), servedBy);
    }

    private void choice(JsonNode choice) {
        var message = choice.has("delta") ? choice.path("delta") : choice.path("message");
        var piece = string(message, "content");
        if (!piece.isEmpty()) {
            text.append(piece);
            pieces.accept(piece);
        }
        refused |= !string(message, "refusal").isEmpty();
        var position = 0;
        for (var call : message.path("tool_calls")) {
            fragment(call, position++);
        }
        var reason = string(choice, "finish_reason");
        finish = reason.isEmpty() ? finish : reason;
    }

    private void fragment(JsonNode call, int position) {
        var index = call.path("index").asInt(position);
        var fragments = calls.computeIfAbsent(index, key -> new Fragments());
        var function = call.path("function");
        // Some providers repeat the id and the name with every fragment.
        fragments.id = fragments.id.isEmpty() ? string(call, "id") : fragments.id;
        fragments.name = fragments.name.isEmpty() ? string(function, "name") : fragments.name;
        fragments.arguments.append(string(function, "arguments"));
    }

    private static String string(JsonNode node, String key) {
        var value = node.path(key);
        return value.isTextual() ? value.textValue() : "";
    }

    /** The whole answer, once nothing follows. Throws the {@code Failure} of one that is cut or was refused. */
    Answer complete() {
        if (refused || "content_filter".equals(finish)) {
            throw ModelFailures.refused();
        }
        if (finish == null) {
            throw ModelFailures.cutStream();
        }
        if (finish.equals("length")) {
            throw ModelFailures.truncated();
        }
        if (!COMPLETE.contains(finish)) {
            throw ModelFailures.declined("the model stopped for a reason that is not known to mean a whole answer");
        }
        var made = made();
        return new Answer(text.toString(), made, usage(made), provider, request.model(), details);
    }

    /** What an answer that did not become whole has used so far; null when none of it came. */
    @Nullable
    Usage spent() {
        var came = inputTokens >= 0 || outputTokens >= 0 || !text.isEmpty() || !calls.isEmpty();
        return came ? usage(made()) : null;
    }

    Details details() {
        return details;
    }

    private List<FunctionCall> made() {
        List<FunctionCall> made = new ArrayList<>();
        calls.values().forEach(call -> made.add(new FunctionCall(call.id, call.name, call.arguments.toString())));
        return made;
    }

    /** As the provider counted; estimated where it does not count. */
    private Usage usage(List<FunctionCall> made) {
        var read = request.messages().stream()
                .mapToLong(message -> OfflineModel.tokens(message.text()))
                .sum();
        var written = OfflineModel.tokens(text.toString())
                + made.stream()
                        .mapToLong(call -> OfflineModel.tokens(call.arguments()))
                        .sum();
        return catalog.usage(
                provider,
                request.model(),
                inputTokens < 0 ? read : inputTokens,
                outputTokens < 0 ? written : outputTokens);
    }
}
