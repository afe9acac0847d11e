package io.taskpilot.engine;

import io.taskpilot.run.Usage;
import io.vertx.core.Future;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** A language model that chats and calls functions. */
@FunctionalInterface
public interface ChatModel {

    /**
     * Completes on the caller's context with a whole answer. Fails with {@code provider-*} slugs ({@code provider-error},
     * {@code provider-timeout}, {@code provider-rate-limited}, {@code provider-unreachable}, {@code provider-cut-stream},
     * {@code provider-refused}); retries happen inside, within the deadline, and only before the first byte of an answer.
     *
     * @param text told the answer's text as it comes, on the caller's context: all of it, once, in order, before the answer
     *     completes; where a piece ends says nothing, it may cut a surrogate pair. Function calls are not told
     */
    Future<Answer> chat(Request request, CallContext call, Consumer<String> text);

    /** Who speaks. */
    enum Role {
        SYSTEM,
        USER,
        ASSISTANT,
        TOOL
    }

    /**
     * @param calls of an assistant's message
     * @param callId of a tool's message: the call it answers
     */
    record Message(
            Role role,
            String text,
            List<FunctionCall> calls,
            @Nullable String callId) {
        public Message {
            calls = List.copyOf(calls);
        }

        public static Message of(Role role, String text) {
            return new Message(role, text, List.of(), null);
        }

        public static Message result(String callId, String text) {
            return new Message(Role.TOOL, text, List.of(), callId);
        }
    }

    /** @param arguments as the model wrote them: JSON if all is well, but nobody promises that */
    record FunctionCall(String id, String name, String arguments) {}

    /** @param parameters JSON Schema */
    record Function(String name, String description, Map<String, Object> parameters) {}

    /**
     * @param model the provider's name of the model
     * @param mustCall a function the model has to call, or null
     * @param temperature 0..2
     * @param maxTokens of the answer
     */
    record Request(
            String model,
            List<Message> messages,
            List<Function> functions,
            @Nullable String mustCall,
            double temperature,
            int maxTokens) {
        public Request {
            messages = List.copyOf(messages);
            functions = List.copyOf(functions);
        }
    }

    /** @param usage with its cost */
    record Answer(String text, List<FunctionCall> calls, Usage usage, String provider, String model, Details details) {
        public Answer {
            calls = List.copyOf(calls);
        }

        public Answer(String text, List<FunctionCall> calls, Usage usage, String provider, String model) {
            this(text, calls, usage, provider, model, Details.NONE);
        }
    }

    /**
     * What a provider tells beside its answer; for metrics and traces, no run depends on it.
     *
     * @param cacheReadTokens of the input, that the provider had in its cache
     * @param reasoningTokens of the output
     * @param servedBy the model that answered, as the provider calls it; null if it does not say
     */
    record Details(
            long cacheReadTokens,
            long reasoningTokens,
            @Nullable String servedBy) {
        public static final Details NONE = new Details(0, 0, null);
    }
}
