package io.taskpilot.telemetry;

import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.trace.SpanKind;
import java.util.List;

/**
 * Every span there is, with its name and attributes in one place. Names and values of {@code error.type} are of closed
 * sets; ids are attributes. {@code gen_ai.*} is of the OpenTelemetry semantic conventions for generative AI.
 */
public final class Spans {
    public static final AttributeKey<String> REQUEST_ID = AttributeKey.stringKey("taskpilot.request_id");
    public static final AttributeKey<String> RUN_ID = AttributeKey.stringKey("taskpilot.run_id");
    public static final AttributeKey<String> RUN_STATUS = AttributeKey.stringKey("taskpilot.run.status");
    public static final AttributeKey<Long> RUN_ATTEMPT = AttributeKey.longKey("taskpilot.run.attempt");
    public static final AttributeKey<String> RESUMED = AttributeKey.stringKey("taskpilot.run.resumed");
    public static final AttributeKey<String> SUSPENDED = AttributeKey.stringKey("taskpilot.run.suspended");
    public static final AttributeKey<String> TENANT = AttributeKey.stringKey("taskpilot.tenant");
    public static final AttributeKey<String> RESULT = AttributeKey.stringKey("taskpilot.decision.result");
    public static final AttributeKey<String> PHASE = AttributeKey.stringKey("taskpilot.guardrail.phase");
    public static final AttributeKey<String> RAIL = AttributeKey.stringKey("taskpilot.guardrail.rail");
    public static final AttributeKey<Boolean> CACHED = AttributeKey.booleanKey("taskpilot.guardrail.cached");
    public static final AttributeKey<String> DECISION_ID = AttributeKey.stringKey("taskpilot.policy.decision_id");
    public static final AttributeKey<String> REVISION = AttributeKey.stringKey("taskpilot.policy.revision");
    public static final AttributeKey<String> RULE = AttributeKey.stringKey("taskpilot.policy.rule");
    public static final AttributeKey<String> ERROR_TYPE = AttributeKey.stringKey("error.type");
    public static final AttributeKey<String> ROUTE = AttributeKey.stringKey("http.route");
    public static final AttributeKey<Long> STATUS = AttributeKey.longKey("http.response.status_code");
    public static final AttributeKey<String> CALL_ARGUMENTS = AttributeKey.stringKey("gen_ai.tool.call.arguments");
    public static final AttributeKey<String> CALL_RESULT = AttributeKey.stringKey("gen_ai.tool.call.result");
    public static final AttributeKey<String> INPUT_MESSAGES = AttributeKey.stringKey("gen_ai.input.messages");
    public static final AttributeKey<String> OUTPUT_MESSAGES = AttributeKey.stringKey("gen_ai.output.messages");
    public static final AttributeKey<String> RESPONSE_MODEL = AttributeKey.stringKey("gen_ai.response.model");
    public static final AttributeKey<List<String>> FINISH_REASONS =
            AttributeKey.stringArrayKey("gen_ai.response.finish_reasons");
    public static final AttributeKey<Long> INPUT_TOKENS = AttributeKey.longKey("gen_ai.usage.input_tokens");
    public static final AttributeKey<Long> OUTPUT_TOKENS = AttributeKey.longKey("gen_ai.usage.output_tokens");

    static final AttributeKey<String> METHOD = AttributeKey.stringKey("http.request.method");
    static final AttributeKey<String> SERVER_ADDRESS = AttributeKey.stringKey("server.address");
    static final AttributeKey<Long> SERVER_PORT = AttributeKey.longKey("server.port");
    private static final AttributeKey<String> OPERATION = AttributeKey.stringKey("gen_ai.operation.name");
    private static final AttributeKey<String> WORKFLOW = AttributeKey.stringKey("gen_ai.workflow.name");
    private static final AttributeKey<String> AGENT = AttributeKey.stringKey("gen_ai.agent.name");
    private static final AttributeKey<String> TOOL = AttributeKey.stringKey("gen_ai.tool.name");
    private static final AttributeKey<String> TOOL_TYPE = AttributeKey.stringKey("gen_ai.tool.type");
    private static final AttributeKey<String> CALL_ID = AttributeKey.stringKey("gen_ai.tool.call.id");
    private static final AttributeKey<String> PROVIDER = AttributeKey.stringKey("gen_ai.provider.name");
    private static final AttributeKey<String> MODEL = AttributeKey.stringKey("gen_ai.request.model");
    private static final AttributeKey<Double> TEMPERATURE = AttributeKey.doubleKey("gen_ai.request.temperature");
    private static final AttributeKey<Long> MAX_TOKENS = AttributeKey.longKey("gen_ai.request.max_tokens");

    private Spans() {}

    /** A span that is yet to begin. */
    public record Plan(String name, SpanKind kind, Attributes attributes) {
        /** @param host of whom it is asked */
        public Plan at(String host, int port) {
            var more = attributes.toBuilder().put(SERVER_ADDRESS, host);
            return new Plan(name, kind, (port < 0 ? more : more.put(SERVER_PORT, (long) port)).build());
        }
    }

    /** The root of a run's spans: accepted to terminal, whichever nodes drove it. */
    public static Plan workflow(String name) {
        return new Plan(
                "invoke_workflow " + name,
                SpanKind.INTERNAL,
                Attributes.of(OPERATION, "invoke_workflow", WORKFLOW, name));
    }

    /** Around the planner's invocation. */
    public static Plan plan(String agent) {
        return new Plan("plan", SpanKind.INTERNAL, Attributes.of(OPERATION, "plan", AGENT, agent));
    }

    public static Plan agent(String agent) {
        return new Plan(
                "invoke_agent " + agent, SpanKind.INTERNAL, Attributes.of(OPERATION, "invoke_agent", AGENT, agent));
    }

    /** One question to a model, with the tries it took. */
    public static Plan chat(String provider, String model, double temperature, long maxTokens) {
        return new Plan(
                "chat " + model,
                SpanKind.CLIENT,
                Attributes.builder()
                        .put(OPERATION, "chat")
                        .put(PROVIDER, provider)
                        .put(MODEL, model)
                        .put(TEMPERATURE, temperature)
                        .put(MAX_TOKENS, maxTokens)
                        .build());
    }

    public static Plan tool(String tool, String callId) {
        return new Plan(
                "execute_tool " + tool,
                SpanKind.INTERNAL,
                Attributes.of(OPERATION, "execute_tool", TOOL, tool, CALL_ID, callId, TOOL_TYPE, "function"));
    }

    /** @param path as in {@code /v1/data/taskpilot/tool_calls/decision} */
    public static Plan post(String path) {
        return new Plan("POST " + path, SpanKind.CLIENT, Attributes.of(METHOD, "POST"));
    }

    /** A policy inside the process, by its entry point, as in {@code taskpilot/tool_calls/decision}. */
    public static Plan policy(String entrypoint) {
        return new Plan("evaluate_policy " + entrypoint, SpanKind.INTERNAL, Attributes.empty());
    }

    /** Rails inside the process, for {@code input}, {@code output} or {@code tool_result}. */
    public static Plan rails(String phase) {
        return new Plan("check_guardrails " + phase, SpanKind.INTERNAL, Attributes.of(PHASE, phase));
    }

    /** An operation of a WebSocket. */
    public static Plan frame(String op) {
        return new Plan("WS " + op, SpanKind.SERVER, Attributes.empty());
    }
}
