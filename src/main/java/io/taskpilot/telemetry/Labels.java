package io.taskpilot.telemetry;

/** Every label there is, with its values. Two labels of one name differ in their values, and belong to other metrics. */
final class Labels {
    static final Label WORKFLOW = Label.closed("workflow", "taskpilot");
    static final Label RUN_OUTCOME =
            Label.closed("outcome", "succeeded", "rejected", "blocked", "failed", "timed_out", "cancelled");
    static final Label AGENT = Label.closed("agent", "PlannerAgent", "ReviewerAgent", "ExecutorAgent");
    /** Empty, which Prometheus reads as no label, where no agent takes part. */
    static final Label AGENT_IF_ANY = Label.closed("agent", "PlannerAgent", "ReviewerAgent", "ExecutorAgent", "");

    static final Label AGENT_OUTCOME = Label.closed("outcome", "success", "error");
    static final Label TOOL = Label.configured("tool", 100);
    static final Label TOOL_OUTCOME =
            Label.closed("outcome", "executed", "denied", "error", "timeout", "awaiting_approval", "unknown");
    static final Label TAKEOVER_REASON = Label.closed("reason", "node_dead", "released");

    static final Label DECISION_TYPE = Label.closed(
            "decision_type", "tool_call", "guardrails_input", "guardrails_output", "human_approval", "ingress");
    static final Label RESULT = Label.closed("result", "allow", "deny", "require_approval", "modified", "error");
    static final Label POLICY_TYPE = Label.closed("decision_type", "tool_call", "ingress");
    static final Label POLICY_OUTCOME = Label.closed("outcome", "allow", "deny", "require_approval", "error");
    static final Label RAIL_TYPE = Label.closed("decision_type", "guardrails_input", "guardrails_output");
    static final Label RAIL_OUTCOME = Label.closed("outcome", "allow", "deny", "modified", "error");
    static final Label VERDICT = renamed(POLICY_OUTCOME, "verdict");
    static final Label CANDIDATE = renamed(POLICY_OUTCOME, "candidate");
    static final Label PHASE = Label.closed("phase", "input", "output", "tool_result");
    static final Label RAIL = Label.learned("rail", 100);
    static final Label STRANGER = Label.closed("problem", "caller-unauthenticated", "caller-foreign-origin");
    static final Label CACHE = Label.closed("cache", "guardrails", "ingress");
    static final Label CACHE_RESULT = Label.closed("result", "hit", "miss");

    static final Label ANNOUNCEMENT = Label.closed("outcome", "delivered", "failed");
    static final Label TRACE_OUTCOME = Label.closed("outcome", "archived", "failed", "corrupt", "expired");
    static final Label SEAL_OUTCOME = Label.closed("outcome", "sealed", "copied", "failed", "conflict");

    static final Label PROVIDER = Label.closed("provider", "openai", "offline");
    static final Label MODEL = Label.configured("model", 50);
    static final Label LLM_OUTCOME = Label.closed("outcome", "success", "rate_limited", "timeout", "error");
    static final Label TOKEN_TYPE = Label.closed("type", "input", "output", "cache_read", "reasoning");
    static final Label RETRY_REASON = Label.closed("reason", "rate_limited", "unreachable", "error");

    static final Label SIGNAL = Label.closed("signal", "traces", "logs");
    static final Label LOSS = Label.closed("reason", "queue_full", "not_taken");
    static final Label KIND = Label.closed("kind", "event", "text");
    static final Label SIGNAL_KIND = Label.closed("kind", "signal", "text");
    static final Label TRANSPORT = Label.closed("transport", "sse", "websocket");
    static final Label CLOSE_REASON =
            Label.closed("reason", "complete", "client_gone", "slow_reader", "draining", "error");
    static final Label CUT_REASON = Label.closed("reason", "client_gone", "slow_reader");
    static final Label REFUSAL = Label.closed("reason", "overload", "rate_limit", "budget", "draining");

    static final Label DEPENDENCY =
            Label.closed("dependency", "postgres", "redis", "objects", "opa", "guardrails", "llm", "policy");
    static final Label CIRCUIT = Label.closed("dependency", "opa", "guardrails", "llm", "candidate");

    static final Label VERSION = Label.learned("version", 1);
    static final Label REVISION = Label.learned("revision", 1);
    static final Label JAVA = Label.learned("java", 1);
    static final Label SEMCONV = Label.closed("semconv", GenAiMetrics.SEMCONV);

    static final Label OPERATION = Label.closed("gen_ai_operation_name", "chat", "invoke_agent", "execute_tool");
    static final Label GENAI_PROVIDER = renamed(PROVIDER, "gen_ai_provider_name");
    static final Label REQUEST_MODEL = renamed(MODEL, "gen_ai_request_model");
    /** What the provider calls the model that answered; empty when it did not say, or did not answer. */
    static final Label RESPONSE_MODEL = Label.learned("gen_ai_response_model", 50);

    static final Label GENAI_TOKEN_TYPE = Label.closed("gen_ai_token_type", "input", "output");
    static final Label WORKFLOW_NAME = renamed(WORKFLOW, "gen_ai_workflow_name");
    static final Label AGENT_NAME = renamed(AGENT, "gen_ai_agent_name");
    static final Label TOOL_NAME = renamed(TOOL, "gen_ai_tool_name");
    /** Empty when nothing went wrong. */
    static final Label ERROR_TYPE = Label.closed(
            "error_type",
            "",
            "failed",
            "timed_out",
            "error",
            "timeout",
            "unknown",
            "provider-error",
            "provider-timeout",
            "provider-rate-limited",
            "provider-unreachable",
            "provider-cut-stream",
            "provider-refused",
            "provider-truncated",
            "overload-llm",
            "_OTHER");

    private Labels() {}

    private static Label renamed(Label label, String name) {
        return new Label(name, label.source(), label.values(), label.most());
    }
}
