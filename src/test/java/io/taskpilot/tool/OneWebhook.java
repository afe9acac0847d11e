package io.taskpilot.tool;

import static java.util.concurrent.TimeUnit.SECONDS;

import io.taskpilot.config.Secret;
import io.taskpilot.config.TaskPilotConfig.Tools.Webhook;
import io.taskpilot.engine.CallContext;
import io.taskpilot.engine.Tool.Invocation;
import io.taskpilot.engine.Tool.Outcome;
import io.taskpilot.resilience.BlockingIo;
import io.taskpilot.resilience.Deadline;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.net.ProxySelector;
import java.net.URI;
import java.time.Duration;
import java.util.Map;
import java.util.UUID;

/** Sends one webhook from a process of its own, whose environment is what the test gives it. */
final class OneWebhook {
    private OneWebhook() {}

    /** @param args the URL of the receiver */
    public static void main(String[] args) throws Exception {
        var url = URI.create(args[0]);
        System.out.println("the JDK would use " + ProxySelector.getDefault().select(url));
        var vertx = Vertx.vertx();
        var secret = new Secret("whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        var webhook = new Webhook(url, secret, null, false, true, Duration.ofSeconds(20));
        var tool = new WebhookTool(vertx, new BlockingIo(vertx), Map.of("ops", webhook));
        var arguments = Map.<String, Object>of("destination", "ops", "message", "done");
        var invocation = new Invocation(new UUID(0, 0), "call_1", "key", "default", arguments, null);
        var call = CallContext.ofRequest("req-1", Deadline.in(Duration.ofSeconds(20)));
        var outcome = Future.<Outcome>future(promise ->
                        vertx.runOnContext(unused -> tool.run(invocation, call).onComplete(promise)))
                .await(30, SECONDS);
        System.out.println(outcome);
        vertx.close().await(10, SECONDS);
    }
}
