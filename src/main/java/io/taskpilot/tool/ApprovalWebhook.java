package io.taskpilot.tool;

import io.taskpilot.config.TaskPilotConfig.Decisions;
import io.taskpilot.config.TaskPilotConfig.Tools.Webhook;
import io.taskpilot.engine.Announcer;
import io.taskpilot.engine.CallContext;
import io.taskpilot.engine.RunReader.ApprovalView;
import io.taskpilot.engine.Tool.Outcome;
import io.taskpilot.resilience.BlockingIo;
import io.taskpilot.resilience.Failure;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.json.Json;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;

/**
 * Announces approvals by a signed webhook, {@code approval.requested} as Standard Webhooks has it. What would run is not
 * in it, unless decisions are to show arguments, and then only what may be shown: whoever may answer reads it over the
 * API.
 */
public final class ApprovalWebhook implements Announcer.Sender {
    private static final int LONGEST_ARGUMENTS = 4_000;

    private final Network network;
    private final Destination destination;
    private final Decisions decisions;

    /**
     * @param decisions what may be told of a tool call
     * @throws IllegalArgumentException for a destination that may not be
     */
    public ApprovalWebhook(Vertx vertx, BlockingIo blocking, Webhook webhook, Decisions decisions) {
        this(Network.open(vertx, blocking), webhook, decisions);
    }

    ApprovalWebhook(Network network, Webhook webhook, Decisions decisions) {
        this.network = network;
        this.decisions = decisions;
        destination = Destination.of(webhook);
    }

    /** Fails with {@code provider-webhook} unless the receiver said 2xx. */
    @Override
    public Future<Void> send(ApprovalView approval, CallContext call) {
        var id = "apr_" + approval.asked().approvalId();
        return new Delivery(network, destination, id, body(id, approval), call)
                .run()
                .compose(outcome -> outcome instanceof Outcome.Returned
                        ? Future.succeededFuture()
                        : Future.failedFuture(
                                Failure.of(Failure.Kind.UNAVAILABLE, "provider-webhook", outcome.toString())));
    }

    /** Closes the connections; deliveries under way fail. */
    public Future<Void> close() {
        return network.client().close();
    }

    private Buffer body(String id, ApprovalView approval) {
        var asked = approval.asked();
        var arguments = asked.call().arguments();
        var data = new JsonObject()
                .put("approval_id", id)
                .put("run_id", "run_" + approval.runId())
                .put("kind", asked.kind().word())
                .put("agent", asked.call().agent().title())
                .put("tool", asked.call().tool())
                .put("rule", asked.rule())
                .put("reason", decisions.redact().text(asked.reason(), arguments))
                .put("roles", new JsonArray(asked.roles()))
                .put("expires_at", asked.expiresAt().toString());
        if (decisions.arguments()) {
            var shown = decisions.redact().arguments(arguments);
            var fits = Json.encode(shown).length() <= LONGEST_ARGUMENTS;
            data.put("arguments", fits ? shown : "too long");
        }
        return new JsonObject()
                .put("type", "approval.requested")
                .put("timestamp", approval.createdAt().toString())
                .put("data", data)
                .toBuffer();
    }
}
