package io.taskpilot.tool;

import io.taskpilot.config.TaskPilotConfig.Tools.Webhook;
import io.taskpilot.engine.CallContext;
import io.taskpilot.engine.Tool;
import io.taskpilot.resilience.BlockingIo;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.json.JsonObject;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * {@code notify_external_system}: a signed webhook (Standard Webhooks) to a destination of the configuration, never to a
 * URL from a model. How a call ends: 2xx returned; any other complete answer refused, after repeats with the same key if
 * it says "not now" and the destination is declared idempotent; nothing sent after tries until the deadline refused; sent
 * without a complete answer unknown, after repeats if idempotent. Safe to share between event loops.
 */
public final class WebhookTool implements Tool {
    static final String NAME = "notify_external_system";

    private final Spec spec;
    private final Map<String, Destination> destinations;
    private final Network network;

    /**
     * Made only when there is a destination: without one the tool is not offered.
     *
     * @throws IllegalArgumentException with every mistake in the destinations, a line each
     */
    public WebhookTool(Vertx vertx, BlockingIo blocking, Map<String, Webhook> webhooks) {
        this(Network.open(vertx, blocking), destinations(webhooks));
    }

    WebhookTool(Network network, Map<String, Destination> destinations) {
        if (destinations.isEmpty()) {
            throw new IllegalArgumentException("no webhook is configured");
        }
        this.destinations = destinations;
        this.network = network;
        spec = spec(destinations);
    }

    @Override
    public Spec spec() {
        return spec;
    }

    @Override
    public boolean isRepeatable(Map<String, Object> arguments) {
        var destination = destinations.get(TaskFields.text(arguments, "destination", ""));
        return destination != null && destination.idempotent();
    }

    @Override
    public Future<Outcome> run(Invocation invocation, CallContext call) {
        var destination = destinations.get(TaskFields.text(invocation.arguments(), "destination", ""));
        if (destination == null) {
            return Future.succeededFuture(new Outcome.Refused("no such destination"));
        }
        return new Delivery(network, destination, invocation.key(), body(invocation), call).run();
    }

    /** Closes the connections; calls under way fail. */
    public Future<Void> close() {
        return network.client().close();
    }

    /** The same bytes on every attempt, so nothing in it tells attempts apart. */
    private static Buffer body(Invocation invocation) {
        return new JsonObject()
                .put("destination", invocation.arguments().get("destination"))
                .put("message", invocation.arguments().get("message"))
                .put("run_id", "run_" + invocation.runId())
                .put("call_id", invocation.callId())
                .toBuffer();
    }

    private static Spec spec(Map<String, Destination> destinations) {
        var timeout = destinations.values().stream()
                .map(Destination::timeout)
                .reduce(Duration.ZERO, (a, b) -> a.compareTo(b) > 0 ? a : b);
        var parameters = TaskFields.schema(
                Map.of(
                        "destination", Map.of("type", "string", "enum", List.copyOf(destinations.keySet())),
                        "message", Map.of("type", "string", "minLength", 1, "maxLength", 10_000)),
                List.of("destination", "message"));
        return new Spec(NAME, "Sends a message to one of the configured destinations.", parameters, timeout, true);
    }

    static Map<String, Destination> destinations(Map<String, Webhook> webhooks) {
        var destinations = new TreeMap<String, Destination>();
        var mistakes = new ArrayList<String>();
        webhooks.forEach((name, webhook) -> {
            try {
                destinations.put(name, Destination.of(webhook));
            } catch (IllegalArgumentException e) {
                mistakes.add("tools.webhooks.%s.%s".formatted(name, e.getMessage()));
            }
        });
        if (!mistakes.isEmpty()) {
            throw new IllegalArgumentException(String.join("\n", mistakes));
        }
        return destinations;
    }
}
