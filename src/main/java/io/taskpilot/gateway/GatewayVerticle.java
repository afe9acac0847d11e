package io.taskpilot.gateway;

import io.vertx.core.Future;
import io.vertx.core.VerticleBase;
import io.vertx.core.Vertx;
import io.vertx.core.http.Http2Settings;
import io.vertx.core.http.HttpConnection;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.ext.web.Router;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/** Binds a port on its event loop. It holds no logic, so that none needs a deployed verticle to be tested. */
final class GatewayVerticle extends VerticleBase {
    static final int WEBSOCKET_MESSAGE_BYTES = 256 * 1024;

    // over the message limit, so that a frame between the two is closed with 1009 and not with a reset
    private static final int WEBSOCKET_FRAME_BYTES = 1 << 20;

    private static final int HEADER_BYTES = 16 * 1024;
    private static final int LINE_BYTES = 8 * 1024;
    // else the kernel keeps up to 4 MiB for each reader that does not read
    private static final int SEND_BUFFER_BYTES = 256 * 1024;
    private static final int STREAMS_PER_CONNECTION = 100;
    private static final int KEPT_ALIVE_SECONDS = 15;

    private final Gateway gateway;
    private final Function<Vertx, Router> router;
    private final int port;
    private final String host;
    private final IntConsumer bound;
    private final AtomicInteger connections;
    private @Nullable HttpServer server;

    /** @param bound is told the port, when it was the system's choice */
    GatewayVerticle(
            Gateway gateway,
            Function<Vertx, Router> router,
            int port,
            String host,
            AtomicInteger connections,
            IntConsumer bound) {
        this.gateway = gateway;
        this.router = router;
        this.port = port;
        this.host = host;
        this.connections = connections;
        this.bound = bound;
    }

    @Override
    public Future<?> start() {
        gateway.loops().sample(vertx);
        return vertx.createHttpServer(options())
                .requestHandler(ProblemHandler.before(router.apply(vertx)))
                .invalidRequestHandler(ProblemHandler::refuse)
                .connectionHandler(this::count)
                .listen(port, host)
                .onSuccess(listening -> {
                    server = listening;
                    bound.accept(listening.actualPort());
                });
    }

    /** Listens no more, and lets requests that are being answered end; cuts what is left after {@code limit}. */
    Future<Void> shutdown(Duration limit) {
        return server == null ? Future.succeededFuture() : server.shutdown(limit.toMillis(), TimeUnit.MILLISECONDS);
    }

    @Override
    public Future<?> stop() {
        gateway.loops().stop();
        return Future.succeededFuture(); // Vert.x closes what a verticle opened
    }

    private HttpServerOptions options() {
        return new HttpServerOptions()
                .setHttp2ClearTextEnabled(true)
                .setSendBufferSize(SEND_BUFFER_BYTES)
                .setInitialSettings(new Http2Settings()
                        .setMaxConcurrentStreams(STREAMS_PER_CONNECTION)
                        .setMaxHeaderListSize(HEADER_BYTES))
                .setHandle100ContinueAutomatically(true)
                .setMaxHeaderSize(HEADER_BYTES)
                .setMaxInitialLineLength(LINE_BYTES)
                .setMaxWebSocketFrameSize(WEBSOCKET_FRAME_BYTES)
                .setMaxWebSocketMessageSize(WEBSOCKET_FRAME_BYTES)
                // a stream writes every 15 s, so only the forgotten are idle, and those that do not read
                .setIdleTimeout(KEPT_ALIVE_SECONDS
                        + Math.max(1, 2 * (int) gateway.patience().toSeconds()));
    }

    private void count(HttpConnection connection) {
        connection.closeHandler(unused -> connections.decrementAndGet());
        if (connections.incrementAndGet() > gateway.http().maxConnections()) {
            gateway.metrics().admission().rejected("overload");
            connection.close();
        }
    }
}
