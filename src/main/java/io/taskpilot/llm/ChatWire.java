package io.taskpilot.llm;

import io.taskpilot.engine.ChatModel;
import io.taskpilot.engine.ChatModel.Function;
import io.taskpilot.engine.ChatModel.FunctionCall;
import io.taskpilot.engine.ChatModel.Message;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.List;
import java.util.Locale;

/** A request in the words of OpenAI's chat completions API. */
final class ChatWire {
    private ChatWire() {}

    static Buffer encode(ChatModel.Request request, ModelCatalog.Model model, boolean streaming) {
        var body = new JsonObject()
                .put("model", request.model())
                .put(
                        "messages",
                        array(request.messages().stream().map(ChatWire::message).toList()));
        if (model.reasoning()) {
            body.put("max_completion_tokens", request.maxTokens());
        } else {
            body.put("max_tokens", request.maxTokens()).put("temperature", request.temperature());
        }
        if (!request.functions().isEmpty()) {
            body.put(
                            "tools",
                            array(request.functions().stream()
                                    .map(ChatWire::tool)
                                    .toList()))
                    .put("tool_choice", choice(request));
        }
        if (streaming) {
            body.put("stream", true).put("stream_options", new JsonObject().put("include_usage", true));
        }
        return body.toBuffer();
    }

    private static Object choice(ChatModel.Request request) {
        return request.mustCall() == null ? "auto" : function(new JsonObject().put("name", request.mustCall()));
    }

    private static JsonObject tool(Function function) {
        return function(new JsonObject()
                .put("name", function.name())
                .put("description", function.description())
                .put("parameters", new JsonObject(function.parameters())));
    }

    private static JsonObject message(Message message) {
        var json = new JsonObject().put("role", message.role().name().toLowerCase(Locale.ROOT));
        if (message.calls().isEmpty()) {
            json.put("content", message.text());
        } else {
            json.put("content", message.text().isEmpty() ? null : message.text());
            json.put(
                    "tool_calls",
                    array(message.calls().stream().map(ChatWire::call).toList()));
        }
        return message.callId() == null ? json : json.put("tool_call_id", message.callId());
    }

    private static JsonObject call(FunctionCall call) {
        return function(new JsonObject().put("name", call.name()).put("arguments", call.arguments()))
                .put("id", call.id());
    }

    private static JsonObject function(JsonObject function) {
        return new JsonObject().put("type", "function").put("function", function);
    }

    private static JsonArray array(List<JsonObject> items) {
        return new JsonArray(items);
    }
}
