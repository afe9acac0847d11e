package io.taskpilot.tool;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.taskpilot.config.Secret;
import io.taskpilot.config.TaskPilotConfig.Decisions;
import io.taskpilot.config.TaskPilotConfig.Tools.Webhook;
import io.taskpilot.engine.CallContext;
import io.taskpilot.engine.RunReader.ApprovalView;
import io.taskpilot.resilience.Deadline;
import io.taskpilot.resilience.Failure;
import io.taskpilot.run.Agent;
import io.taskpilot.run.ApprovalKind;
import io.taskpilot.run.RunEvent;
import io.taskpilot.run.ToolCall;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServerOptions;
import java.net.InetAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.UUID;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Announcements go out by the same door as the webhooks of runs. */
class ApprovalWebhookTest {
    private static final String HOST = "hooks.example.test";
    private static final UUID ID = new UUID(0, 1);

    private final Vertx vertx = Vertx.vertx();
    private Receiver receiver;

    @BeforeEach
    void open() throws Exception {
        receiver = new Receiver(vertx, new HttpServerOptions());
    }

    @AfterEach
    void close() throws Exception {
        vertx.close().await(10, SECONDS);
    }

    @Test
    void receiverThatIsAllowedIsTold() throws Exception {
        announce("127.0.0.1");

        assertThat(receiver.received.take().header("webhook-id")).isEqualTo("apr_" + ID);
    }

    @Test
    void nameThatLeadsToTheMetadataServiceIsRefused() {
        assertThatThrownBy(() -> announce("169.254.169.254"))
                .isInstanceOfSatisfying(
                        Failure.class, failure -> assertThat(failure.slug()).isEqualTo("provider-webhook"))
                .hasMessageContaining("the receiver's address is one where webhooks may not go");
        assertThat(receiver.received).isEmpty();
    }

    @Test
    void nameThatTurnsIntoTheMetadataServiceAtARedirectIsRefused() {
        receiver.thenRedirect(307, "/again");

        assertThatThrownBy(() -> announce("127.0.0.1", "169.254.169.254"))
                .hasMessageContaining("the receiver's address is one where webhooks may not go");
        assertThat(receiver.received).hasSize(1);
    }

    @Test
    void redirectElsewhereIsRefused() {
        receiver.thenRedirect(308, "http://elsewhere.example.test/");

        assertThatThrownBy(() -> announce("127.0.0.1")).hasMessageContaining("a redirect to another host");
        assertThat(receiver.received).hasSize(1);
    }

    private void announce(String... answers) throws Exception {
        var lookups = new ConcurrentLinkedQueue<>(List.of(answers));
        var network = Network.open(vertx, Network.clientOptions(), host -> lookup(lookups));
        var secret = new Secret("whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        var url = URI.create(receiver.url(HOST));
        var sender = new ApprovalWebhook(
                network, new Webhook(url, secret, null, true, true, Duration.ofSeconds(20)), Decisions.plain(null));
        var call = CallContext.ofRequest("req-1", Deadline.in(Duration.ofSeconds(20)));
        Future.<Void>future(promise -> vertx.runOnContext(
                        unused -> sender.send(approval(), call).onComplete(promise)))
                .await(30, SECONDS);
    }

    private static Future<List<InetAddress>> lookup(Queue<String> answers) {
        try {
            return Future.succeededFuture(List.of(InetAddress.getByName(answers.remove())));
        } catch (UnknownHostException e) {
            return Future.failedFuture(e);
        }
    }

    private static ApprovalView approval() {
        var call = new ToolCall("call_1", Agent.EXECUTOR, "create_task", Map.of("title", "Deck"));
        var asked = new RunEvent.ApprovalRequested(
                ID, ApprovalKind.TOOL_CALL, call, "00", "rule", "reason", "r1", List.of("approver"), Instant.EPOCH);
        return new ApprovalView(new UUID(0, 2), asked, "pending", Instant.EPOCH, null, List.of());
    }
}
