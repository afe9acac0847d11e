package io.taskpilot.gateway;

import io.taskpilot.gateway.Outlet.ReaderLost;
import io.taskpilot.resilience.Failure;
import io.taskpilot.telemetry.Trace;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.ServerWebSocket;
import io.vertx.core.http.WebSocketFrame;
import io.vertx.core.json.Json;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One WebSocket: frames in, frames out, and how it ends. Reads no further while so many operations are under way, or
 * while the reader does not read. Belongs to the socket's context.
 */
final class SocketSession {
    private static final Logger log = LoggerFactory.getLogger(SocketSession.class);
    private static final short UNSUPPORTED = 1003;
    private static final short BAD_UTF8 = 1007;
    private static final short TOO_BIG = 1009;
    private static final short POLICY = 1008;
    private static final short RESTART = 1012;
    private static final short TRY_AGAIN = 1013;
    private static final int OPERATIONS = 32;
    private static final int REASON_BYTES = 123;
    private static final long PING_MILLIS = 20_000;
    private static final int CONTROL_FRAMES = 1_000;
    private static final long LAST_OPERATIONS_MILLIS = 2_000;

    private final Vertx vertx;
    private final Gateway gateway;
    private final ServerWebSocket socket;
    private final String requestId;
    private final Outlet outlet;
    private final SocketOperations operations;
    private @Nullable Buffer message;
    private int underWay;
    /** Completes once a socket that leaves has no operation under way, or has waited long enough. */
    private final Promise<Void> answered = Promise.promise();

    private boolean leaving;
    private boolean ending;
    private boolean pinged = true;
    private int controlFrames;
    private String reason = "client_gone";

    SocketSession(Gateway gateway, Vertx vertx, ServerWebSocket socket, Caller caller, String requestId, Trace trace) {
        this.vertx = vertx;
        this.gateway = gateway;
        this.socket = socket;
        this.requestId = requestId;
        outlet = new Outlet(vertx, gateway.patience());
        operations = new SocketOperations(gateway, vertx, this, caller, requestId, trace);
    }

    void run() {
        var open = gateway.streams().add(vertx, "websocket", this::leave);
        var pings = vertx.setPeriodic(PING_MILLIS, unused -> ping());
        socket.frameHandler(this::frame)
                .exceptionHandler(cause -> log.debug("socket failed request_id={}", requestId, cause))
                .closeHandler(unused -> {
                    vertx.cancelTimer(pings);
                    // once upgraded, the HTTP connection does not hear of its end
                    gateway.connections().decrementAndGet();
                    outlet.gone();
                    operations.close();
                    answered.tryComplete();
                    gateway.streams().remove(open, reason);
                });
    }

    /** Finds out who does not read though nothing is sent: Vert.x answers pings by itself, whatever their number. */
    private void ping() {
        controlFrames = 0;
        if (isOpen() && !pinged) {
            slow();
        } else if (isOpen()) {
            pinged = false;
            socket.writePing(Buffer.buffer()).onSuccess(unused -> pinged = true);
        }
    }

    boolean isOpen() {
        return !ending && !outlet.isLost() && !socket.isClosed();
    }

    private void frame(WebSocketFrame frame) {
        if (ending || leaving || frame.isClose()) {
            return;
        }
        if (!frame.isText() && !frame.isBinary() && !frame.isContinuation()) {
            if (++controlFrames > CONTROL_FRAMES) {
                end(POLICY, "too many control frames", "error");
            }
            return;
        }
        if (frame.isBinary()) {
            end(UNSUPPORTED, "text frames only", "error");
            return;
        }
        var whole = message == null ? frame.binaryData() : message.appendBuffer(frame.binaryData());
        if (whole.length() > GatewayVerticle.WEBSOCKET_MESSAGE_BYTES) {
            end(TOO_BIG, "over %d bytes".formatted(GatewayVerticle.WEBSOCKET_MESSAGE_BYTES), "error");
        } else if (frame.isFinal()) {
            message = null;
            received(whole);
        } else {
            message = message == null ? whole.copy() : whole;
        }
    }

    private void received(Buffer text) {
        if (!StrictJson.isUtf8(text.getBytes())) {
            end(BAD_UTF8, "not UTF-8", "error");
            return;
        }
        underWay++;
        if (underWay == OPERATIONS) {
            socket.pause();
        }
        operations.perform(text.getBytes()).onComplete(unused -> outlet.room().onComplete(room -> performed()));
    }

    private void performed() {
        underWay--;
        if (leaving && underWay == 0) {
            goAway();
        }
        if (underWay == OPERATIONS - 1 && isOpen()) {
            socket.resume();
        }
    }

    /** Sends a frame; completes when there is room for the next, fails with {@link ReaderLost}. */
    Future<Void> send(Map<String, ? extends @Nullable Object> frame) {
        if (!isOpen()) {
            outlet.gone();
            return outlet.room();
        }
        var text = Json.encode(frame);
        return outlet.wrote(text.length(), socket.writeTextMessage(text)).onFailure(this::lost);
    }

    /** Sends a frame that may as well be left out, if there is room to spare; says whether it did. */
    boolean offer(Map<String, Object> frame) {
        if (!isOpen()) {
            return true; // nobody is there to be too slow
        }
        return outlet.isRoomy() && !send(frame).failed();
    }

    private void lost(Throwable cause) {
        if (cause instanceof ReaderLost reader && reader.isStalled() && !ending) {
            slow();
        }
    }

    private void slow() {
        gateway.metrics().streams().dropped("websocket", operations.pending());
        end(TRY_AGAIN, "slow reader " + operations.positions(), "slow_reader");
    }

    /** Sends the failure of an operation, or of a subscription. */
    Future<Void> sendError(@Nullable String ref, Throwable cause) {
        var failure = Failure.from(cause);
        if (failure.kind() == Failure.Kind.INTERNAL) {
            log.error("socket operation failed request_id={} id={}", requestId, ref, failure);
        } else {
            log.info("socket operation refused request_id={} slug={}", requestId, failure.slug());
        }
        var frame = new LinkedHashMap<String, @Nullable Object>();
        frame.put("op", "error");
        frame.put("id", ref);
        frame.put("problem", Problems.json(failure, null, requestId));
        if (failure.retryAfter() != null) {
            frame.put("retry_after_s", Math.max(1, failure.retryAfter().toSeconds()));
        }
        return send(frame);
    }

    /**
     * Takes no more frames, and goes once those under way are answered: who submitted a run must hear that it was
     * accepted.
     */
    private Future<Void> leave() {
        if (!isOpen()) {
            answered.tryComplete();
        } else if (!leaving) {
            leaving = true;
            socket.writeTextMessage(Json.encode(Map.of("op", "reconnect", "reason", "draining")));
            vertx.setTimer(LAST_OPERATIONS_MILLIS, unused -> goAway());
            if (underWay == 0) {
                goAway();
            }
        }
        return answered.future();
    }

    private void goAway() {
        end(RESTART, "draining", "draining");
        answered.tryComplete();
    }

    /** @param because as metrics have it */
    private void end(short code, String text, String because) {
        if (ending || socket.isClosed()) {
            return;
        }
        ending = true;
        reason = because;
        operations.close();
        log.info("socket closed request_id={} code={} reason={}", requestId, code, text);
        socket.close(code, text.length() > REASON_BYTES ? text.substring(0, REASON_BYTES) : text);
        // the close frame waits behind what the reader does not read; it idles then, and idle connections are cut
        socket.pause();
    }
}
