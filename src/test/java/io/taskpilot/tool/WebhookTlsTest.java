package io.taskpilot.tool;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import io.taskpilot.config.Secret;
import io.taskpilot.config.TaskPilotConfig.Tools.Webhook;
import io.taskpilot.engine.CallContext;
import io.taskpilot.engine.Tool.Invocation;
import io.taskpilot.engine.Tool.Outcome;
import io.taskpilot.outside.OutsideProcess;
import io.taskpilot.resilience.Deadline;
import io.taskpilot.run.Attempt;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpClient;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.http.RequestOptions;
import io.vertx.core.net.PfxOptions;
import io.vertx.core.net.SocketAddress;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;
import java.net.InetAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.UUID;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The connection goes to an address, and the certificate must still be that of the name. */
class WebhookTlsTest {
    private static final String PASSWORD = "changeit";

    @TempDir
    static Path directory;

    private static final String PUBLIC = "93.184.215.14";
    private static final Outcome FORBIDDEN =
            new Outcome.Refused("could not be delivered: the receiver's address is one where webhooks may not go");

    private final Vertx vertx = Vertx.vertx();
    private final List<String> dialled = new CopyOnWriteArrayList<>();
    private final List<Attempt> attempts = new ArrayList<>();

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
                .isEqualTo(new Outcome.Refused("could not be delivered: TLS failed"));
        assertThat(receiver.received).isEmpty();
        assertThat(attempts).extracting(Attempt::lack).containsExactly(Attempt.Lack.TLS);
    }

    /** The look-up that was judged is the one that is used: a second answer, to whoever would ask again, finds nobody. */
    @Test
    void nameThatIsPublicAtTheFirstLookupAndPrivateAtTheNextReachesThePublicAddress() throws Exception {
        var receiver = receiver();
        var answers = new ConcurrentLinkedQueue<>(List.of(PUBLIC, "127.0.0.1", "169.254.169.254"));

        assertThat(notify(strict(receiver), answers, detour(receiver))).isInstanceOf(Outcome.Returned.class);
        assertThat(dialled).containsExactly(PUBLIC + ":" + receiver.port());
        assertThat(answers).hasSize(2);
    }

    @Test
    void nameThatTurnedPrivateBeforeARepeatIsRefusedAndNotDialled() throws Exception {
        var receiver = receiver();
        var answers = new ConcurrentLinkedQueue<>(List.of(PUBLIC, "127.0.0.1"));

        assertThat(notify(strict(receiver), answers, options -> options.setServer(closedPort())))
                .isEqualTo(FORBIDDEN);
        assertThat(dialled).containsExactly(PUBLIC + ":" + receiver.port());
        assertThat(receiver.received).isEmpty();
    }

    @Test
    void nameThatTurnsPrivateAtARedirectIsRefusedAndNotDialled() throws Exception {
        var receiver = receiver().thenRedirect(307, "/second");
        var answers = new ConcurrentLinkedQueue<>(List.of(PUBLIC, "10.0.0.1"));

        assertThat(notify(strict(receiver), answers, detour(receiver))).isEqualTo(FORBIDDEN);
        assertThat(dialled).hasSize(1);
    }

    @Test
    void redirectFromHttpsToHttpIsRefusedThoughHttpIsPermitted() throws Exception {
        var receiver = receiver();
        receiver.thenRedirect(308, "http://hooks.example.test:" + receiver.port() + "/");

        assertThat(notify("hooks.example.test", receiver))
                .isEqualTo(new Outcome.Refused("a redirect from https to http"));
        assertThat(receiver.received).hasSize(1);
    }

    @Test
    void redirectFromHttpToHttpsOfTheSameHostIsFollowed() throws Exception {
        var plain = new Receiver(vertx, new HttpServerOptions()).thenRedirect(308, "https://hooks.example.test/");
        var receiver = receiver();
        var answers = new ConcurrentLinkedQueue<>(List.of("127.0.0.1", "127.0.0.1"));
        var url = "http://hooks.example.test:" + plain.port() + "/";

        assertThat(notify(webhook(url, true), answers, options -> {
                    if (options.getPort() == 443) {
                        options.setServer(address(receiver.port()));
                    }
                }))
                .isInstanceOf(Outcome.Returned.class);
        assertThat(dialled).containsExactly("127.0.0.1:" + plain.port(), "127.0.0.1:443");
        assertThat(receiver.received.take().sni()).isEqualTo("hooks.example.test");
    }

    private Receiver receiver() throws Exception {
        return new Receiver(
                vertx, new HttpServerOptions().setSsl(true).setSni(true).setKeyCertOptions(pfx()));
    }

    private Outcome notify(String host, Receiver receiver) throws Exception {
        var url = "https://" + host + ":" + receiver.port() + "/";
        return notify(webhook(url, true), new ConcurrentLinkedQueue<>(List.of("127.0.0.1")), options -> {});
    }

    private static Webhook strict(Receiver receiver) {
        return webhook("https://hooks.example.test:" + receiver.port() + "/", false);
    }

    private static Webhook webhook(String url, boolean allowPrivate) {
        var secret = new Secret("whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        return new Webhook(URI.create(url), secret, null, false, allowPrivate, Duration.ofSeconds(20));
    }

    /** What was to go to a public address comes to the receiver. */
    private static Consumer<RequestOptions> detour(Receiver receiver) {
        return options -> options.setServer(address(receiver.port()));
    }

    private static SocketAddress address(int port) {
        return SocketAddress.inetSocketAddress(port, "127.0.0.1");
    }

    private static SocketAddress closedPort() {
        return address(OutsideProcess.unusedPort());
    }

    /**
     * @param answers of the resolver, one a look-up
     * @param onTheWay may lead a connection elsewhere, once what was dialled is noted
     */
    private Outcome notify(Webhook webhook, Queue<String> answers, Consumer<RequestOptions> onTheWay) throws Exception {
        var options = Network.clientOptions().setTrustOptions(pfx());
        var real = Network.open(vertx, options, host -> lookup(answers));
        var network = new Network(vertx, noting(real.client(), onTheWay), real.resolver());
        var tool = new WebhookTool(network, WebhookTool.destinations(Map.of("ops", webhook)));
        var arguments = Map.<String, Object>of("destination", "ops", "message", "done");
        var invocation = new Invocation(new UUID(0, 0), "call_1", "key", "default", arguments, null);
        var call = CallContext.ofRequest("req-1", Deadline.in(Duration.ofSeconds(20)));
        var outcome = Future.<Outcome>future(promise ->
                        vertx.runOnContext(unused -> tool.run(invocation, call).onComplete(promise)))
                .await(30, SECONDS);
        attempts.addAll(call.attempts());
        return outcome;
    }

    private static Future<List<InetAddress>> lookup(Queue<String> answers) {
        try {
            return Future.succeededFuture(List.of(InetAddress.getByName(answers.remove())));
        } catch (UnknownHostException e) {
            return Future.failedFuture(e);
        }
    }

    /** The real client, at whose door is noted where it is told to connect. */
    private HttpClient noting(HttpClient real, Consumer<RequestOptions> onTheWay) {
        InvocationHandler handler = (proxy, method, args) -> {
            if (method.getName().equals("request") && args[0] instanceof RequestOptions options) {
                dialled.add(String.valueOf(options.getServer()));
                onTheWay.accept(options);
            }
            return method.invoke(real, args);
        };
        var loader = HttpClient.class.getClassLoader();
        return (HttpClient) Proxy.newProxyInstance(loader, new Class<?>[] {HttpClient.class}, handler);
    }

    private static PfxOptions pfx() {
        return new PfxOptions().setPath(store()).setPassword(PASSWORD);
    }

    private static String store() {
        return directory.resolve("hooks.p12").toString();
    }
}
