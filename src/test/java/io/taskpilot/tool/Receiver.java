package io.taskpilot.tool;

import static java.util.concurrent.TimeUnit.SECONDS;

import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.http.HttpServerRequest;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Who gets the webhooks, as the network shows it; answers each request with what the test says next. */
final class Receiver {
    /** One request, whole. */
    record Received(String path, Map<String, String> headers, Buffer body, String sni) {
        String header(String name) {
            return headers.getOrDefault(name, "");
        }
    }

    final BlockingQueue<Received> received = new LinkedBlockingQueue<>();
    final AtomicInteger connections = new AtomicInteger();
    private final BlockingQueue<Consumer<HttpServerRequest>> answers = new LinkedBlockingQueue<>();
    private final HttpServer server;

    Receiver(Vertx vertx, HttpServerOptions options) throws Exception {
        server = vertx.createHttpServer(options)
                .connectionHandler(connection -> {
                    connections.incrementAndGet();
                    connection.closeHandler(unused -> connections.decrementAndGet());
                })
                .requestHandler(this::receive)
                .listen(0, "127.0.0.1")
                .await(10, SECONDS);
    }

    int port() {
        return server.actualPort();
    }

    String url(String host) {
        return "http://" + host + ":" + port();
    }

    /** Adds to what comes next; with nothing left, a request is answered 204. */
    Receiver then(Consumer<HttpServerRequest> answer) {
        answers.add(answer);
        return this;
    }

    Receiver thenStatus(int status) {
        return then(request -> request.response().setStatusCode(status).end("said " + status));
    }

    Receiver thenRedirect(int status, String location) {
        return then(request -> request.response()
                .setStatusCode(status)
                .putHeader("Location", location)
                .end());
    }

    /** Closes the connection without a word. */
    Receiver thenCut() {
        return then(request -> request.connection().close());
    }

    Receiver thenSilence() {
        return then(request -> {});
    }

    void close() throws Exception {
        server.close().await(10, SECONDS);
    }

    private void receive(HttpServerRequest request) {
        request.body().onSuccess(body -> {
            var headers = new TreeMap<String, String>(String.CASE_INSENSITIVE_ORDER);
            request.headers().forEach(header -> headers.put(header.getKey(), header.getValue()));
            received.add(new Received(
                    request.uri(),
                    headers,
                    body,
                    String.valueOf(request.connection().indicatedServerName())));
            var answer = next();
            if (answer == null) {
                request.response().setStatusCode(204).end();
            } else {
                answer.accept(request);
            }
        });
    }

    private @Nullable Consumer<HttpServerRequest> next() {
        return answers.poll();
    }
}
