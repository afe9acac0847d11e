package io.taskpilot.guardrail;

import static java.util.concurrent.TimeUnit.SECONDS;

import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.json.JsonObject;
import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;

/** Says on the wire what the real NeMo Guardrails server can't be made to say. */
public final class FakeNemo {
    static final String PASSED = "{\"status\": \"passed\", \"content\": \"hello\"}";
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    private final Vertx vertx;
    private final AtomicInteger checks = new AtomicInteger();
    private volatile Consumer<HttpServerRequest> behaviour = answer(200, PASSED);
    private volatile String configs = "[{\"id\": \"taskpilot\"}]";
    private volatile JsonObject asked = new JsonObject();
    private final List<String> traceparents = new CopyOnWriteArrayList<>();
    private volatile HttpServer server;

    private FakeNemo(Vertx vertx) throws Exception {
        this.vertx = vertx;
        server = vertx.createHttpServer()
                .requestHandler(this::handle)
                .listen(0, "127.0.0.1")
                .await(30, SECONDS);
    }

    public static FakeNemo start(Vertx vertx) throws Exception {
        return new FakeNemo(vertx);
    }

    private void handle(HttpServerRequest request) {
        if (request.path().equals("/v1/rails/configs")) {
            request.response().end(configs);
            return;
        }
        request.body().onSuccess(body -> {
            asked = body.toJsonObject();
            traceparents.add(String.valueOf(request.getHeader("traceparent")));
            checks.incrementAndGet();
            behaviour.accept(request);
        });
    }

    public URI url() {
        return URI.create("http://127.0.0.1:" + server.actualPort());
    }

    /** What each check said of its place in a trace. */
    public List<String> traceparents() {
        return traceparents;
    }

    /** Checks that arrived. */
    int checks() {
        return checks.get();
    }

    JsonObject asked() {
        return asked;
    }

    void serves(String list) {
        configs = list;
    }

    public void answers(int status, String body) {
        behaviour = answer(status, body);
    }

    private static Consumer<HttpServerRequest> answer(int status, String body) {
        return request -> request.response().setStatusCode(status).end(body);
    }

    /** As the server does when a rail of its own threw. */
    public void breaksInside() {
        answers(
                200,
                "{\"status\": \"blocked\", \"content\": \"I'm sorry, an internal error has occurred.\","
                        + " \"rail\": \"regex check input\"}");
    }

    /** Passes so many checks, and then fails. */
    public void passesOnly(int checks) {
        var left = new AtomicInteger(checks);
        behaviour = request ->
                answer(left.getAndDecrement() > 0 ? 200 : 500, PASSED).accept(request);
    }

    public void hangs() {
        behaviour = request -> {};
    }

    /** @param closed when the asker gives up */
    void hangs(CompletableFuture<Boolean> closed) {
        behaviour = request -> request.connection().closeHandler(unused -> closed.complete(true));
    }

    /** A byte now and then: never silent for long, never done. */
    public void drips() {
        behaviour = request -> {
            request.response().setChunked(true);
            var timer = vertx.setPeriodic(100, unused -> request.response().write(" "));
            request.connection().closeHandler(unused -> vertx.cancelTimer(timer));
        };
    }

    public void floods() {
        behaviour = request -> {
            var content = "x".repeat(10_000_000);
            request.response().end(Buffer.buffer("{\"status\": \"passed\", \"content\": \"" + content + "\"}"));
        };
    }

    public void hangsUp() {
        behaviour = request -> request.connection().close();
    }

    void hangsUpOnce() {
        behaviour = request -> {
            answers(200, PASSED);
            request.connection().close();
        };
    }

    void stop() throws Exception {
        server.close().await(30, SECONDS);
    }

    void awaitChecks(int count) throws Exception {
        await(() -> checks() >= count);
    }

    void await(Callable<Boolean> condition) throws Exception {
        var latest = Instant.now().plus(PATIENCE);
        while (!condition.call()) {
            if (Instant.now().isAfter(latest)) {
                throw new AssertionError("not within " + PATIENCE);
            }
            Thread.sleep(20);
        }
    }
}
