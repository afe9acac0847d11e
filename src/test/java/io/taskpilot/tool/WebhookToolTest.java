package io.taskpilot.tool;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.taskpilot.config.Secret;
import io.taskpilot.config.TaskPilotConfig.Tools.Webhook;
import io.taskpilot.engine.CallContext;
import io.taskpilot.engine.Tool.Invocation;
import io.taskpilot.engine.Tool.Outcome;
import io.taskpilot.outside.OutsideProcess;
import io.taskpilot.resilience.BlockingIo;
import io.taskpilot.resilience.Deadline;
import io.taskpilot.run.Attempt;
import io.taskpilot.run.Attempt.Lack;
import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.json.JsonObject;
import java.net.InetAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import java.util.stream.IntStream;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class WebhookToolTest {
    private static final UUID RUN = UUID.fromString("0197f3c2-4111-7111-8111-111111111111");
    private static final String KEY = "run_" + RUN + ":call_1";
    private static final byte[] SECRET = "twenty-four bytes or more".getBytes(UTF_8);
    private static final String HOST = "hooks.example.test";
    private static final Outcome FORBIDDEN =
            new Outcome.Refused("could not be delivered: the receiver's address is one where webhooks may not go");
    /** On a busy machine too: what was not sent is refused, and not in doubt. Waited out in full. */
    private static final Duration ENOUGH_TO_SEND = Duration.ofSeconds(3);

    private Vertx vertx;
    private Context context;
    private Receiver receiver;
    private Function<String, Future<List<InetAddress>>> resolver = host -> addresses("127.0.0.1");
    private Duration timeout = Duration.ofSeconds(20);
    private boolean idempotent;
    private boolean allowPrivate = true;

    @BeforeEach
    void start() throws Exception {
        vertx = Vertx.vertx();
        context = vertx.getOrCreateContext();
        receiver = new Receiver(vertx, new HttpServerOptions());
    }

    @AfterEach
    void close() throws Exception {
        vertx.close().await(10, SECONDS);
    }

    @Test
    void requestIsSignedAndSaysWhatItIs() throws Exception {
        receiver.then(request -> request.response().end("thanks\u0000"));

        var outcome = notify(tool("/hook?a=b"));

        assertThat(outcome).isEqualTo(new Outcome.Returned(Map.of("status", 200, "body", "thanks\ufffd"), List.of()));
        var request = receiver.received.take();
        assertThat(request.path()).isEqualTo("/hook?a=b");
        assertThat(request.header("host")).isEqualTo(HOST + ":" + receiver.port());
        assertThat(request.header("content-type")).isEqualTo("application/json");
        assertThat(request.header("idempotency-key")).isEqualTo(KEY);
        assertThat(request.header("webhook-id")).isEqualTo(KEY);
        assertThat(request.header("x-request-id")).isEqualTo("req-1");
        assertThat(Long.parseLong(request.header("webhook-timestamp")))
                .isBetween(Instant.now().getEpochSecond() - 60, Instant.now().getEpochSecond());
        assertThat(request.header("webhook-signature")).isEqualTo(signature(request));
        assertThat(request.body().toJsonObject())
                .isEqualTo(new JsonObject()
                        .put("destination", "ops")
                        .put("message", "done")
                        .put("run_id", "run_" + RUN)
                        .put("call_id", "call_1"));
    }

    /** A receiver takes any one signature that it can check, so it may still know the old secret or already the new. */
    @Test
    void whileASecretIsRotatedReceiversOfEitherCanCheck() throws Exception {
        var next = "the secret that comes after it".getBytes(UTF_8);
        var rotated = new Webhook(URI.create(receiver.url(HOST)), secret(next), secret(SECRET), false, true, timeout);

        assertThat(notify(tool(Map.of("ops", rotated)))).isInstanceOf(Outcome.Returned.class);
        var request = receiver.received.take();
        assertThat(request.header("webhook-signature").split(" "))
                .containsExactly(signature(request, next), signature(request, SECRET));
    }

    @ParameterizedTest
    @ValueSource(ints = {200, 201, 202, 204, 299})
    void successIsReturned(int status) throws Exception {
        receiver.then(request -> request.response().setStatusCode(status).end());

        assertThat(notify(tool("/"))).isEqualTo(new Outcome.Returned(Map.of("status", status, "body", ""), List.of()));
    }

    @ParameterizedTest
    @ValueSource(ints = {300, 301, 302, 303, 304, 400, 401, 404, 409, 500})
    void anyOtherCompleteAnswerIsARefusalAndNotRepeated(int status) throws Exception {
        idempotent = true;
        receiver.then(request -> request.response()
                .setStatusCode(status)
                .putHeader("Location", "/other")
                .end());

        assertThat(notify(tool("/"))).isEqualTo(new Outcome.Refused("status " + status));
        assertThat(receiver.received).hasSize(1);
    }

    @ParameterizedTest
    @ValueSource(ints = {429, 502, 503, 504})
    void notNowIsARefusalUnlessTheDestinationIsIdempotent(int status) throws Exception {
        receiver.thenStatus(status);

        assertThat(notify(tool("/"))).isEqualTo(new Outcome.Refused("status " + status));
        assertThat(receiver.received).hasSize(1);
    }

    @ParameterizedTest
    @ValueSource(ints = {429, 502, 503, 504})
    void idempotentDestinationThatSaysNotNowIsAskedAgain(int status) throws Exception {
        idempotent = true;
        receiver.thenStatus(status).thenStatus(200);

        assertThat(notify(tool("/"))).isInstanceOf(Outcome.Returned.class);
        assertThat(receiver.received)
                .hasSize(2)
                .allSatisfy(request -> assertThat(request.header("webhook-id")).isEqualTo(KEY));
    }

    @Test
    void receiverIsLeftAloneForAsLongAsItAsks() throws Exception {
        idempotent = true;
        receiver.then(request -> request.response()
                .setStatusCode(503)
                .putHeader("Retry-After", "1")
                .end());
        var call = call(() -> true);

        assertThat(notify(tool("/"), call)).isInstanceOf(Outcome.Returned.class);
        assertThat(call.attempts()).extracting(Attempt::status).containsExactly(503, 204);
        assertThat(Duration.between(
                        call.attempts().get(0).at(), call.attempts().get(1).at()))
                .isGreaterThanOrEqualTo(Duration.ofSeconds(1));
    }

    @ParameterizedTest
    @ValueSource(strings = {"3600", "999999999999", "Fri, 31 Dec 2100 23:59:59 GMT"})
    void receiverThatAsksForMoreTimeThanThereIsHasRefused(String retryAfter) throws Exception {
        idempotent = true;
        receiver.then(request -> request.response()
                .setStatusCode(429)
                .putHeader("Retry-After", retryAfter)
                .end());

        assertThat(notify(tool("/"))).isEqualTo(new Outcome.Refused("status 429"));
        assertThat(receiver.received).hasSize(1);
    }

    @Test
    void receiverThatIsStillBusyAtTheSecondAttemptHasRefused() throws Exception {
        idempotent = true;
        receiver.thenStatus(503)
                .then(request -> request.response()
                        .setStatusCode(503)
                        .putHeader("Retry-After", "3600")
                        .end());
        var call = call(() -> true);

        assertThat(notify(tool("/"), call)).isEqualTo(new Outcome.Refused("status 503"));
        assertThat(call.attempts()).extracting(Attempt::status).containsExactly(503, 503);
    }

    @Test
    void receiverThatIsBusyAfterAnUnansweredAttemptLeavesDoubt() throws Exception {
        idempotent = true;
        receiver.thenCut()
                .then(request -> request.response()
                        .setStatusCode(503)
                        .putHeader("Retry-After", "3600")
                        .end());

        assertThat(notify(tool("/"))).isInstanceOf(Outcome.Unknown.class);
        assertThat(receiver.received).hasSize(2);
    }

    @Test
    void everyAttemptIsOnRecord() throws Exception {
        idempotent = true;
        receiver.thenCut().thenStatus(503).thenRedirect(307, "/second").thenStatus(200);
        var call = call(() -> true);

        notify(tool("/"), call);

        assertThat(call.attempts()).extracting(Attempt::lack).containsExactly(Lack.NO_ANSWER, null, null);
        assertThat(call.attempts()).extracting(Attempt::status).containsExactly(null, 503, 200);
        assertThat(call.attempts()).extracting(Attempt::redirects).containsExactly(0, 0, 1);
        assertThat(call.attempts()).allSatisfy(attempt -> {
            assertThat(attempt.at()).isBetween(Instant.now().minusSeconds(60), Instant.now());
            assertThat(attempt.durationMs()).isBetween(0L, 60_000L);
        });
    }

    private List<@Nullable Lack> lacks(WebhookTool tool, CallContext call) throws Exception {
        notify(tool, call);
        assertThat(call.attempts()).isNotEmpty().extracting(Attempt::status).containsOnlyNulls();
        return call.attempts().stream().map(Attempt::lack).distinct().toList();
    }

    @Test
    void attemptSaysHowFarItGot() throws Exception {
        var leased = new AtomicBoolean();
        var call = call(() -> leased.getAndSet(true));
        notify(tool("/"), call);
        assertThat(call.attempts()).extracting(Attempt::lack).containsExactly(Lack.NOT_SENT, null);
        timeout = Duration.ofSeconds(1);
        assertThat(lacks(
                        tool(Map.of("ops", webhook("http://" + HOST + ":" + OutsideProcess.unusedPort(), true))),
                        call(() -> true)))
                .containsExactly(Lack.CONNECT);
        receiver.thenSilence();
        timeout = ENOUGH_TO_SEND;
        assertThat(lacks(tool("/"), call(() -> true))).containsExactly(Lack.TIMEOUT);
        timeout = Duration.ofSeconds(1);
        resolver = host -> addresses("169.254.169.254");
        assertThat(lacks(tool("/"), call(() -> true))).containsExactly(Lack.FORBIDDEN_ADDRESS);
        resolver = host -> Future.failedFuture(new UnknownHostException(host));
        assertThat(lacks(tool("/"), call(() -> true))).containsExactly(Lack.LOOKUP);
    }

    @Test
    void longAnswerIsCut() throws Exception {
        receiver.then(request -> request.response().end("\ud83d\ude00".repeat(5000)));

        var result = (Map<?, ?>) ((Outcome.Returned) notify(tool("/"))).result();

        assertThat(result.get("body")).isEqualTo("\ud83d\ude00".repeat(2048));
        assertThat(result.get("cut")).isEqualTo(true);
    }

    @Test
    void endlessAnswerIsReadAsFarAs64KibAndNoFurther() throws Exception {
        var closed = new CountDownLatch(1);
        receiver.then(request -> {
            request.connection().closeHandler(unused -> closed.countDown());
            request.response().setChunked(true);
            vertx.setPeriodic(1, unused -> request.response().write(Buffer.buffer(new byte[8192])));
        });

        assertThat(notify(tool("/"))).isInstanceOf(Outcome.Returned.class);
        assertThat(closed.await(10, SECONDS)).isTrue();
    }

    @Test
    void redirectsThatKeepTheMethodAreFollowedWithTheSameKey() throws Exception {
        receiver.thenRedirect(307, "/second")
                .thenRedirect(308, receiver.url(HOST) + "/third")
                .thenStatus(200);

        assertThat(notify(tool("/first"))).isInstanceOf(Outcome.Returned.class);
        assertThat(receiver.received)
                .extracting(Receiver.Received::path)
                .containsExactly("/first", "/second", "/third");
        assertThat(receiver.received).allSatisfy(request -> {
            assertThat(request.header("webhook-id")).isEqualTo(KEY);
            assertThat(request.header("webhook-signature")).isEqualTo(signature(request));
        });
    }

    @Test
    void redirectsEnd() throws Exception {
        IntStream.range(0, 4).forEach(i -> receiver.thenRedirect(307, "/again"));

        assertThat(notify(tool("/"))).isEqualTo(new Outcome.Refused("more than 3 redirects"));
        assertThat(receiver.received).hasSize(4);
    }

    @ParameterizedTest
    @ValueSource(strings = {"http://elsewhere.example.test/", "//elsewhere.example.test/", "", "::", "mailto:a@b"})
    void redirectElsewhereIsRefused(String location) throws Exception {
        receiver.thenRedirect(308, location);

        assertThat(notify(tool("/")))
                .isInstanceOfSatisfying(
                        Outcome.Refused.class,
                        refused -> assertThat(refused.reason()).startsWith("a redirect"));
        assertThat(receiver.received).hasSize(1);
    }

    @Test
    void redirectIsCheckedAgainWithAFreshLookup() throws Exception {
        var lookups = new AtomicInteger();
        resolver = host -> addresses(lookups.getAndIncrement() == 0 ? "127.0.0.1" : "169.254.169.254");
        receiver.thenRedirect(307, "/second");

        assertThat(notify(tool("/"))).isEqualTo(FORBIDDEN);
    }

    /** Policy allowed one destination, by its name; that one must not choose another. */
    @Test
    void redirectToAnotherDestinationIsRefused() throws Exception {
        receiver.thenRedirect(307, "http://other.example.test:" + receiver.port() + "/");
        var other = webhook("http://other.example.test:" + receiver.port() + "/", true);
        var tool = tool(Map.of("ops", webhook(receiver.url(HOST), true), "other", other));

        assertThat(notify(tool)).isEqualTo(new Outcome.Refused("a redirect to another host"));
        assertThat(receiver.received).hasSize(1);
    }

    @ParameterizedTest
    @CsvSource({
        "http://169.254.169.254/latest, to another host",
        "http://[::1]/, to another host",
        "http://hooks.example.test./, to another host",
        "http://2130706433/, to another host",
        "http://127.1/, without a usable location",
        "ftp://hooks.example.test/, to a URL with scheme 'ftp'",
        "gopher://hooks.example.test:6379/, to a URL with scheme 'gopher'",
        "file:///etc/passwd, without a usable location",
        "http://user:pass@hooks.example.test/, to a URL with user and password",
        "http://hooks.example.test:6379/, to another port",
        "http://hooks.example.test/, to another port",
        "http://hooks.example.test:0/, to a URL with port 0",
        "http://hooks.example.test:70000/, to a URL with port 70000",
        "https://hooks.example.test:8443/, to another port"
    })
    void redirectThatLeadsAstrayIsRefused(String location, String why) throws Exception {
        receiver.thenRedirect(307, location);

        assertThat(notify(tool("/")))
                .isInstanceOfSatisfying(
                        Outcome.Refused.class,
                        refused -> assertThat(refused.reason()).startsWith("a redirect " + why));
        assertThat(receiver.received).hasSize(1);
    }

    @ParameterizedTest
    @CsvSource({"[::1], ::1", "127.0.0.1, 127.0.0.1", "HOOKS.example.test., hooks.example.test."})
    void hostIsLookedUpAsItIsWritten(String host, String asked) throws Exception {
        var lookups = new CopyOnWriteArrayList<String>();
        resolver = name -> {
            lookups.add(name);
            return addresses("127.0.0.1");
        };

        assertThat(notify(tool(Map.of("ops", webhook(receiver.url(host), true)))))
                .isInstanceOf(Outcome.Returned.class);
        assertThat(lookups).containsExactly(asked);
    }

    @Test
    void nameThatLeadsToLoopbackIsRefusedWithoutAConnection() throws Exception {
        allowPrivate = false;

        assertThat(notify(tool(Map.of("ops", webhook("https://" + HOST + ":" + receiver.port(), false)))))
                .isEqualTo(FORBIDDEN);
        assertThat(receiver.connections).hasValue(0);
    }

    @Test
    void realLookupOfLocalhostIsRefused() throws Exception {
        var webhooks = Map.of("ops", webhook("https://localhost:" + receiver.port(), false));

        assertThat(notify(new WebhookTool(vertx, new BlockingIo(vertx), webhooks)))
                .isEqualTo(FORBIDDEN);
    }

    @Test
    void realLookupReachesAReceiverThatIsAllowed() throws Exception {
        var webhooks = Map.of("ops", webhook(receiver.url("localhost"), true));

        assertThat(notify(new WebhookTool(vertx, new BlockingIo(vertx), webhooks)))
                .isInstanceOf(Outcome.Returned.class);
    }

    @Test
    void oneForbiddenAddressAmongSeveralSpoilsTheName() throws Exception {
        resolver = host -> addresses("127.0.0.1", "169.254.169.254");

        assertThat(notify(tool("/"))).isInstanceOf(Outcome.Refused.class);
        assertThat(receiver.received).isEmpty();
    }

    @Test
    void connectionGoesToTheAddressThatWasCheckedAndNothingIsLookedUpAgain() throws Exception {
        var lookups = new CopyOnWriteArrayList<String>();
        resolver = host -> {
            lookups.add(host);
            return addresses("127.0.0.1");
        };

        assertThat(notify(tool("/"))).isInstanceOf(Outcome.Returned.class); // no resolver knows a .test name
        assertThat(lookups).containsExactly(HOST);
    }

    @Test
    void everyAttemptLooksUpOnceAndJudgesAnew() throws Exception {
        idempotent = true;
        var lookups = new AtomicInteger();
        resolver = host -> addresses(lookups.getAndIncrement() == 0 ? "127.0.0.1" : "169.254.169.254");
        receiver.thenCut();

        assertThat(notify(tool("/"))).isInstanceOf(Outcome.Unknown.class);
        assertThat(lookups).hasValue(2);
        assertThat(receiver.received).hasSize(1);
    }

    @Test
    void nameWithoutAnAddressIsNotSentTo() throws Exception {
        timeout = Duration.ofSeconds(1);
        resolver = host -> Future.succeededFuture(List.of());

        assertThat(notify(tool("/")))
                .isEqualTo(new Outcome.Refused("could not be delivered: the receiver's name could not be resolved"));
    }

    @Test
    void whatWasNotSentIsTriedAgain() throws Exception {
        var lookups = new AtomicInteger();
        resolver = host -> lookups.incrementAndGet() < 3
                ? Future.failedFuture(new UnknownHostException(host))
                : addresses("127.0.0.1");

        assertThat(notify(tool("/"))).isInstanceOf(Outcome.Returned.class);
        assertThat(lookups).hasValue(3);
        assertThat(receiver.received).hasSize(1);
    }

    @Test
    void refusedConnectionsAreTriedUntilTheDeadlineAndHadNoEffect() throws Exception {
        timeout = Duration.ofSeconds(1);
        var webhook = webhook("http://" + HOST + ":" + OutsideProcess.unusedPort(), true);

        assertThat(notify(tool(Map.of("ops", webhook))))
                .isEqualTo(new Outcome.Refused("could not be delivered: the receiver could not be reached"));
    }

    @Test
    void requestThatGotNoAnswerIsNotRepeated() throws Exception {
        receiver.thenCut();

        assertThat(notify(tool("/")))
                .isEqualTo(new Outcome.Unknown("no complete answer: the connection ended before the answer did"));
        assertThat(receiver.received).hasSize(1);
    }

    @Test
    void answerCutAfterItsHeadersIsNoAnswer() throws Exception {
        receiver.then(request -> {
            var response = request.response().putHeader("Content-Length", "100");
            response.write("half of it")
                    .onComplete(unused -> request.connection().close());
        });

        assertThat(notify(tool("/"))).isInstanceOf(Outcome.Unknown.class);
        assertThat(receiver.received).hasSize(1);
    }

    @Test
    void silenceEndsInDoubtAtTheTimeout() throws Exception {
        timeout = ENOUGH_TO_SEND;
        receiver.thenSilence();

        assertThat(notify(tool("/")))
                .isEqualTo(new Outcome.Unknown("no complete answer: the receiver did not answer in time"));
        assertThat(receiver.received).hasSize(1);
    }

    @Test
    void answerThatNeverEndsIsNoAnswer() throws Exception {
        timeout = ENOUGH_TO_SEND;
        receiver.then(request -> {
            request.response().setChunked(true);
            vertx.setPeriodic(20, unused -> request.response().write("."));
        });

        assertThat(notify(tool("/"))).isInstanceOf(Outcome.Unknown.class);
    }

    @Test
    void idempotentDestinationGetsTheSameAgain() throws Exception {
        idempotent = true;
        receiver.thenCut().thenCut().thenStatus(200);

        assertThat(notify(tool("/"))).isInstanceOf(Outcome.Returned.class);
        assertThat(receiver.received).hasSize(3);
        assertThat(receiver.received)
                .allSatisfy(request -> assertThat(request.header("webhook-id")).isEqualTo(KEY));
        assertThat(receiver.received.stream().map(Receiver.Received::body).distinct())
                .hasSize(1);
    }

    @Test
    void refusalOfARepeatSaysNothingOfTheFirstAttempt() throws Exception {
        idempotent = true;
        receiver.thenCut().thenStatus(500);

        assertThat(notify(tool("/"))).isInstanceOf(Outcome.Unknown.class);
    }

    @Test
    void receiverThatIsGoneAfterAnUnansweredAttemptLeavesDoubt() throws Exception {
        idempotent = true;
        timeout = Duration.ofSeconds(6); // the first attempt must get through on a busy machine
        var lookups = new AtomicInteger();
        resolver = host -> lookups.getAndIncrement() == 0
                ? addresses("127.0.0.1")
                : Future.failedFuture(new UnknownHostException(host));
        receiver.thenCut();

        assertThat(notify(tool("/"))).isInstanceOf(Outcome.Unknown.class);
    }

    @Test
    void nothingIsSentWithoutALease() throws Exception {
        timeout = Duration.ofSeconds(1);

        assertThat(notify(tool("/"), call(() -> false))).isInstanceOf(Outcome.Refused.class);
        assertThat(receiver.received).isEmpty();
    }

    @Test
    void connectionsThatWereNotUsedAreClosed() throws Exception {
        timeout = Duration.ofSeconds(1);
        var tool = tool("/");

        notify(tool, call(() -> false));

        var gone = Future.<Void>future(promise -> vertx.setPeriodic(10, timer -> {
            if (receiver.connections.get() == 0) {
                promise.tryComplete();
            }
        }));
        gone.await(10, SECONDS);
    }

    @Test
    void leaseThatComesBackInTimeLetsItGo() throws Exception {
        var asked = new AtomicInteger();

        assertThat(notify(tool("/"), call(() -> asked.incrementAndGet() > 2))).isInstanceOf(Outcome.Returned.class);
        assertThat(receiver.received).hasSize(1);
    }

    @Test
    void leaseIsNotAskedBeforeTheConnectionIsThere() throws Exception {
        timeout = Duration.ofSeconds(1);
        var asked = new AtomicBoolean();
        var tool = tool(Map.of("ops", webhook("http://" + HOST + ":" + OutsideProcess.unusedPort(), true)));

        notify(tool, call(() -> {
            asked.set(true);
            return true;
        }));

        assertThat(asked).isFalse();
    }

    @Test
    void callBrokenOffBeforeAnythingWasSentHadNoEffectAndHasNone() throws Exception {
        var lookup = Promise.<List<InetAddress>>promise();
        resolver = host -> lookup.future();
        var call = call(() -> true);
        var outcome = start(tool("/"), call);

        onContext(call::abort);

        assertThat(outcome.await(10, SECONDS)).isInstanceOf(Outcome.Refused.class);
        lookup.complete(addresses("127.0.0.1").result());
        onContext(() -> {});
        assertThat(receiver.received).isEmpty();
    }

    @Test
    void callBrokenOffAfterTheRequestIsInDoubtAtOnceAndItsConnectionClosed() throws Exception {
        var closed = new CountDownLatch(1);
        receiver.then(request -> request.connection().closeHandler(unused -> closed.countDown()));
        var call = call(() -> true);
        var outcome = start(tool("/"), call);
        receiver.received.take();

        onContext(call::abort);

        assertThat(outcome.await(5, SECONDS)).isEqualTo(new Outcome.Unknown("no complete answer: broken off"));
        assertThat(call.attempts()).extracting(Attempt::lack).containsExactly(Lack.BROKEN_OFF);
        assertThat(closed.await(10, SECONDS)).isTrue();
    }

    @Test
    void verdictComesBackToTheCallersContext() throws Exception {
        var same = Future.<Context>future(promise -> context.runOnContext(unused -> tool("/")
                        .run(invocation("ops"), call(() -> true))
                        .map(outcome -> Vertx.currentContext())
                        .onComplete(promise)))
                .await(10, SECONDS);

        assertThat(same).isSameAs(context);
    }

    @Test
    void verdictOnALookupThatNeverEndsComesBackToTheCallersContext() throws Exception {
        timeout = Duration.ofSeconds(1);
        resolver = host -> Promise.<List<InetAddress>>promise().future();

        var same = Future.<Context>future(promise -> context.runOnContext(unused -> tool("/")
                        .run(invocation("ops"), call(() -> true))
                        .map(outcome -> Vertx.currentContext())
                        .onComplete(promise)))
                .await(10, SECONDS);

        assertThat(same).isSameAs(context);
    }

    @Test
    void toolNamesItsDestinationsAndIsRepeatableWhereTheyAre() {
        idempotent = true;
        var safe = webhook("https://a.example.org", false);
        idempotent = false;
        timeout = Duration.ofSeconds(30);
        var tool = tool(Map.of("safe", safe, "ops", webhook("https://b.example.org", false)));

        var check = new ArgumentSchema(tool.spec().parameters());
        assertThat(check.check(Map.of("destination", "ops", "message", "m"))).isEmpty();
        assertThat(check.check(Map.of("destination", "https://b.example.org", "message", "m")))
                .hasSize(1);
        assertThat(check.check(Map.of("destination", "ops", "message", ""))).hasSize(1);
        assertThat(tool.spec().external()).isTrue();
        assertThat(tool.spec().timeout()).isEqualTo(Duration.ofSeconds(30));
        assertThat(tool.isRepeatable(Map.of("destination", "safe"))).isTrue();
        assertThat(tool.isRepeatable(Map.of("destination", "ops"))).isFalse();
        assertThat(tool.isRepeatable(Map.of("destination", "none"))).isFalse();
    }

    @Test
    void everyMistakeInTheDestinationsIsReportedAtOnce() {
        var odd = new Webhook(
                URI.create("https://c.example.org"),
                new Secret("whsec_oops"),
                null,
                false,
                false,
                Duration.ofSeconds(5));
        timeout = Duration.ofSeconds(61);
        var webhooks = Map.of(
                "a", webhook("http://a.example.org", false),
                "b", webhook("https://user:pass@b.example.org", false),
                "c", odd,
                "d", webhook("https://d.example.org", false),
                "e", webhook("https:///path", false));

        assertThatThrownBy(() -> WebhookTool.destinations(webhooks))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("tools.webhooks.a.url: scheme 'http'")
                .hasMessageContaining("tools.webhooks.b.url: user and password")
                .hasMessageContaining("tools.webhooks.c.secret: ")
                .hasMessageContaining("tools.webhooks.d.timeout: ")
                .hasMessageContaining("tools.webhooks.e.url: no host")
                .message()
                .doesNotContain("oops", "pass@");
    }

    private Outcome notify(WebhookTool tool) throws Exception {
        return notify(tool, call(() -> true));
    }

    private Outcome notify(WebhookTool tool, CallContext call) throws Exception {
        return start(tool, call).await(30, SECONDS);
    }

    private Future<Outcome> start(WebhookTool tool, CallContext call) {
        return Future.future(promise ->
                context.runOnContext(unused -> tool.run(invocation("ops"), call).onComplete(promise)));
    }

    private void onContext(Runnable work) throws Exception {
        Future.<Void>future(promise -> context.runOnContext(unused -> {
                    work.run();
                    promise.complete();
                }))
                .await(10, SECONDS);
    }

    private WebhookTool tool(String path) {
        return tool(Map.of("ops", webhook(receiver.url(HOST) + path, allowPrivate)));
    }

    private WebhookTool tool(Map<String, Webhook> webhooks) {
        var options = Network.clientOptions();
        return new WebhookTool(
                Network.open(vertx, options, host -> resolver.apply(host)), WebhookTool.destinations(webhooks));
    }

    private Webhook webhook(String url, boolean privateAllowed) {
        return new Webhook(URI.create(url), secret(SECRET), null, idempotent, privateAllowed, timeout);
    }

    private static Secret secret(byte[] key) {
        return new Secret("whsec_" + Base64.getEncoder().encodeToString(key));
    }

    private static CallContext call(BooleanSupplier mayStart) {
        return new CallContext("req-1", Deadline.in(Duration.ofSeconds(20)), mayStart);
    }

    private static Invocation invocation(String destination) {
        var arguments = Map.<String, Object>of("destination", destination, "message", "done");
        return new Invocation(RUN, "call_1", KEY, "default", arguments, null);
    }

    private static String signature(Receiver.Received request) throws Exception {
        return signature(request, SECRET);
    }

    private static String signature(Receiver.Received request, byte[] key) throws Exception {
        var mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(key, "HmacSHA256"));
        var signed = request.header("webhook-id") + "." + request.header("webhook-timestamp") + "."
                + request.body().toString(UTF_8);
        return "v1," + Base64.getEncoder().encodeToString(mac.doFinal(signed.getBytes(UTF_8)));
    }

    private static Future<List<InetAddress>> addresses(String... literals) {
        var addresses = new CopyOnWriteArrayList<InetAddress>();
        try {
            for (var literal : literals) {
                addresses.add(InetAddress.getByName(literal));
            }
        } catch (UnknownHostException e) {
            return Future.failedFuture(e);
        }
        return Future.succeededFuture(List.copyOf(addresses));
    }
}
