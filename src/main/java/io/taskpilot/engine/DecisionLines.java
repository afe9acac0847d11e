package io.taskpilot.engine;

import io.taskpilot.engine.RunReader.DecisionView;
import io.taskpilot.run.DecisionResult;
import io.taskpilot.telemetry.LogLevels;
import io.taskpilot.telemetry.LogScope;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A log line for each row of the decision log, once it is committed: who decided what about which call. What was asked
 * is there as its digest alone, and what a rule or a person said of it not at all; the row has that, redacted.
 */
public final class DecisionLines {
    private static final Logger log = LoggerFactory.getLogger(LogLevels.DECISION);
    private static final double NANOS_PER_MILLI = 1e6;

    private DecisionLines() {}

    /** To be called on any thread: the line tells whose it is by itself. */
    public static void write(DecisionView view) {
        if (!log.isInfoEnabled()) {
            return;
        }
        var decision = view.decision();
        log.atInfo()
                .addKeyValue("event.dataset", LogLevels.DECISION)
                .addKeyValue("event.kind", "event")
                .addKeyValue("event.category", List.of("iam"))
                .addKeyValue("event.type", List.of(type(decision.result())))
                .addKeyValue("event.action", decision.type().word())
                .addKeyValue("event.outcome", isNo(decision.result()) ? "failure" : "success")
                .addKeyValue("event.id", "dec_" + decision.id())
                .addKeyValue("event.duration", Math.round(decision.latencyMs() * NANOS_PER_MILLI))
                .addKeyValue(LogScope.TRACE_ID, view.traceId())
                .addKeyValue(LogScope.USER_ID, LogScope.user(view.principal()))
                .addKeyValue("rule.name", decision.rule())
                .addKeyValue(LogScope.REQUEST_ID, view.requestId())
                .addKeyValue(LogScope.RUN_ID, view.runId() == null ? "" : "run_" + view.runId())
                .addKeyValue("labels.tenant", view.tenant())
                .addKeyValue("labels.result", decision.result().word())
                .addKeyValue("labels.phase", decision.phase())
                .addKeyValue("labels.policy_revision", decision.policyRevision())
                .addKeyValue("labels.input_sha256", decision.inputSha256())
                .addKeyValue("gen_ai.agent.name", decision.agent())
                .addKeyValue("gen_ai.tool.name", decision.tool())
                .log(
                        "decided type={} result={}",
                        decision.type().word(),
                        decision.result().word());
    }

    private static boolean isNo(DecisionResult result) {
        return result == DecisionResult.DENY || result == DecisionResult.ERROR;
    }

    private static String type(DecisionResult result) {
        return switch (result) {
            case ALLOW, MODIFIED -> "allowed";
            case DENY -> "denied";
            case REQUIRE_APPROVAL, ERROR -> "info";
        };
    }
}
