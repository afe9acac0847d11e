package io.taskpilot.tool;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.config.Secret;
import io.taskpilot.config.TaskPilotConfig.Tools.Webhook;
import io.taskpilot.engine.CallContext;
import io.taskpilot.engine.Tool.Invocation;
import io.taskpilot.engine.Tool.Outcome;
import io.taskpilot.resilience.Deadline;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.net.PfxOptions;
import java.net.InetAddress;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The connection goes to an address, and the certificate must still be that of the name. */
class WebhookTlsTest {
    private static final String PASSWORD = "changeit";

    @TempDir
    static Path directory;

    private final Vertx vertx = Vertx.vertx();

    /** The JDK's own tool: what a test needs of a certificate authority. */
    @BeforeAll
    static void makeCertificate() throws Exception {
        var keytool = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "keytool")
                                .toString(),
                        "-genkeypair",
                        "-alias",
                        "hooks",
                        "-keyalg",
                        "EC",
                        "-dname",
                        "CN=hooks.example.test",
                        "-ext",
                        "san=dns:hooks.example.test",
                        "-storepass",
                        PASSWORD,
                        "-keystore",
                        store())
                .redirectErrorStream(true)
                .start();
        var said = new String(keytool.getInputStream().readAllBytes(), UTF_8);
        assertThat(keytool.waitFor()).as(said).isZero();
    }

    @AfterEach
    void close() throws Exception {
        vertx.close().await(10, SECONDS);
    }

    @Test
    void nameIsIndicatedAndVerifiedThoughTheConnectionGoesToAnAddress() throws Exception {
        var receiver = receiver();

        assertThat(notify("hooks.example.test", receiver)).isInstanceOf(Outcome.Returned.class);
        assertThat(receiver.received.take().sni()).isEqualTo("hooks.example.test");
    }

    @Test
    void certificateOfAnotherNameIsRefusedBeforeAnythingIsSent() throws Exception {
        var receiver = receiver();

        assertThat(notify("other.example.test", receiver))
                .isEqualTo(new Outcome.Refused("could not be delivered: Failed to create SSL connection"));
        assertThat(receiver.received).isEmpty();
    }

    private Receiver receiver() throws Exception {
        return new Receiver(
                vertx, new HttpServerOptions().setSsl(true).setSni(true).setKeyCertOptions(pfx()));
    }

    private Outcome notify(String host, Receiver receiver) throws Exception {
        var secret = new Secret("whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        var url = URI.create("https://" + host + ":" + receiver.port() + "/");
        var destinations = WebhookTool.destinations(
                Map.of("ops", new Webhook(url, secret, null, false, true, Duration.ofSeconds(20))));
        var address = List.of(InetAddress.getLoopbackAddress());
        var options = Delivery.Network.clientOptions().setTrustOptions(pfx());
        var network = Delivery.Network.open(vertx, options, unused -> Future.succeededFuture(address));
        var tool = new WebhookTool(network, destinations);
        var arguments = Map.<String, Object>of("destination", "ops", "message", "done");
        var invocation = new Invocation(new UUID(0, 0), "call_1", "key", "default", arguments, null);
        var call = CallContext.ofRequest("req-1", Deadline.in(Duration.ofSeconds(20)));
        return Future.<Outcome>future(promise ->
                        vertx.runOnContext(unused -> tool.run(invocation, call).onComplete(promise)))
                .await(30, SECONDS);
    }

    private static PfxOptions pfx() {
        return new PfxOptions().setPath(store()).setPassword(PASSWORD);
    }

    private static String store() {
        return directory.resolve("hooks.p12").toString();
    }
}
