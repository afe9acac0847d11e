package io.taskpilot.gateway;

import com.fasterxml.jackson.databind.JsonNode;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.http.UpgradeRejectedException;
import io.vertx.core.http.WebSocket;
import io.vertx.core.http.WebSocketClient;
import io.vertx.core.http.WebSocketClientOptions;
import io.vertx.core.http.WebSocketConnectOptions;
import io.vertx.core.http.WebSocketFrame;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** A caller's WebSocket. */
final class Socket implements AutoCloseable {
    private final WebSocketClient client;
    private final WebSocket socket;
    private final BlockingQueue<String> frames = new LinkedBlockingQueue<>();
    private final Promise<Integer> closed = Promise.promise();

    Socket(Vertx vertx, String url, @Nullable String key) throws Exception {
        client = vertx.createWebSocketClient(new WebSocketClientOptions().setMaxMessageSize(8 << 20));
        // handlers first: a server that drains has something to say at once
        var opening = client.webSocket().textMessageHandler(frames::add);
        opening.closeHandler(unused -> closed.complete((int) opening.closeStatusCode()));
        socket = opening.connect(options(url, key, "/v1/ws")).await(10, TimeUnit.SECONDS);
    }

    /** The status that an upgrade is refused with. */
    static int refusal(Vertx vertx, String url, @Nullable String key, String... headers) throws Exception {
        var options = options(url, key, "/v1/ws");
        for (var i = 0; i < headers.length; i += 2) {
            options.putHeader(headers[i], headers[i + 1]);
        }
        var client = vertx.createWebSocketClient();
        return client.connect(options)
                .map(101)
                .recover(cause -> cause instanceof UpgradeRejectedException refused
                        ? Future.succeededFuture(refused.getStatus())
                        : Future.failedFuture(cause))
                .eventually(client::close)
                .await(10, TimeUnit.SECONDS);
    }

    private static WebSocketConnectOptions options(String url, @Nullable String key, String path) {
        var uri = URI.create(url);
        var options = new WebSocketConnectOptions()
                .setHost(uri.getHost())
                .setPort(uri.getPort())
                .setURI(path);
        return key == null ? options : options.putHeader("Authorization", "Bearer " + key);
    }

    void send(String text) {
        socket.writeFinalTextFrame(text);
    }

    void send(WebSocketFrame frame) {
        socket.writeFrame(frame);
    }

    void pause() {
        socket.pause();
    }

    void resume() {
        socket.resume();
    }

    JsonNode next() throws Exception {
        var frame = frames.poll(10, TimeUnit.SECONDS);
        if (frame == null) {
            throw new IllegalStateException("no frame within 10 s");
        }
        return Client.JSON.readTree(frame);
    }

    /** What came and was not asked for. */
    List<JsonNode> received() throws Exception {
        var received = new ArrayList<JsonNode>();
        for (var frame : frames) {
            received.add(Client.JSON.readTree(frame));
        }
        return received;
    }

    int closeCode() throws Exception {
        return closed.future().await(30, TimeUnit.SECONDS);
    }

    @Nullable
    String closeReason() {
        return socket.closeReason();
    }

    @Override
    public void close() {
        client.close().await();
    }
}
