package io.taskpilot.llm;

import io.taskpilot.engine.CallContext;
import io.taskpilot.engine.ChatModel.Answer;
import io.taskpilot.engine.ChatModel.FunctionCall;
import io.taskpilot.engine.ChatModel.Message;
import io.taskpilot.engine.ChatModel.Request;
import io.taskpilot.telemetry.OpenSpan;
import io.taskpilot.telemetry.Spans;
import io.vertx.core.Future;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;

/**
 * The span of a question to a model. What was said is in it only when the operator asks for that, in the form that the
 * semantic conventions for generative AI give it.
 */
final class ChatSpans {
    private ChatSpans() {}

    static Spans.Plan plan(String provider, String model, Request request) {
        return Spans.chat(provider, model, request.temperature(), request.maxTokens());
    }

    /** @param question gets the call as it is to be sent on */
    static Future<Answer> around(
            Spans.Plan plan, Request request, CallContext call, Function<CallContext, Future<Answer>> question) {
        return call.under(plan, (here, span) -> {
            var content = here.trace().tellsContent();
            if (content) {
                span.set(Spans.INPUT_MESSAGES, messages(request.messages()));
            }
            return question.apply(here).onSuccess(answer -> tell(answer, span, content));
        });
    }

    private static void tell(Answer answer, OpenSpan span, boolean content) {
        var servedBy = answer.details().servedBy();
        if (servedBy != null) { // what was asked for says nothing of who answered
            span.set(Spans.RESPONSE_MODEL, servedBy);
        }
        span.set(Spans.INPUT_TOKENS, answer.usage().inputTokens())
                .set(Spans.OUTPUT_TOKENS, answer.usage().outputTokens())
                .set(Spans.FINISH_REASONS, List.of(reason(answer)));
        if (content) {
            var said = message("assistant", answer.text(), answer.calls()).put("finish_reason", reason(answer));
            span.set(Spans.OUTPUT_MESSAGES, new JsonArray().add(said).encode());
        }
    }

    private static String reason(Answer answer) {
        return answer.calls().isEmpty() ? "stop" : "tool_calls";
    }

    private static String messages(List<Message> messages) {
        var all = new JsonArray();
        for (var message : messages) {
            var role = message.role().name().toLowerCase(Locale.ROOT);
            all.add(
                    message.callId() == null
                            ? message(role, message.text(), message.calls())
                            : response(message.callId(), message.text()));
        }
        return all.encode();
    }

    private static JsonObject message(String role, String text, List<FunctionCall> calls) {
        var parts = new JsonArray();
        if (!text.isEmpty()) {
            parts.add(new JsonObject().put("type", "text").put("content", text));
        }
        for (var call : calls) {
            parts.add(new JsonObject()
                    .put("type", "tool_call")
                    .put("id", call.id())
                    .put("name", call.name())
                    .put("arguments", call.arguments()));
        }
        return new JsonObject().put("role", role).put("parts", parts);
    }

    private static JsonObject response(String callId, String text) {
        var part = new JsonObject()
                .put("type", "tool_call_response")
                .put("id", callId)
                .put("response", text);
        return new JsonObject().put("role", "tool").put("parts", new JsonArray().add(part));
    }
}
